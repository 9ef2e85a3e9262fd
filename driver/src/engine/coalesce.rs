use super::entry::{Entry, Range};
use crate::CostModel;

/// Makes few entries of many; its buffers are reused.
#[derive(Debug)]
pub(crate) struct Coalescer<E> {
    ranges: Vec<Range>,
    merged: Vec<E>,
}

impl<E: Entry> Coalescer<E> {
    pub(crate) const fn new() -> Self {
        Self {
            ranges: Vec::new(),
            merged: Vec::new(),
        }
    }

    /// Fewer entries that invalidate at least what `entries` do, in an order that is
    /// as good; none where there are not fewer.
    ///
    /// Ranges move only past ranges: an entry that is none stays where it is.
    pub(crate) fn coalesce(
        &mut self,
        entries: &[E],
        rules: E::Rules,
        costs: CostModel,
    ) -> Option<&[E]> {
        self.ranges.clear();
        self.merged.clear();
        for entry in entries {
            if let Some(range) = entry.range(rules) {
                self.add(range);
            } else {
                self.flush(costs);
                self.merged.push(*entry);
            }
        }
        self.flush(costs);
        (self.merged.len() < entries.len()).then_some(&self.merged)
    }

    /// Guests mostly walk up or down, or repeat themselves: joined at once, such
    /// ranges need no sorting.
    fn add(&mut self, range: Range) {
        if let Some(last) = self.ranges.last_mut() {
            let (low, high) = if range.first < last.first {
                (&range, &*last)
            } else {
                (&*last, &range)
            };
            if low.joins(high) {
                last.first = last.first.min(range.first);
                last.last = last.last.max(range.last);
                return;
            }
        }
        self.ranges.push(range);
    }

    fn flush(&mut self, costs: CostModel) {
        if !self.ranges.is_sorted() {
            self.ranges.sort_unstable();
        }
        join_neighbours(&mut self.ranges);
        for same in self.ranges.chunk_by(|a, b| a.key == b.key) {
            let before = self.merged.len();
            for &range in same {
                E::push_range(range, &mut self.merged);
            }
            if costs.promotes(self.merged.len() - before) {
                self.merged.truncate(before);
                self.merged.push(E::everything(same[0].key));
            }
        }
        self.ranges.clear();
    }
}

/// Joins what touches or overlaps in a sorted list.
fn join_neighbours(ranges: &mut Vec<Range>) {
    ranges.dedup_by(|next, before| {
        let joins = before.joins(next);
        if joins {
            before.last = before.last.max(next.last);
        }
        joins
    });
}
