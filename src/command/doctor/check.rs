//! The facts that decide, one by one, with what is wrong about each.

use hwptop_agent::kernel::{
    config::Setting,
    facts::{DeviceFile, Facts, Lockdown},
    site,
};

/// One thing that was looked at.
pub(super) struct Check {
    pub(super) name: &'static str,
    /// Whether it is as hwptop needs it; `None`: it only informs.
    pub(super) good: Option<bool>,
    pub(super) found: String,
}

/// Capabilities that matter, by number (`linux/capability.h`).
pub(super) const CAPABILITIES: [(&str, u32); 6] = [
    ("CAP_BPF", 39),
    ("CAP_PERFMON", 38),
    ("CAP_SYS_ADMIN", 21),
    ("CAP_SYS_RESOURCE", 24),
    ("CAP_SYSLOG", 34),
    ("CAP_DAC_OVERRIDE", 1),
];

/// Options of the kernel that matter.
pub(super) const OPTIONS: [&str; 13] = [
    "CONFIG_IOMMUFD",
    "CONFIG_IOMMUFD_TEST",
    "CONFIG_VFIO_DEVICE_CDEV",
    "CONFIG_BPF_SYSCALL",
    "CONFIG_BPF_JIT",
    "CONFIG_BPF_EVENTS",
    "CONFIG_DEBUG_INFO_BTF",
    "CONFIG_FUNCTION_TRACER",
    "CONFIG_DYNAMIC_FTRACE_WITH_DIRECT_CALLS",
    "CONFIG_KPROBES",
    "CONFIG_KPROBE_EVENTS",
    "CONFIG_UPROBE_EVENTS",
    "CONFIG_FTRACE_SYSCALLS",
];

/// What was looked at, what comes first first.
pub(super) fn checks(facts: &Facts) -> Vec<Check> {
    let may_load =
        facts.has_capability(21) || (facts.has_capability(39) && facts.has_capability(38));
    let mut checks = vec![
        check("right to load eBPF", Some(may_load), capabilities(facts)),
        btf(facts),
        answer(facts),
        check(
            "lockdown",
            match facts.lockdown {
                Lockdown::Unknown => None,
                level => Some(level != Lockdown::Confidentiality),
            },
            lockdown(facts),
        ),
        check("tracefs", Some(facts.tracing.tracefs), tracefs(facts)),
        check(
            "kallsyms",
            Some(facts.symbols.is_readable()),
            kallsyms(facts).to_owned(),
        ),
        device(facts),
        check("/dev/vfio/devices", None, vfio(facts)),
        check("sysctl kernel.*", sysctls_good(facts), sysctls(facts)),
    ];
    checks.extend(options(facts));
    checks
}

fn check(name: &'static str, good: Option<bool>, found: String) -> Check {
    Check { name, good, found }
}

fn capabilities(facts: &Facts) -> String {
    let (has, lacks): (Vec<_>, Vec<_>) = CAPABILITIES
        .iter()
        .partition(|(_, number)| facts.has_capability(*number));
    let names = |list: Vec<&(&str, u32)>| {
        let names: Vec<_> = list.iter().map(|(name, _)| *name).collect();
        names.join(" ")
    };
    match (has.is_empty(), lacks.is_empty()) {
        (_, true) => names(has),
        (true, false) => "no capability is in effect: run as root".to_owned(),
        (false, false) => format!("{}; without {}", names(has), names(lacks)),
    }
}

fn btf(facts: &Facts) -> Check {
    match &facts.btf {
        Ok(known) => {
            let files = [&["vmlinux".to_owned()], known.of_modules.as_slice()].concat();
            let found = format!("/sys/kernel/btf: {}", files.join(", "));
            check("BTF", Some(true), found)
        }
        Err(why) => check("BTF", Some(false), why.clone()),
    }
}

fn answer(facts: &Facts) -> Check {
    let answer = facts.answers.fentry.get(site::ANY_FUNCTION);
    let (good, found) = match answer {
        None => (None, "not asked: it takes BTF".to_owned()),
        Some(Ok(())) => (Some(true), "the kernel loads one".to_owned()),
        Some(Err(errno)) => {
            let error = std::io::Error::from_raw_os_error(*errno);
            (Some(false), format!("the kernel refuses one: {error}"))
        }
    };
    check("fentry program", good, found)
}

fn lockdown(facts: &Facts) -> String {
    let forced = [
        ("CONFIG_LOCK_DOWN_KERNEL_FORCE_INTEGRITY", "integrity"),
        (
            "CONFIG_LOCK_DOWN_KERNEL_FORCE_CONFIDENTIALITY",
            "confidentiality",
        ),
    ];
    let built_in = forced
        .iter()
        .find(|(option, _)| facts.config.setting(option) == Setting::Yes);
    match (facts.lockdown, built_in) {
        (Lockdown::Unknown, Some((_, level))) => {
            format!("built for {level}; securityfs, which would tell, is not mounted")
        }
        (Lockdown::Unknown, None) => "unknown: securityfs does not tell".to_owned(),
        (level, _) => level.name().to_owned(),
    }
}

fn tracefs(facts: &Facts) -> String {
    if !facts.tracing.tracefs {
        return "not mounted, or not for this user: mount -t tracefs none /sys/kernel/tracing"
            .to_owned();
    }
    let tracepoints = if facts.tracing.ioctl_tracepoints {
        "ioctl tracepoints"
    } else {
        "no ioctl tracepoints"
    };
    let functions = match &facts.tracing.traceable {
        Ok(_) => String::new(),
        Err(why) => format!(": {why}"),
    };
    format!("{tracepoints}, available_filter_functions{functions}")
}

fn kallsyms(facts: &Facts) -> &'static str {
    match (
        facts.symbols.is_readable(),
        facts.symbols.addresses_hidden(),
    ) {
        (false, _) => "cannot be read",
        (true, true) => "names (addresses are hidden, hwptop needs none)",
        (true, false) => "names and addresses",
    }
}

fn device(facts: &Facts) -> Check {
    let (good, found) = match &facts.iommu_device {
        DeviceFile::Openable => (true, "can be opened".to_owned()),
        DeviceFile::Refused(why) => (false, why.clone()),
        DeviceFile::Absent => (
            false,
            match facts.config.setting("CONFIG_IOMMUFD") {
                Setting::Module => "not there: modprobe iommufd",
                Setting::Unknown => "not there: modprobe iommufd, or a kernel with CONFIG_IOMMUFD",
                _ => "not there: it takes a kernel with CONFIG_IOMMUFD",
            }
            .to_owned(),
        ),
    };
    check("/dev/iommu", Some(good), found)
}

fn vfio(facts: &Facts) -> String {
    if facts.vfio_devices.is_empty() {
        "none: no device is bound to vfio-pci".to_owned()
    } else {
        facts.vfio_devices.join(" ")
    }
}

fn sysctls(facts: &Facts) -> String {
    let all: Vec<_> = facts
        .sysctls
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    all.join(" ")
}

fn sysctls_good(facts: &Facts) -> Option<bool> {
    facts.sysctls.get("ftrace_enabled").map(|value| *value != 0)
}

fn options(facts: &Facts) -> Vec<Check> {
    let setting = |option: &&str| facts.config.setting(option);
    if OPTIONS.iter().all(|one| setting(one) == Setting::Unknown) {
        let found = "unknown: neither /proc/config.gz nor /boot/config-* can be read";
        return vec![check("kernel options", None, found.to_owned())];
    }
    let (no, yes): (Vec<&str>, Vec<&str>) = OPTIONS
        .iter()
        .partition(|option| setting(option) == Setting::No);
    let short = |option: &str| option.trim_start_matches("CONFIG_").to_owned();
    let with_setting = |option: &&str| format!("{}={}", short(option), setting(option).name());
    let list = |names: Vec<String>| {
        if names.is_empty() {
            "none".to_owned()
        } else {
            names.join(" ")
        }
    };
    vec![
        check(
            "kernel has CONFIG_",
            None,
            list(yes.iter().map(with_setting).collect()),
        ),
        check(
            "kernel lacks CONFIG_",
            Some(no.is_empty()),
            list(no.into_iter().map(short).collect()),
        ),
    ]
}
