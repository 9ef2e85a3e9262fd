use super::counts::{Counts, value_of};
use crate::snapshot::Stage;

/// The most columns that are kept: where there are more, two become one.
const COLUMNS_MAX: u64 = 240;

/// Parts of an octave.
const PARTS: u32 = 4;

/// Rows: of values up to 2^37 ns.
pub(super) const ROWS: usize = 37 * PARTS as usize;

/// The stages that are kept over time.
const KEPT: [Stage; 2] = [Stage::Request, Stage::HostSubmission];

/// Which of an instance's heats is that of `stage`.
pub(super) fn place(stage: Stage) -> Option<usize> {
    KEPT.iter().position(|kept| *kept == stage)
}

/// How many latencies there were, by time and by quarters of an octave.
#[derive(Clone, Debug, Default)]
pub struct Heat {
    /// A column after the other.
    cells: Vec<u32>,
}

impl Heat {
    /// Quarters of an octave that are told apart.
    pub const ROWS: usize = ROWS;

    /// The lowest latency of a row, in nanoseconds; the next row's is the first beyond it.
    #[must_use]
    pub fn from_ns(row: usize) -> f64 {
        (row as f64 / f64::from(PARTS)).exp2()
    }

    /// Where on the axis of rows a latency is, in nanoseconds: the inverse, between rows, too.
    #[must_use]
    pub fn row_of(ns: f64) -> f64 {
        ns.max(1.0).log2() * f64::from(PARTS)
    }

    /// How many latencies of each row there were; nothing beyond the last column that has any.
    #[must_use]
    pub fn column(&self, column: usize) -> &[u32] {
        self.cells
            .get(column * ROWS..(column + 1) * ROWS)
            .unwrap_or_default()
    }

    /// The upper end of the row that the latency at `quantile` is in, in nanoseconds; none where the column is empty.
    #[must_use]
    pub fn quantile_ns(&self, column: usize, quantile: f64) -> Option<f64> {
        let rows = self.column(column);
        let count: u64 = rows.iter().copied().map(u64::from).sum();
        let wanted = (count as f64 * quantile).ceil().max(1.0);
        let mut below = 0_u64;
        let row = rows.iter().position(|count| {
            below += u64::from(*count);
            below as f64 >= wanted
        })?;
        Some(Self::from_ns(row + 1))
    }

    pub(super) fn add(&mut self, column: u64, row_counts: impl Iterator<Item = (usize, u64)>) {
        let at = usize::try_from(column)
            .unwrap_or(usize::MAX)
            .saturating_mul(ROWS);
        if self.cells.len() < at + ROWS {
            self.cells.resize(at + ROWS, 0);
        }
        for (row, count) in row_counts {
            let cell = &mut self.cells[at + row.min(ROWS - 1)];
            *cell = cell.saturating_add(u32::try_from(count).unwrap_or(u32::MAX));
        }
    }

    /// Two columns become one.
    pub(super) fn halve(&mut self) {
        let columns = self.cells.len() / ROWS;
        for column in 0..columns {
            for row in 0..ROWS {
                let count = std::mem::take(&mut self.cells[column * ROWS + row]);
                let cell = &mut self.cells[column / 2 * ROWS + row];
                *cell = cell.saturating_add(count);
            }
        }
        self.cells.truncate(columns.div_ceil(2) * ROWS);
    }

    pub(super) fn merge(&mut self, other: &Self) {
        if self.cells.len() < other.cells.len() {
            self.cells.resize(other.cells.len(), 0);
        }
        for (mine, theirs) in self.cells.iter_mut().zip(&other.cells) {
            *mine = mine.saturating_add(*theirs);
        }
    }
}

/// How many slots a column has where so many are to be shown: a power of two.
pub(super) fn width(slots: u64) -> u64 {
    slots.div_ceil(COLUMNS_MAX).next_power_of_two()
}

/// The row of each index of a histogram's counts.
pub(super) fn rows() -> Vec<u8> {
    let row = |index| {
        let value = value_of(index).max(1) as f64;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "cut at the number of rows"
        )]
        let row = Heat::row_of(value).min(ROWS as f64 - 1.0) as u8;
        row
    };
    (0..Counts::MAX).map(row).collect()
}
