use std::{fs, thread};

use crate::run_file::Environment;

impl Environment {
    /// The machine this runs on.
    #[must_use]
    pub fn of_this_machine() -> Self {
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
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
        }
    }
}
