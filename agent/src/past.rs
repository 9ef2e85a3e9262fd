//! The intervals before this one, to look at again: in bounded memory, and the same for all who hold them.
//!
//! ```text
//! Snapshot ─▶ without its totals' histograms ─▶ JSON ─▶ deflate ─▶ a ring of bytes ─▶ Snapshot
//! ```

use std::{collections::VecDeque, sync::Arc};

use crate::snapshot::Snapshot;

mod packed;

use packed::{Packer, unpacked};

/// The most memory that it takes, if nobody says: some minutes of 64 instances, half an hour of two.
const BYTES_MAX: usize = 16 << 20;
/// The most intervals, however small, if nobody says.
const INTERVALS_MAX: usize = 512;

/// The last snapshots. Of what happened since the measurement began it has the counts and not the latencies; of the
/// intervals everything. A clone shares what is kept.
#[derive(Clone, Debug)]
pub struct Past {
    intervals: VecDeque<Arc<[u8]>>,
    bytes: usize,
    bytes_max: usize,
    intervals_max: usize,
    packer: Packer,
}

impl Default for Past {
    fn default() -> Self {
        Self::new(BYTES_MAX, INTERVALS_MAX)
    }
}

impl Past {
    /// Keeps at most so many bytes and intervals, and the last one in any case.
    #[must_use]
    pub fn new(bytes_max: usize, intervals_max: usize) -> Self {
        Self {
            intervals: VecDeque::new(),
            bytes: 0,
            bytes_max,
            intervals_max,
            packer: Packer::default(),
        }
    }

    /// Adds the newest; the oldest go where there is no room.
    pub fn push(&mut self, snapshot: &Snapshot) {
        // Neither writing to a `Vec` nor a snapshot's JSON fails; a gap would be seen by its time.
        let Some(packed) = self.packer.pack(snapshot) else {
            return;
        };
        self.bytes += packed.len();
        self.intervals.push_back(packed);
        while self.intervals.len() > 1
            && (self.bytes > self.bytes_max || self.intervals.len() > self.intervals_max)
        {
            let oldest = self.intervals.pop_front();
            self.bytes -= oldest.map_or(0, |oldest| oldest.len());
        }
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.intervals.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.intervals.is_empty()
    }

    /// The memory that the intervals take.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        self.bytes
    }

    /// The one at `index`, from the oldest at 0; `None` where there is none.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<Snapshot> {
        unpacked(self.intervals.get(index)?)
    }
}

#[cfg(test)]
mod tests;
