use serde::{Deserialize, Serialize};

use super::{Activity, ObjectSnapshot, Snapshot};

/// What is counted of a process, by the kernel's own names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PerfEvent {
    /// CPU cycles (`PERF_COUNT_HW_CPU_CYCLES`).
    Cycles,
    /// Instructions retired (`PERF_COUNT_HW_INSTRUCTIONS`).
    Instructions,
    /// Misses of the last cache (`PERF_COUNT_HW_CACHE_MISSES`).
    CacheMisses,
    /// Loads that missed the data TLB (`PERF_COUNT_HW_CACHE_DTLB`).
    DtlbMisses,
    /// Time on a CPU, in nanoseconds (`PERF_COUNT_SW_TASK_CLOCK`).
    TaskClockNs,
    /// Context switches (`PERF_COUNT_SW_CONTEXT_SWITCHES`).
    ContextSwitches,
    /// Page faults (`PERF_COUNT_SW_PAGE_FAULTS`).
    PageFaults,
    /// Moves to another CPU (`PERF_COUNT_SW_CPU_MIGRATIONS`).
    CpuMigrations,
}

impl PerfEvent {
    /// Counted by the PMU, together: their ratios are of the same time.
    pub const HARDWARE: [Self; 4] = [
        Self::Cycles,
        Self::Instructions,
        Self::CacheMisses,
        Self::DtlbMisses,
    ];
    /// Counted by the kernel, on every machine.
    pub const SOFTWARE: [Self; 4] = [
        Self::TaskClockNs,
        Self::ContextSwitches,
        Self::PageFaults,
        Self::CpuMigrations,
    ];

    /// Its name in text; the unit is in it where there is one.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cycles => "cycles",
            Self::Instructions => "instructions",
            Self::CacheMisses => "cache misses",
            Self::DtlbMisses => "dTLB misses",
            Self::TaskClockNs => "task clock, ns",
            Self::ContextSwitches => "context switches",
            Self::PageFaults => "page faults",
            Self::CpuMigrations => "CPU migrations",
        }
    }

    /// Its name in JSON.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::Cycles => "cycles",
            Self::Instructions => "instructions",
            Self::CacheMisses => "cache_misses",
            Self::DtlbMisses => "dtlb_misses",
            Self::TaskClockNs => "task_clock_ns",
            Self::ContextSwitches => "context_switches",
            Self::PageFaults => "page_faults",
            Self::CpuMigrations => "cpu_migrations",
        }
    }
}

/// One event's count.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PerfCount {
    /// What is counted.
    pub event: PerfEvent,
    /// In the interval; `None` where no counter ran in it.
    pub interval: Option<u64>,
    /// Since counting began; `None` until a counter ran.
    pub total: Option<u64>,
    /// The part of the interval's CPU time in which it was counted, 0 to 1: below 1 the PMU
    /// was shared, and the counts are estimates for the whole time.
    pub counted: f64,
}

/// Events that are not counted, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PerfAbsent {
    /// Which.
    pub events: Vec<PerfEvent>,
    /// What is missing.
    pub why: String,
}

/// What a process did on its CPUs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PerfCounts {
    /// The process.
    pub pid: u32,
    /// Whose counts they are in words, e.g. `process 4242, all threads`.
    pub of: String,
    /// Whether the kernel's part is left out, because it may not be seen.
    pub user_only: bool,
    /// Threads that are not counted, and neither are those that they start: too many, or the
    /// kernel refused them.
    pub threads_left_out: u32,
    /// Whether threads were started while counting began, so that some may be missing.
    pub unsettled: bool,
    /// Threads whose counters could not be read in the interval.
    pub unread: u32,
    /// What is counted.
    pub counts: Vec<PerfCount>,
    /// What is not.
    pub absent: Vec<PerfAbsent>,
}

impl PerfCounts {
    /// Whether a part of the process is not in the counts.
    #[must_use]
    pub fn is_partial(&self) -> bool {
        self.threads_left_out > 0 || self.unsettled || self.unread > 0
    }
}

/// Requests and their entries: what counts are divided by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Work {
    /// Requests.
    pub requests: u64,
    /// Entries in them.
    pub entries: u64,
}

impl Work {
    /// `count` per request; `None` where there was none.
    #[must_use]
    pub fn per_request(self, count: u64) -> Option<f64> {
        (self.requests > 0).then(|| count as f64 / self.requests as f64)
    }

    /// `count` per entry; `None` where there was none.
    #[must_use]
    pub fn per_entry(self, count: u64) -> Option<f64> {
        (self.entries > 0).then(|| count as f64 / self.entries as f64)
    }
}

impl Snapshot {
    /// The requests that process `pid` made in the interval. What is seen by static probes is
    /// all of one process.
    #[must_use]
    pub fn work_of(&self, pid: u32) -> Work {
        let of_process = |object: &&ObjectSnapshot| {
            let owner = object.owner.as_ref();
            owner.is_some_and(|owner| owner.process.id == pid)
        };
        let activities: Vec<&Activity> = if self.is_of_the_kernel() {
            let objects = self.objects.iter().filter(of_process);
            objects.map(|one| &one.interval).collect()
        } else {
            self.instances.iter().map(|one| &one.interval).collect()
        };
        let requests = activities.iter().map(|one| &one.request);
        requests.fold(Work::default(), |sum, request| Work {
            requests: sum.requests.saturating_add(request.seen),
            entries: sum.entries.saturating_add(request.items),
        })
    }
}
