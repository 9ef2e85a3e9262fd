use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};

use crate::{Fault, Vendor, amdvi, smmuv3, vtd};

/// What one instance has done since it was created, counted where it happens.
///
/// The figures of the guest's queue have one writer, its front end; those of the
/// hardware queue any number. Any thread may read while the queues work: every figure is
/// exact, but figures that belong together may be one event apart until the queues are
/// idle.
#[derive(Debug)]
pub struct Counters {
    vendor: Vendor,
    pub(crate) commands_by_type: [AtomicU64; TYPES_MAX],
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
    pub(crate) msi_aborts: AtomicU64,
    pub(crate) register_errors: AtomicU64,
    /// Locked only when the queue freezes or thaws, and by readers.
    fault: Mutex<Option<Fault>>,
}

/// [`Counters`] at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counts {
    vendor: Vendor,
    /// Valid commands consumed, by the vendor's list of types: the head passed
    /// them for good. Those that a failed request sends the head back to count
    /// when they were executed again, so that each counts once.
    commands_by_type: [u64; TYPES_MAX],
    /// Runs over the guest's queue: writes of the tail register that were
    /// handled, and resumptions after a fault.
    pub doorbells: u64,
    /// Syncs completed.
    pub waits: u64,
    /// Completion interrupts asked for by completed syncs.
    pub interrupts: u64,
    /// Requests that returned, failed ones included.
    pub requests: u64,
    /// Entries in those requests, repeated ones included. Fewer than the
    /// commands' targets only where an entry for everything of an HWPT made
    /// later ones of the same request needless, or entries were merged
    /// ([`crate::Policy::Coalesce`]).
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
    /// Invalidations that addressed no object: no nested HWPT or vIOMMU was attached
    /// for what they name.
    pub untargeted: u64,
    /// Commands that end at the VMM. VT-d: context, PASID and interrupt entry caches
    /// and device TLBs. SMMUv3: stream table entries, prefetches and answers to events.
    /// AMD-Vi: device table entries, interrupt tables, prefetches and answers to page
    /// requests.
    pub absorbed: u64,
    /// MSIs of completed syncs that were aborted: their address is not in guest
    /// memory (SMMUv3).
    pub msi_aborts: u64,
    /// Writes of registers that were ignored, or left the queue standing, because what
    /// they say is invalid and the specification has no error for it: inconsistent
    /// indexes (SMMUv3), a buffer or log of a reserved length (AMD-Vi), and registers
    /// that cannot be written while the queue is enabled. A write that stays without
    /// effect counts again at each doorbell.
    pub register_errors: u64,
    /// Why the guest's queue stands still, if it does.
    pub fault: Option<Fault>,
}

/// Room for the command types of every vendor.
pub(crate) const TYPES_MAX: usize = 32;

/// The names of a vendor's command types, in the order in which they are counted.
const fn type_names(vendor: Vendor) -> &'static [&'static str] {
    match vendor {
        Vendor::Vtd => &vtd::DescriptorType::NAMES,
        Vendor::SmmuV3 => &smmuv3::CommandType::NAMES,
        Vendor::AmdVi => &amdvi::CommandType::NAMES,
    }
}

impl Counters {
    /// Counters at zero, for an instance of `vendor`.
    #[must_use]
    pub fn new(vendor: Vendor) -> Self {
        Self {
            vendor,
            commands_by_type: [const { AtomicU64::new(0) }; TYPES_MAX],
            doorbells: AtomicU64::new(0),
            waits: AtomicU64::new(0),
            interrupts: AtomicU64::new(0),
            requests: AtomicU64::new(0),
            entries: AtomicU64::new(0),
            handled: AtomicU64::new(0),
            request_errors: AtomicU64::new(0),
            submissions: AtomicU64::new(0),
            commands: AtomicU64::new(0),
            submission_errors: AtomicU64::new(0),
            faults: AtomicU64::new(0),
            untargeted: AtomicU64::new(0),
            absorbed: AtomicU64::new(0),
            msi_aborts: AtomicU64::new(0),
            register_errors: AtomicU64::new(0),
            fault: Mutex::new(None),
        }
    }

    /// What was counted so far.
    #[must_use]
    pub fn snapshot(&self) -> Counts {
        Counts {
            vendor: self.vendor,
            commands_by_type: std::array::from_fn(|i| self.commands_by_type[i].load(Relaxed)),
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
            msi_aborts: self.msi_aborts.load(Relaxed),
            register_errors: self.register_errors.load(Relaxed),
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

/// As [`add`], for a counter that only the caller's thread writes.
pub(crate) fn add_alone(counter: &AtomicU64, n: u64) {
    counter.store(counter.load(Relaxed).wrapping_add(n), Relaxed);
}

impl Counts {
    /// Valid commands consumed, of every type.
    #[must_use]
    pub fn consumed(&self) -> u64 {
        self.commands_by_type.iter().sum()
    }

    /// How many commands of the type with this name were consumed; 0 where the
    /// vendor has no such type.
    #[must_use]
    pub fn of(&self, name: &str) -> u64 {
        self.by_type()
            .find_map(|(known, count)| (known == name).then_some(count))
            .unwrap_or(0)
    }

    /// Name and count of every command type of the vendor.
    pub fn by_type(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        type_names(self.vendor)
            .iter()
            .copied()
            .zip(self.commands_by_type)
    }
}
