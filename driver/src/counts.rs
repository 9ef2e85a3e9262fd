use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};

use crate::{DescriptorType, Fault};

/// What one instance has done since it was created, counted where it happens.
///
/// Any thread may read while the queues work: every figure is exact, but figures
/// that belong together may be one event apart until the queues are idle.
#[derive(Debug, Default)]
pub struct Counters {
    pub(crate) descriptors: [AtomicU64; DescriptorType::ALL.len()],
    pub(crate) doorbells: AtomicU64,
    pub(crate) waits: AtomicU64,
    pub(crate) interrupts: AtomicU64,
    pub(crate) requests: AtomicU64,
    pub(crate) entries: AtomicU64,
    pub(crate) handled: AtomicU64,
    pub(crate) request_errors: AtomicU64,
    pub(crate) submissions: AtomicU64,
    pub(crate) commands: AtomicU64,
    pub(crate) submission_errors: AtomicU64,
    pub(crate) faults: AtomicU64,
    pub(crate) untargeted: AtomicU64,
    pub(crate) absorbed: AtomicU64,
    /// Locked only when the queue freezes or thaws, and by readers.
    fault: Mutex<Option<Fault>>,
}

/// [`Counters`] at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Valid descriptors consumed, by [`DescriptorType::ALL`]: the head passed
    /// them for good. Those that a failed request sends the head back to count
    /// when they were executed again, so that each counts once.
    pub descriptors: [u64; DescriptorType::ALL.len()],
    /// Runs over the guest's queue: writes of the tail register that were
    /// handled, and resumptions after a fault.
    pub doorbells: u64,
    /// Wait descriptors completed.
    pub waits: u64,
    /// Completion interrupts asked for by completed wait descriptors.
    pub interrupts: u64,
    /// Requests that returned, failed ones included.
    pub requests: u64,
    /// Entries in those requests, repeated ones included. Fewer than the
    /// descriptors' targets only where an entry for everything of an HWPT made
    /// later ones of the same request needless.
    pub entries: u64,
    /// Entries that the backend reported as handled: all entries of a request
    /// that succeeded.
    pub handled: u64,
    /// Requests that failed.
    pub request_errors: u64,
    /// Submissions to the hardware queue that returned, failed ones included.
    pub submissions: u64,
    /// Commands in those submissions, without the sync that ends each.
    pub commands: u64,
    /// Submissions that failed.
    pub submission_errors: u64,
    /// Faults that froze the guest's queue.
    pub faults: u64,
    /// IOTLB invalidations that addressed no nested HWPT.
    pub untargeted: u64,
    /// Descriptors that end at the VMM: context, PASID, interrupt entry caches
    /// and device TLBs.
    pub absorbed: u64,
    /// Why the guest's queue stands still, if it does.
    pub fault: Option<Fault>,
}

impl Counters {
    /// Counters at zero.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// What was counted so far.
    #[must_use]
    pub fn snapshot(&self) -> Counts {
        Counts {
            descriptors: std::array::from_fn(|i| self.descriptors[i].load(Relaxed)),
            doorbells: self.doorbells.load(Relaxed),
            waits: self.waits.load(Relaxed),
            interrupts: self.interrupts.load(Relaxed),
            requests: self.requests.load(Relaxed),
            entries: self.entries.load(Relaxed),
            handled: self.handled.load(Relaxed),
            request_errors: self.request_errors.load(Relaxed),
            submissions: self.submissions.load(Relaxed),
            commands: self.commands.load(Relaxed),
            submission_errors: self.submission_errors.load(Relaxed),
            faults: self.faults.load(Relaxed),
            untargeted: self.untargeted.load(Relaxed),
            absorbed: self.absorbed.load(Relaxed),
            fault: self.fault(),
        }
    }

    /// Why the guest's queue stands still, if it does.
    #[must_use]
    pub fn fault(&self) -> Option<Fault> {
        *self.fault.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn set_fault(&self, fault: Option<Fault>) {
        *self.fault.lock().unwrap_or_else(PoisonError::into_inner) = fault;
    }
}

pub(crate) fn add(counter: &AtomicU64, n: u64) {
    counter.fetch_add(n, Relaxed);
}

impl Counts {
    /// How many descriptors of `kind` were consumed.
    #[must_use]
    pub const fn of(&self, kind: DescriptorType) -> u64 {
        self.descriptors[kind as usize]
    }

    /// Name and count of every descriptor type.
    pub fn by_type(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        DescriptorType::ALL
            .iter()
            .map(|&kind| (kind.name(), self.of(kind)))
    }
}
