//! Draws with replacement, the same for the same data.

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;

/// What every series of draws starts from: what has not changed is not to flicker.
const SEED: u64 = 0x6877_7074_6f70;

pub(super) struct Draws(Pcg64Mcg);

impl Draws {
    pub(super) fn new() -> Self {
        Self(Pcg64Mcg::seed_from_u64(SEED))
    }

    /// Counts how often each of `times` comes where as many are drawn.
    pub(super) fn count(&mut self, times: &mut [usize]) {
        times.fill(0);
        for _ in 0..times.len() {
            times[self.0.random_range(0..times.len())] += 1;
        }
    }

    /// Fills `drawn` with some of `values`, of which there are any.
    pub(super) fn fill(&mut self, values: &[f64], drawn: &mut [f64]) {
        for one in drawn {
            *one = values[self.0.random_range(0..values.len())];
        }
    }
}
