//! Latencies over time as a grid of counts.

use hwptop_agent::{Band, HeatColumn};

/// Counts by latency and time: what a heat map is drawn from. The counts of a column add up to
/// what it recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HeatMap {
    /// Oldest column first; in each the fastest row first.
    counts: Vec<u64>,
    /// The band at the bottom.
    lowest: usize,
    /// The bands that make a row.
    joined: usize,
    rows: usize,
    /// What the scale of the counts ends with.
    top: u64,
}

impl HeatMap {
    /// `columns` in so many rows; `None` where nothing was recorded or there is no row.
    pub(crate) fn of(columns: &[HeatColumn], rows: usize) -> Option<Self> {
        let counts = columns.iter().map(|column| &column.counts);
        let fastest = counts.clone().filter_map(|one| one.first());
        let slowest = counts.filter_map(|one| one.last());
        let (fastest, slowest) = (
            fastest.map(|one| one.0).min()?,
            slowest.map(|one| one.0).max()?,
        );
        if rows == 0 {
            return None;
        }
        // Whole decades: or every slower request would move all that there is. A band that a decade
        // begins in is in both.
        let lowest = Band::of(10_u64.pow(fastest.high_ns().max(1).ilog10())).index();
        let above = 10_u64.checked_pow(slowest.low_ns().max(1).ilog10() + 1);
        let highest = above.map_or(Band::COUNT - 1, |ns| Band::of(ns - 1).index());
        let joined = (highest + 1).saturating_sub(lowest).div_ceil(rows).max(1);
        let mut most = 1;
        let mut counts = vec![0_u64; columns.len() * rows];
        for (column, cells) in columns.iter().zip(counts.chunks_exact_mut(rows)) {
            for (band, count) in &column.counts {
                let row = band.index().saturating_sub(lowest) / joined;
                let cell = &mut cells[row.min(rows - 1)];
                *cell = cell.saturating_add(*count);
                most = most.max(*cell);
            }
        }
        Some(Self {
            counts,
            lowest,
            joined,
            rows,
            top: round_above(most),
        })
    }

    /// The counts of each column by row, from the oldest column and the fastest row.
    pub(crate) fn columns(&self) -> impl Iterator<Item = &[u64]> {
        self.counts.chunks_exact(self.rows)
    }

    /// The row of a latency, where it is in the map.
    pub(crate) fn row_of(&self, ns: u64) -> Option<usize> {
        let above = Band::of(ns).index().checked_sub(self.lowest)?;
        let row = above / self.joined;
        (row < self.rows).then_some(row)
    }

    /// What the scale of the counts ends with; no count is above it.
    pub(crate) fn top(&self) -> u64 {
        self.top
    }
}

/// The least of 1, 2 or 5 times a power of ten that is not below `most`: or each larger count
/// would change all that there is.
fn round_above(most: u64) -> u64 {
    let power = 10_u64.pow(most.max(1).ilog10());
    let tops = [1, 2, 5, 10].map(|times| power.saturating_mul(times));
    tops.into_iter().find(|top| *top >= most).unwrap_or(most)
}

/// Which of so many steps stands for a count, on a log scale from 1.
#[derive(Clone, Debug)]
pub(crate) struct Steps {
    /// The least count of every step but the first.
    from: Vec<u64>,
    none: bool,
    top: u64,
}

impl Steps {
    /// `steps` of them, the last of which ends with `top`.
    pub(crate) fn new(top: u64, steps: usize) -> Self {
        let decades = (top.max(1) as f64).log10();
        let least = |step: usize| {
            let least = 10_f64.powf(decades * step as f64 / steps as f64);
            // What should be a whole number is one.
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "between 1 and the top, but for rounding"
            )]
            let least = (least * (1.0 - 1e-12)).ceil() as u64;
            least
        };
        Self {
            from: (1..steps).map(least).collect(),
            none: steps == 0,
            top,
        }
    }

    /// The step of `count`, from 0; `None` for 0.
    pub(crate) fn of(&self, count: u64) -> Option<usize> {
        if count == 0 || self.none {
            return None;
        }
        if count >= self.top {
            return Some(self.from.len());
        }
        Some(self.from.partition_point(|from| *from <= count))
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    fn column(counts: &[(u64, u64)]) -> HeatColumn {
        let counts: Vec<_> = counts.iter().map(|(ns, n)| (Band::of(*ns), *n)).collect();
        HeatColumn {
            begin: UNIX_EPOCH,
            length: Duration::from_secs(1),
            recorded: counts.iter().map(|(_, count)| count).sum(),
            counts,
        }
    }

    #[test]
    fn the_cells_of_a_column_add_up_to_what_it_recorded_in_however_many_rows() {
        let columns = [
            column(&[(0, 3), (900, 5), (1_000, 7), (68_000_000_000, 1)]),
            column(&[]),
            column(&[(5_000, u64::MAX / 2)]),
        ];
        for rows in [1, 2, 3, 7, 40, 255, 256, 1000] {
            let map = HeatMap::of(&columns, rows).unwrap();
            let sums = map.columns().map(|counts| counts.iter().sum::<u64>());
            let recorded = columns.iter().map(|column| column.recorded);
            assert!(sums.eq(recorded), "{rows}");
        }
    }

    #[test]
    fn a_row_is_of_neighbouring_latencies_and_decades_are_where_their_counts_are() {
        let columns = [column(&[(1_500, 1), (10_000, 2), (99_000, 4)])];
        let map = HeatMap::of(&columns, 20).unwrap();
        let rows = [1_500, 10_000, 99_000].map(|ns| map.row_of(ns).unwrap());
        assert!(rows.is_sorted(), "{rows:?}");
        let counts = map.columns().next().unwrap();
        assert_eq!(rows.map(|row| counts[row]), [1, 2, 4]);
        assert_eq!(map.row_of(1_000), Some(0));
        assert_eq!(map.row_of(900), None);
        assert_eq!(map.row_of(1_000_000), None);
    }

    #[test]
    fn a_slightly_slower_request_leaves_the_scale_as_it_is() {
        let rows = |slowest| {
            let map = HeatMap::of(&[column(&[(2_000, 9), (slowest, 1)])], 24).unwrap();
            (map.lowest, map.joined, map.top())
        };
        assert_eq!(rows(20_000), rows(90_000));
        assert_ne!(rows(20_000), rows(110_000));
    }

    #[test]
    fn nothing_recorded_is_no_map() {
        assert_eq!(HeatMap::of(&[], 9), None);
        assert_eq!(HeatMap::of(&[column(&[]), column(&[])], 9), None);
        assert_eq!(HeatMap::of(&[column(&[(5, 1)])], 0), None);
    }

    #[test]
    fn a_step_is_as_many_times_as_every_other() {
        let steps = [0, 1, 9, 10, 99, 100, 999, 1000, 5000].map(|n| Steps::new(1000, 3).of(n));
        let expected = [
            None,
            Some(0),
            Some(0),
            Some(1),
            Some(1),
            Some(2),
            Some(2),
            Some(2),
            Some(2),
        ];
        assert_eq!(steps, expected);
        assert_eq!(
            [(1, 1, 10), (0, 1, 10), (7, 9, 0)].map(|(n, top, steps)| Steps::new(top, steps).of(n)),
            [Some(9), None, None]
        );
        assert_eq!(Steps::new(u64::MAX, 10).of(u64::MAX - 1), Some(9));
    }

    #[test]
    fn the_scale_ends_with_a_round_number() {
        let top = |count| HeatMap::of(&[column(&[(5, count)])], 1).unwrap().top();
        assert_eq!(
            [1, 2, 3, 5, 6, 11, 430, 501].map(top),
            [1, 2, 5, 5, 10, 20, 500, 1000]
        );
        assert_eq!(top(u64::MAX), u64::MAX);
    }
}
