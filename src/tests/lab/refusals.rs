//! Machines that lack something: it is named, with the step, the errno and the remedy, and
//! the command ends with 3.

use super::guest::{Left, run_with};

const PROFILE: &str = "x86-intel";

/// `refuse NAME COMMAND…` keeps what COMMAND printed and how it ended under NAME.
const FUNCTIONS: &str = r#"
refuse() {
    name=$1
    shift
    code=0
    "$@" >$name.out 2>$name.err || code=$?
    echo $name $code
}
top() { hwptop top --once --interval 10ms --target "$@"; }
device=vfio:$HWPTOP_LAB_VFIO_CDEV
"#;

fn refusals(options: &[&str], script: &str) -> Left {
    run_with(PROFILE, options, &[], &format!("{FUNCTIONS}{script}"))
}

/// Checks that the command under `name` was refused, in one line with all these words.
fn refused(left: &Left, name: &str, words: &[&str]) {
    let said = left.file(&format!("{name}.err"));
    assert_eq!(left.printed(name), 3, "{name}: {said}");
    assert_eq!(said.lines().count(), 1, "{name}: {said}");
    for word in words {
        assert!(said.contains(word), "{name}: no {word:?} in {said}");
    }
    assert_eq!(left.file(&format!("{name}.out")), "", "{name}");
}

#[test]
#[ignore = "needs the lab x86-intel: refuses what its devices and users may not"]
fn a_device_or_a_user_that_may_not_is_told_why() {
    let left = refusals(
        &[],
        r#"
        refuse absent top vfio:/dev/vfio/devices/vfio77

        echo 1 >$tracing/events/intel_iommu/qi_submit/enable
        hwptop bench batching --target $device --requests 1000000000 >progress 2>&1 & busy=$!
        until grep -q qi_submit: $tracing/trace; do kill -0 $busy || fail "$(cat progress)"; usleep 20000; done
        refuse busy top $device
        kill $busy
        wait $busy || true

        echo N >/sys/module/iommufd/parameters/allow_unsafe_interrupts
        refuse unsafe top $device
        echo Y >/sys/module/iommufd/parameters/allow_unsafe_interrupts

        echo $HWPTOP_LAB_VFIO >/sys/bus/pci/drivers/vfio-pci/unbind
        refuse unbound top $device

        echo 'nobody:x:65534:65534::/:/bin/sh' >/etc/passwd
        for target in kernel selftest; do
            refuse user-$target su -s /bin/sh nobody -c "hwptop top --once --target $target"
        done

        mount -t tmpfs none /sys/kernel/btf
        top kernel >types
        "#,
    );
    let absent = [
        "vfio77",
        "cannot open it",
        "open answered ENOENT (2)",
        "driver_override",
    ];
    refused(&left, "absent", &absent);
    let bind = "cannot bind it to iommufd: VFIO_DEVICE_BIND_IOMMUFD answered";
    refused(&left, "busy", &["vfio0", bind, "in use", "end the process"]);
    let remedy = "iommufd.allow_unsafe_interrupts=1";
    refused(&left, "unsafe", &["vfio0", bind, "EPERM (1)", remedy]);
    refused(&left, "unbound", &["vfio0", "ENOENT (2)", "vfio-pci"]);
    for name in ["user-kernel", "user-selftest"] {
        refused(&left, name, &["CAP_BPF", "CAP_PERFMON"]);
    }
    // Without the kernel's types its requests can be seen still, and why not more is said.
    for word in ["request: tracepoint", "CONFIG_DEBUG_INFO_BTF"] {
        let said = left.file("types");
        assert!(said.contains(word), "no {word:?} in {said}");
    }
}

#[test]
#[ignore = "needs the lab x86-intel: boots it locked down"]
fn a_kernel_that_is_locked_down_is_named() {
    let left = refusals(
        &["--append", "lockdown=confidentiality"],
        "refuse kernel top kernel; refuse selftest top selftest; refuse doctor hwptop doctor --require-kernel --format json",
    );
    for name in ["kernel", "selftest"] {
        refused(&left, name, &["lockdown"]);
    }
    assert_eq!(left.printed("doctor"), 3);
    assert_eq!(
        left.snapshot("doctor.out").0["machine"]["lockdown"],
        "confidentiality"
    );
}

#[test]
#[ignore = "needs the lab x86-intel: boots it without iommufd"]
fn a_kernel_without_iommufd_is_named() {
    let left = refusals(
        &["--append", "initcall_blacklist=iommufd_init"],
        "refuse selftest top selftest; refuse batching hwptop bench batching --target selftest",
    );
    refused(&left, "selftest", &["/dev/iommu", "iommufd"]);
    let said = left.file("batching.err");
    assert_eq!(left.printed("batching"), 3, "{said}");
    assert!(said.contains("CONFIG_IOMMUFD"), "{said}");
}
