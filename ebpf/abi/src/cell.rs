use crate::{BATCH_BUCKETS, BUCKETS, ERROR_CODES, MAX_INSTANCES};

/// What one CPU knows of one (instance, stage). All counts are since load.
///
/// `seen` is counted when an end probe fires and every seen event is either in
/// a bucket or in `lost_no_start`: seen = Σ buckets + lost. It is in a bucket of
/// `batches`, too, whether its start is known or not: seen = Σ batches; and where it is
/// an error, under its code: errors = Σ error_codes.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct StageCell {
    /// Ends that reached the program.
    pub seen: u64,
    /// Ends whose start is not known: attached in the middle, or the start was
    /// overwritten by a later ticket.
    pub lost_no_start: u64,
    /// Entries (request) or commands (submission) that the counted ends carried.
    pub items: u64,
    /// Ends with an error.
    pub errors: u64,
    /// Sum of the recorded latencies, in nanoseconds.
    pub total_ns: u64,
    /// Recorded latencies by [`crate::Bucket`].
    pub buckets: [u64; BUCKETS],
    /// Ends by how many items they carried, by [`crate::Batch`].
    pub batches: [u64; BATCH_BUCKETS],
    /// Ends with an error by its code, by [`crate::error_index`].
    pub error_codes: [u64; ERROR_CODES],
}

impl StageCell {
    /// A cell in which nothing was counted.
    pub const ZERO: Self = Self {
        seen: 0,
        lost_no_start: 0,
        items: 0,
        errors: 0,
        total_ns: 0,
        buckets: [0; BUCKETS],
        batches: [0; BATCH_BUCKETS],
        error_codes: [0; ERROR_CODES],
    };

    /// Whether every end is counted wherever it belongs. While programs run, a copy of the cell
    /// can be in the middle of one.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.seen == sum(&self.buckets) + self.lost_no_start
            && self.seen == sum(&self.batches)
            && self.errors == sum(&self.error_codes)
    }
}

pub(crate) fn sum(counts: &[u64]) -> u64 {
    counts.iter().sum()
}

/// What one CPU knows of the guest queue in front of one instance.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GuestCell {
    /// Doorbells handled.
    pub doorbells: u64,
    /// Descriptors consumed.
    pub descriptors: u64,
    /// Wait descriptors completed.
    pub waits: u64,
    /// Faults that froze the queue.
    pub faults: u64,
}

/// Ends that belong to no instance the maps have room for.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UnattributedCell {
    /// Ends of instances whose number is beyond the maps.
    pub seen: u64,
}

/// A start that waits for its end, in one word, so that a slot never holds half of
/// one start and half of another. 0 where nothing waits.
///
/// | bits  | field                                                |
/// |-------|------------------------------------------------------|
/// | 47:0  | `bpf_ktime_get_ns` at the begin probe, low bits      |
/// | 63:48 | bits 21:6 of the ticket (the slot is bits 5:0)       |
///
/// Found by ticket and not by CPU or thread: neither migration nor a completion
/// seen on another thread can pair a start with a foreign end. Two tickets of one
/// slot with the same bits are 4,194,304 apart, and the later one is looked for where the
/// earlier is not any more: it is the slot's latest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Start(u64);

const TIME_BITS: u32 = 48;
const TIME_MASK: u64 = (1 << TIME_BITS) - 1;

impl Start {
    /// The start of the event with this ticket.
    #[must_use]
    #[inline]
    pub const fn new(ticket: u64, now_ns: u64) -> Self {
        Self((ticket / STARTS_PER_INSTANCE as u64) << TIME_BITS | now_ns & TIME_MASK)
    }

    /// Takes the word as it is in the map.
    #[must_use]
    #[inline]
    pub const fn from_raw(raw: u64) -> Self {
        Self(raw)
    }

    /// The word as it goes into the map.
    #[must_use]
    #[inline]
    pub const fn raw(self) -> u64 {
        self.0
    }

    /// Nanoseconds from the start to `end_ns`, up to 78 hours; `None` where it is not
    /// the start of this ticket.
    #[must_use]
    #[inline]
    pub const fn until(self, ticket: u64, end_ns: u64) -> Option<u64> {
        let same = self.0 != 0 && self.0 >> TIME_BITS == Self::new(ticket, 0).0 >> TIME_BITS;
        if same {
            Some(end_ns.wrapping_sub(self.0) & TIME_MASK)
        } else {
            None
        }
    }
}

/// Slots for the starts of one instance and stage, a power of two. An instance has as many
/// events in flight as vCPUs submit to it at once.
pub const STARTS_PER_INSTANCE: u32 = 64;

/// Slots between those of consecutive tickets: a pair of cache lines.
const APART: u32 = 8;

/// Starts that a slot holds: the latest, and the one that it found still waiting. So a thread that
/// is preempted between begin and end keeps its start while the others go round the slots. Of
/// three that wait, the earliest is overwritten; its end is counted in `lost_no_start`.
pub const STARTS_PER_SLOT: u32 = 2;

/// Room for the starts of one stage.
pub const START_SLOTS: u32 = MAX_INSTANCES * STARTS_PER_INSTANCE * STARTS_PER_SLOT;

/// The place of the latest start in a ticket's slot, with that of the other behind it: every
/// instance has slots of its own, taken in turn, but eight apart: what threads write that take
/// tickets one after the other lies on cache lines of their own. Beyond the map where the
/// instance's number is.
#[must_use]
#[inline]
pub const fn start_slot(instance_number: u32, ticket: u64) -> u32 {
    let turn = ticket as u32 & (STARTS_PER_INSTANCE - 1);
    let slot = turn % APART * (STARTS_PER_INSTANCE / APART) + turn / APART;
    (instance_number * STARTS_PER_INSTANCE + slot) * STARTS_PER_SLOT
}

const _: () = {
    assert!(size_of::<StageCell>() == (5 + BUCKETS + BATCH_BUCKETS + ERROR_CODES) * 8);
    // The kernel's limit for one value of a per-CPU map (PCPU_MIN_UNIT_SIZE).
    assert!(size_of::<StageCell>() <= 32 * 1024);
    assert!(size_of::<GuestCell>() == 32);
    assert!(size_of::<UnattributedCell>() == 8);
    assert!(STARTS_PER_INSTANCE.is_power_of_two());
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_start_is_found_by_its_own_ticket_only() {
        let start = Start::new(7, 1_000);
        assert_eq!(start.until(7, 1_500), Some(500));
        assert_eq!(start.until(7 + 64, 1_500), None);
        assert_eq!(Start::from_raw(0).until(7, 1_500), None);
        assert_eq!(Start::from_raw(start.raw()), start);
    }

    #[test]
    fn a_cell_that_was_copied_in_the_middle_of_an_event_is_not_settled() {
        let mut cell = StageCell::ZERO;
        assert!(cell.is_settled());
        cell.seen = 1;
        cell.lost_no_start = 1;
        assert!(!cell.is_settled());
        cell.batches[3] = 1;
        assert!(cell.is_settled());
        cell.errors = 1;
        assert!(!cell.is_settled());
        cell.error_codes[5] = 1;
        assert!(cell.is_settled());
    }

    #[test]
    fn a_clock_beyond_48_bits_changes_nothing() {
        let begin = (1 << 48) - 5;
        assert_eq!(
            Start::new(u64::MAX, begin).until(u64::MAX, begin + 12),
            Some(12)
        );
    }

    #[test]
    fn instances_never_share_a_slot() {
        for ticket in [0, 1, 63, 64, u64::MAX] {
            let of = |instance| start_slot(instance, ticket) / STARTS_PER_SLOT;
            assert_eq!(of(0) / STARTS_PER_INSTANCE, 0);
            assert_eq!(of(63) / STARTS_PER_INSTANCE, 63);
            let next = start_slot(0, ticket.wrapping_add(1));
            assert!(next.abs_diff(start_slot(0, ticket)) >= 14, "{ticket}");
            let last = start_slot(MAX_INSTANCES - 1, ticket) + STARTS_PER_SLOT - 1;
            assert!(last < START_SLOTS);
        }
        assert!(start_slot(MAX_INSTANCES, 0) >= START_SLOTS);
    }
}
