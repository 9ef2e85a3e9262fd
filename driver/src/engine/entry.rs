use crate::Entries;

/// A range of a translation's addresses that an entry invalidates.
///
/// Ordered by key first: ranges that may become one are neighbours when sorted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Range {
    /// What the ranges that may become one have in common: everything of the entry
    /// but the range. Where a target takes entries of several ranks, keys are in the
    /// order of ranks: merging sorts by key.
    pub(crate) key: u64,
    /// First page of 4 KiB.
    pub(crate) first: u64,
    /// Last page of 4 KiB, not before `first`.
    pub(crate) last: u64,
}

impl Range {
    /// Whether `next`, which does not begin before this one, touches or overlaps it.
    pub(crate) const fn joins(&self, next: &Self) -> bool {
        self.key == next.key && next.first <= self.last.saturating_add(1)
    }

    /// Pages in it, `u64::MAX` at most.
    pub(crate) const fn pages(&self) -> u64 {
        (self.last - self.first).saturating_add(1)
    }
}

/// An entry of a request, as far as batching needs to understand it.
pub(crate) trait Entry: Copy {
    /// What decides about ranges beside the entry itself.
    type Rules: Copy;

    /// The array of a request.
    fn entries(list: &[Self]) -> Entries<'_>;

    /// Whether `later` is needless behind this one in the same request.
    fn covers(&self, later: &Self) -> bool;

    /// The range that it invalidates, where it is one.
    fn range(&self, rules: Self::Rules) -> Option<Range>;

    /// Puts the entries that invalidate at least `range` behind `list`.
    fn push_range(range: Range, list: &mut Vec<Self>);

    /// The entry that invalidates whatever a range with this key can reach.
    fn everything(key: u64) -> Self;
}
