use super::decode::DescriptorType;
use crate::Counters;
use crate::counts::add;

/// Descriptors that were executed since the last sync, oldest first.
///
/// They count as consumed when nothing can send the head back to them any more:
/// what is executed again after a fault counts once.
#[derive(Debug, Default)]
pub(super) struct Tally(Vec<Executed>);

/// One of them.
#[derive(Clone, Copy, Debug)]
struct Executed {
    kind: DescriptorType,
    /// Whether it found what it is for: false for an IOTLB invalidation that
    /// addressed no nested HWPT.
    reached: bool,
}

impl Tally {
    pub(super) fn push(&mut self, kind: DescriptorType, reached: bool) {
        self.0.push(Executed { kind, reached });
    }

    /// Counts all but the last `again`, to which the head goes back, and forgets
    /// all of them. Returns how many were counted.
    pub(super) fn commit(&mut self, again: u32, counters: &Counters) -> u32 {
        let again = usize::try_from(again).unwrap_or(usize::MAX);
        let count = self.0.len().saturating_sub(again);
        for executed in &self.0[..count] {
            add(&counters.descriptors[executed.kind as usize], 1);
            if !executed.reached {
                add(&counters.untargeted, 1);
            }
            if executed.kind.ends_at_the_vmm() {
                add(&counters.absorbed, 1);
            }
        }
        self.0.clear();
        // A queue has at most 32,768 descriptors.
        u32::try_from(count).unwrap_or(u32::MAX)
    }
}
