use crate::Counters;
use crate::counts::{TYPES_MAX, add_alone};

/// Commands that were executed in a run, oldest first.
///
/// They count as consumed at its end, when nothing can send the head back to them
/// any more: what is executed again after a fault counts once.
#[derive(Debug, Default)]
pub(crate) struct Tally(Vec<Executed>);

/// One of them: its place in the vendor's list of command types, and flags.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Executed(u8);

const _: () = assert!(TYPES_MAX == Executed::UNTARGETED as usize);

impl Executed {
    const UNTARGETED: u8 = 1 << 5;
    const ABSORBED: u8 = 1 << 6;

    pub(crate) const fn new(kind: u8) -> Self {
        Self(kind % Self::UNTARGETED)
    }

    /// An invalidation that addressed no target.
    pub(crate) const fn untargeted(self) -> Self {
        Self(self.0 | Self::UNTARGETED)
    }

    /// A command that ended at the VMM.
    pub(crate) const fn absorbed(self) -> Self {
        Self(self.0 | Self::ABSORBED)
    }

    const fn has(self, flag: u8) -> bool {
        self.0 & flag != 0
    }

    const fn kind(self) -> usize {
        (self.0 % Self::UNTARGETED) as usize
    }
}

impl Tally {
    #[inline]
    pub(crate) fn push(&mut self, executed: Executed) {
        self.0.push(executed);
    }

    /// Forgets the last `again`, to which the head goes back.
    pub(crate) fn take_back(&mut self, again: u32) {
        let again = usize::try_from(again).unwrap_or(usize::MAX);
        self.0.truncate(self.0.len().saturating_sub(again));
    }

    /// Counts what is left. Returns how many that were.
    pub(crate) fn commit(&mut self, counters: &Counters) -> u32 {
        let (mut untargeted, mut absorbed) = (0, 0);
        for executed in &self.0 {
            add_alone(&counters.commands_by_type[executed.kind()], 1);
            untargeted += u64::from(executed.has(Executed::UNTARGETED));
            absorbed += u64::from(executed.has(Executed::ABSORBED));
        }
        if untargeted > 0 {
            add_alone(&counters.untargeted, untargeted);
        }
        if absorbed > 0 {
            add_alone(&counters.absorbed, absorbed);
        }
        let count = u32::try_from(self.0.len()).unwrap_or(u32::MAX);
        self.0.clear();
        count
    }
}
