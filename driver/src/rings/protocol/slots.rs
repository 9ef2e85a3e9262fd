use super::primitives::{AtomicU64, Ordering};
use crate::Command;

/// The ring's memory and its two ends.
#[derive(Debug)]
pub(crate) struct Slots {
    memory: Box<[Slot]>,
    /// Behind the last command that hardware may fetch (VT-d `IQT_REG`, SMMUv3
    /// `CMDQ_PROD`, AMD-Vi command buffer tail pointer).
    tail: AtomicU64,
    /// Behind the last command that hardware is done with (`IQH_REG`, `CMDQ_CONS`,
    /// head pointer): what is before may be overwritten.
    head: AtomicU64,
}

#[derive(Debug)]
struct Slot {
    words: [AtomicU64; 2],
    /// When the command was published; valid where it is a sync.
    published_ns: AtomicU64,
}

impl Slots {
    pub(crate) fn new(log2size: u32) -> Self {
        let slot = || Slot {
            words: [AtomicU64::new(0), AtomicU64::new(0)],
            published_ns: AtomicU64::new(0),
        };
        Self {
            memory: (0..1_usize << log2size).map(|_| slot()).collect(),
            tail: AtomicU64::new(0),
            head: AtomicU64::new(0),
        }
    }

    pub(super) fn len(&self) -> u64 {
        self.memory.len() as u64
    }

    /// Pairs with the release in [`Self::publish`].
    pub(super) fn tail(&self) -> u64 {
        self.tail.load(Ordering::Acquire)
    }

    /// Pairs with the release in [`Self::retire`]: the hardware has read what is
    /// before, and the submitter may overwrite it.
    pub(super) fn head(&self) -> u64 {
        self.head.load(Ordering::Acquire)
    }

    pub(super) fn write(&self, position: u64, command: Command) {
        let [lo, hi] = command.words();
        let slot = self.slot(position);
        slot.words[0].store(lo, Ordering::Relaxed);
        slot.words[1].store(hi, Ordering::Relaxed);
    }

    pub(super) fn stamp(&self, position: u64, now_ns: u64) {
        let slot = self.slot(position);
        slot.published_ns.store(now_ns, Ordering::Relaxed);
    }

    /// Lets the hardware fetch everything before `tail`.
    pub(super) fn publish(&self, tail: u64) {
        self.tail.store(tail, Ordering::Release);
    }

    pub(super) fn fetch(&self, position: u64) -> Command {
        let words = &self.slot(position).words;
        Command::from_words([
            words[0].load(Ordering::Relaxed),
            words[1].load(Ordering::Relaxed),
        ])
    }

    pub(super) fn published_ns(&self, position: u64) -> u64 {
        self.slot(position).published_ns.load(Ordering::Relaxed)
    }

    /// Gives everything before `head` back to the submitters.
    pub(super) fn retire(&self, head: u64) {
        self.head.store(head, Ordering::Release);
    }

    fn slot(&self, position: u64) -> &Slot {
        &self.memory[index(position, self.memory.len())]
    }
}

/// The slot of `position` in a ring whose `size` is a power of two.
#[expect(
    clippy::cast_possible_truncation,
    reason = "the bits that the mask keeps are below the size, a usize"
)]
pub(super) const fn index(position: u64, size: usize) -> usize {
    position as usize & (size - 1)
}
