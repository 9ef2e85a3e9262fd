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
    // On one thread: a device that is opened and closed again moves its BARs.
    let left = refusals(
        &["--one-thread"],
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
#[ignore = "needs the lab x86-intel: boots it locked down, where nothing tells"]
fn a_kernel_that_is_locked_down_and_does_not_tell_is_asked() {
    let left = refusals(
        &["--append", "lockdown=confidentiality"],
        r"
        umount /sys/kernel/security
        refuse kernel top kernel
        refuse record hwptop record --commands -- touch ran
        refuse doctor hwptop doctor --require-kernel --format json
        hwptop --once --interval 10ms >default 2>default.err
        [ ! -e ran ]",
    );
    for name in ["kernel", "record"] {
        refused(&left, name, &["locked down (confidentiality)", "remedy: "]);
    }
    assert_eq!(left.printed("doctor"), 3);
    let found = left.snapshot("doctor.out").0;
    assert_eq!(found["machine"]["lockdown"], "confidentiality");
    for stage in found["stages"].as_array().expect("stages") {
        // A process's own probes read nothing of the kernel's.
        let attaches = &stage["attaches"];
        assert_ne!(attaches, "fentry", "{stage}");
        assert_ne!(attaches, "kprobe", "{stage}");
    }
    let (model, remark) = (left.file("default"), left.file("default.err"));
    assert!(model.contains("target model"), "{model}");
    assert_eq!(remark.lines().count(), 1, "{remark}");
    assert!(remark.contains("what follows is the model"), "{remark}");
}

#[test]
#[ignore = "needs the lab x86-intel: replays a stream that cannot go on"]
fn a_guest_that_cannot_go_on_before_its_first_request_is_told() {
    let stream = "t_us,lo,hi\n0,5,1000\n0,ff,0\n".to_owned();
    let left = run_with(
        PROFILE,
        &[],
        &[("fault.csv", stream)],
        "for format in json text svg; do
             hwptop top --target selftest --capture fault.csv --passes 1 --speed max --once --format $format >$format
         done",
    );
    let snapshot = left.snapshot("json").0;
    let instances = snapshot["instances"].as_array().expect("instances");
    let [mock] = instances.as_slice() else {
        panic!("{snapshot}")
    };
    assert_eq!(mock["kind"], "mock", "{mock}");
    let driver = &mock["driver"];
    assert_eq!([&driver["waits"], &driver["faults"]], [1, 1], "{mock}");
    let fault = mock["fault"].as_str().expect("a fault");
    for word in ["fault.csv: guest queue frozen", "IQEI 3", "line 3"] {
        assert!(fault.contains(word), "{fault}");
    }
    let text = left.file("text");
    assert!(text.contains(fault), "{text}");
    assert!(left.file("svg").contains("frozen"));
}

#[test]
#[ignore = "needs the lab x86-intel: records nothing there"]
fn an_older_recording_outlives_one_of_nothing() {
    let left = refusals(
        &[],
        "echo old >old.csv
         refuse absent hwptop record --commands -o old.csv -- nosuchcommand
         hwptop record --commands -o old.csv -- true
         ls >names",
    );
    assert_eq!(left.printed("absent"), 2);
    assert_eq!(left.file("old.csv"), "old\n");
    assert!(
        !left.file("names").contains("part"),
        "{}",
        left.file("names")
    );
}

#[test]
#[ignore = "needs the lab x86-intel: makes requests there"]
fn too_few_requests_to_tell_are_no_refutation() {
    let left = refusals(
        &[],
        "refuse few hwptop bench integrity --threads 64 --requests 1",
    );
    // A thread may be moved within the only request, and then every check holds.
    if left.printed("few") != 0 {
        assert_eq!(left.printed("few"), 3, "{}", left.file("few.out"));
        let said = left.file("few.out");
        assert!(said.contains("verdict: proves nothing: "), "{said}");
    }
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
