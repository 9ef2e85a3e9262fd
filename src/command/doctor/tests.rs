use std::fs;

use hwptop_agent::kernel::host::Host;
use serde_json::Value;

use super::*;

/// A virtual machine with a VT-d unit and the selftest mock, seen by its root, without BTF.
fn machine() -> (Facts, Vec<StagePlan>) {
    let folder = tempfile::tempdir().unwrap();
    let kallsyms = "0 t iommufd_hwpt_invalidate\n0 T qi_submit_sync\n\
        0 t iommu_completion_wait.isra.0\n0 t iommu_completion_wait.cold\n";
    for (name, text) in [
        ("proc/sys/kernel/osrelease", "7.3.4\n"),
        ("proc/sys/kernel/ftrace_enabled", "1\n"),
        ("proc/self/status", "CapEff:\t000001ffffffffff\n"),
        ("proc/cpuinfo", "flags : fpu hypervisor\n"),
        ("proc/kallsyms", kallsyms),
        (
            "boot/config-7.3.4",
            "CONFIG_IOMMUFD=y\nCONFIG_BPF_SYSCALL=y\nCONFIG_BPF_JIT=y\nCONFIG_KPROBES=y\n\
             CONFIG_BPF_EVENTS=y\nCONFIG_DYNAMIC_FTRACE_WITH_DIRECT_CALLS=y\n",
        ),
        ("sys/kernel/security/lockdown", "[none] integrity\n"),
        ("sys/kernel/tracing/events/syscalls/sys_enter_ioctl/id", "1"),
        ("sys/kernel/tracing/events/syscalls/sys_exit_ioctl/id", "2"),
        ("sys/bus/event_source/devices/kprobe/type", "8"),
        ("sys/bus/event_source/devices/uprobe/type", "9"),
        ("sys/class/iommu/dmar0/intel-iommu/ecap", "480080000f42\n"),
        ("sys/class/iommu/dmar0/devices/0000:00:02.0/x", ""),
        ("sys/class/iommu/iommufd_selftest_iommu.0/x", ""),
        ("dev/iommu", ""),
        ("dev/vfio/devices/vfio0", ""),
    ] {
        let file = folder.path().join(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    }
    let mut facts = Facts::read(&Host::at(folder.path()));
    facts.architecture = "x86_64";
    // The folder's name is another one each time.
    facts.btf = Err("/sys/kernel/btf/vmlinux: No such file or directory".to_owned());
    let plans = plan(&facts);
    (facts, plans)
}

#[test]
fn the_text_fits_80_columns_and_has_no_colour_unless_told() {
    let (facts, plans) = machine();
    let plain = text::render(&facts, &plans, false);
    let widest = plain.lines().map(|line| line.chars().count()).max();
    assert!(widest.is_some_and(|widest| widest <= 80), "{plain}");
    assert!(!plain.contains('\x1b'));
    let colour = text::render(&facts, &plans, true);
    assert!(colour.contains("\x1b[32m"));
}

#[test]
fn the_verdict_comes_first_and_each_cause_is_told_once() {
    let (facts, plans) = machine();
    let text = text::render(&facts, &plans, false);
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines[0], "Linux 7.3.4 x86_64, virtual machine (unnamed)");
    assert!(
        lines[1].starts_with("can show: request, iommufd; "),
        "{text}"
    );
    let cannot = text
        .lines()
        .filter(|line| line.starts_with("cannot show: "));
    assert!(cannot.clone().count() >= 2, "{text}");
    let joined = lines.join(" ");
    let words: Vec<_> = joined.split_whitespace().collect();
    let flowing = words.join(" ");
    assert!(flowing.contains("no fentry, kprobe: no BTF: "), "{text}");
    assert!(
        flowing.contains("remedy: a kernel with CONFIG_DEBUG_INFO_BTF=y"),
        "{text}"
    );
    assert!(flowing.contains("iommu_completion_wait.isra.0"), "{text}");
    assert!(flowing.contains("nesting: no, ecap.NEST = 0"), "{text}");
}

#[test]
fn the_json_says_what_the_text_says_under_its_schema() {
    let (facts, plans) = machine();
    let document = json::document(&facts, &plans);
    assert_eq!(document["schema"], "hwptop.doctor/1");
    assert_eq!(document["watches_kernel_requests"], true);
    assert_eq!(document["missing"], Value::Null);
    let request = &document["stages"][0];
    assert_eq!(request["attaches"], "tracepoint");
    assert_eq!(
        request["rejected"][0],
        serde_json::json!({
            "method": "fentry",
            "reason": "no-btf",
            "why": "no BTF: /sys/kernel/btf/vmlinux: No such file or directory",
            "remedy": "a kernel with CONFIG_DEBUG_INFO_BTF=y",
        })
    );
    assert_eq!(
        document["instances"][0],
        serde_json::json!({
            "name": "dmar0",
            "vendor": "vtd",
            "kind": "emulated",
            "devices": ["0000:00:02.0"],
            "nesting": false,
            "nesting_why": "ecap.NEST = 0",
        })
    );
    assert_eq!(document["instances"][1]["kind"], "mock");
    let machine = &document["machine"];
    assert_eq!(machine["kernel"], "7.3.4");
    assert_eq!(machine["lockdown"], "none");
    assert_eq!(machine["options"]["CONFIG_VFIO_DEVICE_CDEV"], "n");
    assert_eq!(machine["vfio_devices"], serde_json::json!(["vfio0"]));
    let keys = |value: &Value| -> Vec<String> {
        let object = value.as_object().unwrap();
        object.keys().cloned().collect()
    };
    assert_eq!(
        keys(&document),
        [
            "hwptop",
            "instances",
            "machine",
            "missing",
            "schema",
            "stages",
            "watches_kernel_requests"
        ]
    );
    assert_eq!(
        keys(request),
        [
            "attaches", "function", "module", "owner", "rejected", "stage", "symbol"
        ]
    );
}
