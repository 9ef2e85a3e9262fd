use std::{fs, thread};

use hwptop_agent::kernel::{Held, facts::virtual_machine, host::Host};

use crate::run_file::Environment;

impl Environment {
    /// The machine this runs on, and a binary of `revision`.
    #[must_use]
    pub fn of_this_machine(revision: Option<&str>) -> Self {
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let governor = read("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor");
        let governor = governor.trim().to_owned();
        let unknown = || "unknown".to_owned();
        let kernel = read("/proc/sys/kernel/osrelease").trim().to_owned();
        let cpu = read("/proc/cpuinfo")
            .lines()
            .find_map(|line| line.strip_prefix("model name"))
            .and_then(|rest| rest.split_once(':'))
            .map_or_else(unknown, |(_, name)| name.trim().to_owned());
        Self {
            hwptop: env!("CARGO_PKG_VERSION").to_owned(),
            kernel: if kernel.is_empty() { unknown() } else { kernel },
            cpu,
            cpus: thread::available_parallelism().map_or(1, usize::from),
            revision: revision.map(str::to_owned),
            governor: (!governor.is_empty()).then_some(governor),
            virtualisation: virtual_machine(&Host::running()),
            ebpf_programs: Held::visible().map(|held| held.programs),
        }
    }
}
