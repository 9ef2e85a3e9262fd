use aya::maps::MapError;
use hdrhistogram::Histogram;
use hwptop_abi::{Batch, Bucket, GuestCell, InstanceArg, STAGES, SlowRecord, Stage, StageCell};
use serde::{Deserialize, Serialize};

use crate::{
    aggregate::instance_name,
    looking::RunTimes,
    snapshot::{BatchSizes, ErrorCodes, SlowRunning, histogram_up_to},
};

/// What one (instance, stage) counted since the measurement began, all CPUs
/// together.
#[derive(Clone, Debug)]
pub struct StageTotals(pub StageCell);

impl Default for StageTotals {
    fn default() -> Self {
        Self(StageCell::ZERO)
    }
}

impl StageTotals {
    /// Ends that are in a bucket.
    #[must_use]
    pub fn recorded(&self) -> u64 {
        sum(&self.0.buckets)
    }

    /// Whether every seen end is accounted for: in a bucket or lost, and each error under its
    /// code. While programs run, a copy of their cell can be in the middle of one event. (Not each
    /// has a batch size: what is left of a request has no items.)
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.0.seen == self.recorded() + self.0.lost_no_start
            && self.0.errors == sum(&self.0.error_codes)
    }

    /// Leaves the events that are half counted to the next read.
    pub(crate) fn leave_the_unsettled(&mut self) {
        self.0.seen = self.recorded() + self.0.lost_no_start;
        self.0.errors = sum(&self.0.error_codes);
    }

    /// Adds another CPU's cell.
    pub fn add(&mut self, cell: &StageCell) {
        self.combine(cell, u64::wrapping_add);
    }

    /// What was counted since `earlier`.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let mut difference = self.clone();
        difference.combine(&earlier.0, u64::saturating_sub);
        difference
    }

    /// Non-empty buckets with their counts, fastest first.
    pub fn buckets(&self) -> impl Iterator<Item = (Bucket, u64)> + '_ {
        self.0
            .buckets
            .iter()
            .enumerate()
            .filter(|(_, count)| **count > 0)
            .filter_map(|(index, count)| Some((Bucket::at(index)?, *count)))
    }

    /// The recorded latencies in nanoseconds, each as the middle of its bucket. It is
    /// only as large as the slowest of them asks for: a snapshot holds many.
    #[must_use]
    pub fn latency(&self) -> Histogram<u64> {
        let slowest = self.buckets().last();
        let mut latency = histogram_up_to(slowest.map_or(0, |(bucket, _)| bucket.middle_ns()));
        for (bucket, count) in self.buckets() {
            // hdrhistogram's smallest value is 1; 0 ns is below any clock's step.
            latency.saturating_record_n(bucket.middle_ns().max(1), count);
        }
        latency
    }

    /// The ends by how many items they carried.
    #[must_use]
    pub fn batches(&self) -> BatchSizes {
        let counts = self.0.batches.iter().enumerate();
        let sizes = counts.filter_map(|(index, count)| Some((Batch::at(index)?.least(), *count)));
        sizes.collect()
    }

    /// The ends with an error by its code.
    #[must_use]
    pub fn error_codes(&self) -> ErrorCodes {
        (0..).zip(self.0.error_codes).collect()
    }

    fn combine(&mut self, other: &StageCell, operation: impl Fn(u64, u64) -> u64) {
        let cell = &mut self.0;
        for (mine, theirs) in [
            (&mut cell.seen, other.seen),
            (&mut cell.lost_no_start, other.lost_no_start),
            (&mut cell.items, other.items),
            (&mut cell.errors, other.errors),
            (&mut cell.total_ns, other.total_ns),
        ] {
            *mine = operation(*mine, theirs);
        }
        for (mine, theirs) in [
            (&mut cell.buckets[..], &other.buckets[..]),
            (&mut cell.batches, &other.batches),
            (&mut cell.error_codes, &other.error_codes),
        ] {
            for (mine, theirs) in mine.iter_mut().zip(theirs) {
                *mine = operation(*mine, *theirs);
            }
        }
    }
}

fn sum(counts: &[u64]) -> u64 {
    counts.iter().sum()
}

/// How often a cell is read again that was copied in the middle of an event.
const SETTLE_ATTEMPTS: u32 = 16;

/// One cell of each CPU, read until no event is half counted in any copy. Those that are settled
/// are kept while the others are read again: on a machine with many CPUs, some event is always
/// being counted on one of them.
pub(crate) fn settled<C, E>(
    mut read: impl FnMut() -> Result<Vec<C>, E>,
    is_settled: impl Fn(&C) -> bool,
) -> Result<Vec<C>, E> {
    let mut cells = read()?;
    for _ in 1..SETTLE_ATTEMPTS {
        if cells.iter().all(&is_settled) {
            break;
        }
        for (cell, again) in cells.iter_mut().zip(read()?) {
            if !is_settled(cell) {
                *cell = again;
            }
        }
    }
    Ok(cells)
}

/// The totals of every stage, by [`Stage`].
pub type Stages = [StageTotals; STAGES as usize];

/// What one instance counted since the measurement began.
#[derive(Clone, Debug)]
pub struct InstanceTotals {
    /// Which instance. Of an instance of the kernel, its vendor is not looked at.
    pub instance: InstanceArg,
    /// The kernel's own name for it, as in `/sys/class/iommu`.
    pub name: Option<String>,
    /// What stands behind it.
    pub kind: InstanceKind,
    /// Its guest queue.
    pub guest: GuestCell,
    /// By [`Stage`].
    pub stages: Stages,
}

impl InstanceTotals {
    /// An instance that has counted nothing.
    #[must_use]
    pub fn new(instance: InstanceArg) -> Self {
        Self {
            instance,
            name: None,
            kind: if instance.is_modelled() {
                InstanceKind::Modelled
            } else {
                InstanceKind::Hardware
            },
            guest: GuestCell::default(),
            stages: Default::default(),
        }
    }

    /// The kernel's name for it where that is known, else [`instance_name`].
    #[must_use]
    pub fn display_name(&self) -> String {
        self.name
            .clone()
            .unwrap_or_else(|| instance_name(self.instance))
    }

    /// The totals of one stage.
    #[must_use]
    pub fn stage(&self, stage: Stage) -> &StageTotals {
        &self.stages[stage as usize]
    }
}

/// What stands behind an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum InstanceKind {
    /// Hardware.
    Hardware,
    /// hwptop's own model.
    Modelled,
    /// A unit that a virtual machine monitor emulates: this machine is virtual.
    Emulated,
    /// The kernel's selftest mock (`CONFIG_IOMMUFD_TEST`).
    Mock,
}

impl InstanceKind {
    /// The word for it in every view and file.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Hardware => "hardware",
            Self::Modelled => "modelled",
            Self::Emulated => "emulated",
            Self::Mock => "mock",
        }
    }
}

/// The number that no instance has.
pub(crate) const NO_INSTANCE: u16 = u16::MAX;

/// Whose requests they are: one HWPT or vIOMMU of one process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectKey {
    /// Number of the instance; as in [`InstanceTotals::instance`]. [`NO_INSTANCE`] where the
    /// requests failed before any IOMMU was reached, or nothing tells which one was.
    pub instance: u16,
    /// Process id; `None` for the requests of all processes beyond those that are kept
    /// apart.
    pub tgid: Option<u32>,
    /// Tells iommufd contexts of one process apart; no meaning of its own. 0 where it is not
    /// known.
    pub context: u64,
    /// Id of the nested HWPT or vIOMMU within the context; 0 where `tgid` is `None`.
    pub hwpt: u32,
}

/// What one object counted since the measurement began.
#[derive(Clone, Debug)]
pub struct ObjectTotals {
    /// Whose.
    pub key: ObjectKey,
    /// By [`Stage`].
    pub stages: Stages,
}

/// Allocations of `IOMMUFD_OBJ_HW_QUEUE` objects (`IOMMU_HW_QUEUE_ALLOC`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HwQueues {
    /// That succeeded.
    pub allocated: u64,
    /// That failed.
    pub failed: u64,
}

/// Everything a source has counted, and the slow events since it was last read.
#[derive(Clone, Debug, Default)]
pub struct Totals {
    /// By instance number; only instances that did anything.
    pub instances: Vec<InstanceTotals>,
    /// Where requests come from, part of `instances` (kernel probes only).
    pub objects: Vec<ObjectTotals>,
    /// Failed requests since the last read, oldest first (kernel probes only).
    pub failures: Vec<SlowRecord>,
    /// Allocations of hardware queues, where they are counted (kernel probes only).
    pub hw_queues: Option<HwQueues>,
    /// Ends of instances beyond the number that is kept apart: seen and lost.
    pub unattributed: u64,
    /// Failed requests that found their ring buffer full.
    pub failures_dropped: u64,
    /// Events beyond the slow threshold.
    pub slow_seen: u64,
    /// Those that were not kept.
    pub slow_dropped: u64,
    /// The others since the last read, of each CPU oldest first.
    pub slow: Vec<SlowCall>,
    /// What was slow until this read, where that follows a percentile.
    pub slow_running: Option<SlowRunning>,
    /// What the programs themselves had to say since the last read.
    pub diagnostics: Vec<String>,
    /// What our own programs took, where there are any.
    pub run_times: Option<RunTimes>,
    /// Why programs that are attached did not run for a time since the last read, if so.
    pub blind: Option<String>,
}

impl Totals {
    /// What is counted, each event once: of instances, and of the objects that reached none.
    pub fn all_stages(&self) -> impl Iterator<Item = &Stages> {
        let has_instance = |object: &&ObjectTotals| {
            let number = object.key.instance;
            let mut known = self.instances.iter();
            known.any(|instance| instance.instance.number() == number)
        };
        let unreached = self.objects.iter().filter(move |one| !has_instance(one));
        let instances = self.instances.iter().map(|instance| &instance.stages);
        instances.chain(unreached.map(|object| &object.stages))
    }
}

/// A slow event as it was kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlowCall {
    /// What the programs knew.
    pub record: SlowRecord,
    /// The kernel's stack, innermost first, as `function+0x12`; empty where there is none.
    pub stack: Vec<String>,
}

impl From<SlowRecord> for SlowCall {
    fn from(record: SlowRecord) -> Self {
        Self {
            record,
            stack: Vec::new(),
        }
    }
}

/// Why a source could not be read.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The kernel does not hand out a map.
    #[error("reading {map}: {source}")]
    Map {
        /// The map that could not be read.
        map: &'static str,
        /// The reason.
        #[source]
        source: MapError,
    },
    /// The kernel took probes away together with the module that they were on.
    #[error(
        "module {0} was unloaded, and the probes on it are gone: start again when it is loaded"
    )]
    Unloaded(String),
}

impl SourceError {
    /// What the error of a map becomes.
    pub(crate) fn of_map(map: &'static str) -> impl FnOnce(MapError) -> Self {
        move |source| Self::Map { map, source }
    }
}

/// Where totals come from: the eBPF maps or the process itself.
pub trait Source {
    /// Reads what was counted until now.
    ///
    /// # Errors
    /// [`SourceError`]: nothing can be read, or nothing would be counted any more.
    fn read(&mut self) -> Result<Totals, SourceError>;
}

#[cfg(test)]
mod tests;
