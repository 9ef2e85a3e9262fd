use std::{fs, thread};

use hwptop_agent::kernel::{Held, facts::virtual_machine, host::Host};

use crate::run_file::Environment;

/// What stands for nothing being attached.
const NO_PROBES: &str = "none";

impl Environment {
    /// The machine this runs on, and a binary of `revision`; nothing is attached.
    #[must_use]
    pub fn of_this_machine(revision: Option<&str>) -> Self {
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let governor = read("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor");
        let governor = governor.trim().to_owned();
        let unknown = || "unknown".to_owned();
        let kernel = read("/proc/sys/kernel/osrelease").trim().to_owned();
        let profile = if cfg!(debug_assertions) {
            "debug"
        } else {
            "release"
        };
        Self {
            hwptop: env!("CARGO_PKG_VERSION").to_owned(),
            kernel: if kernel.is_empty() { unknown() } else { kernel },
            cpu: cpu(&read("/proc/cpuinfo")).unwrap_or_else(unknown),
            cpus: thread::available_parallelism().map_or(1, usize::from),
            revision: revision.map(str::to_owned),
            governor: (!governor.is_empty()).then_some(governor),
            virtualisation: virtual_machine(&Host::running()),
            ebpf_programs: Held::visible().map(|held| held.programs),
            profile: Some(profile.to_owned()),
            probes: Some(vec![NO_PROBES.to_owned()]),
        }
    }

    /// The same, measured under these probes; none where there are none.
    #[must_use]
    pub fn with_probes(self, probes: Vec<String>) -> Self {
        if probes.is_empty() {
            return self;
        }
        Self {
            probes: Some(probes),
            ..self
        }
    }
}

/// The first CPU's name for itself; on Arm, where it has none, its maker's and its own number.
fn cpu(cpuinfo: &str) -> Option<String> {
    let field = |name: &str| {
        let line = cpuinfo.lines().find_map(|line| line.strip_prefix(name))?;
        let (_, value) = line.split_once(':')?;
        Some(value.trim().to_owned())
    };
    field("model name").or_else(|| {
        let (implementer, part) = (field("CPU implementer")?, field("CPU part")?);
        Some(format!("implementer {implementer}, part {part}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cpu_without_a_name_is_told_by_its_numbers() {
        let x86 = "processor\t: 0\nmodel\t\t: 85\nmodel name\t: Xeon\n";
        assert_eq!(cpu(x86).as_deref(), Some("Xeon"));
        let arm = "processor\t: 0\nCPU implementer\t: 0x41\nCPU part\t: 0xd0c\n";
        assert_eq!(cpu(arm).as_deref(), Some("implementer 0x41, part 0xd0c"));
        assert_eq!(cpu("processor\t: 0\n"), None);
    }

    #[test]
    fn what_is_attached_is_told_and_so_is_that_nothing_is() {
        let of = Environment::of_this_machine;
        assert_eq!(of(None).probes, Some(vec!["none".to_owned()]));
        let probes = vec!["static probes".to_owned()];
        assert_eq!(of(None).with_probes(probes.clone()).probes, Some(probes));
    }
}
