//! The rows of the map, and what is in them.

use hwptop_agent::compare::{Side, Work};

use crate::figure;

/// The lowest that a row is, high by low: a band of a heat map.
const ROW_LEAST: f64 = 1.125;

/// Rows of latencies, each as high as every other on a logarithmic scale.
pub(super) struct Scale {
    /// From which latency on, in nanoseconds, the fastest row first.
    from_ns: Vec<u64>,
}

/// How many latencies there are.
pub(super) struct Counted {
    /// By row.
    pub(super) rows: Vec<f64>,
    /// In all of them.
    pub(super) all: f64,
}

impl Counted {
    /// The part of all that is in `row`; `None` where there is nothing at all.
    pub(super) fn share(&self, row: usize) -> Option<f64> {
        (self.all > 0.0).then(|| self.rows[row] / self.all)
    }
}

impl Scale {
    /// At most `height` rows that hold what both sides have, the slowest of a thousand in the
    /// last; `None` where they have nothing.
    pub(super) fn around(sides: [&Side; 2], height: u16) -> Option<Self> {
        let latencies = sides.map(|side| &side.work.latencies);
        let first = latencies.iter().filter_map(|all| all.first()).min()?.0;
        let last = latencies.iter().filter_map(|all| almost_all(all)).max()?;
        let (low, high) = (first.max(1) as f64, last.max(1) as f64);
        let whole = (high / low).ln().max(0.0);
        let row = (whole / f64::from(height.max(1))).max(ROW_LEAST.ln());
        let rows = (0..height.max(1)).map(|number| f64::from(number) * row);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a latency fits, and `as` saturates"
        )]
        let from_ns = rows
            .take_while(|above| *above <= whole)
            .map(|above| (low * above.exp()).round() as u64);
        Some(Self {
            from_ns: from_ns.collect(),
        })
    }

    pub(super) fn rows(&self) -> usize {
        self.from_ns.len()
    }

    /// From which latency on a row is.
    pub(super) fn label(&self, row: usize) -> String {
        figure::latency(self.from_ns[row])
    }

    /// What all of `works` have by row: what is faster than the first is in it, too.
    pub(super) fn counted<'a>(&self, works: impl IntoIterator<Item = &'a Work>) -> Counted {
        let mut rows = vec![0.0; self.rows()];
        for work in works {
            // The shortest are first: no row is looked for from the start.
            let mut latencies = work.latencies.iter().peekable();
            for (row, here) in rows.iter_mut().enumerate() {
                let end = self.from_ns.get(row + 1).copied();
                let mut count = 0_u64;
                while let Some((_, more)) =
                    latencies.next_if(|(ns, _)| end.is_none_or(|end| *ns < end))
                {
                    count = count.saturating_add(*more);
                }
                *here += count as f64;
            }
        }
        Counted {
            all: rows.iter().sum(),
            rows,
        }
    }
}

/// What 999 in a thousand are at most.
fn almost_all(latencies: &[(u64, u64)]) -> Option<u64> {
    let all: f64 = latencies.iter().map(|(_, count)| *count as f64).sum();
    let mut sum = 0.0;
    let mut reached = latencies.iter().filter(|(_, count)| {
        sum += *count as f64;
        sum >= all * 0.999
    });
    reached.next().map(|(ns, _)| *ns)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn side(latencies: &[(u64, u64)]) -> Side {
        Side {
            work: Work {
                latencies: latencies.to_vec(),
                ..Work::default()
            },
            ..Side::default()
        }
    }

    #[test]
    fn every_latency_is_in_one_row_and_the_slowest_of_a_thousand_in_the_last() {
        let base = side(&[(0, 3), (100, 500), (1000, 700)]);
        let live = side(&[(90, 4), (10_000, 9990), (9_999_999, 6)]);
        for height in 1..40 {
            let scale = Scale::around([&base, &live], height).unwrap();
            assert!(scale.rows() <= usize::from(height));
            let counted = scale.counted([&base.work, &live.work]);
            assert!((counted.all - 11_203.0).abs() < 1e-9);
            let last = scale.rows() - 1;
            assert!(scale.from_ns[last] <= 10_000, "{:?}", scale.from_ns);
            assert!(height < 4 || counted.rows[last] >= 9996.0);
        }
    }

    #[test]
    fn one_latency_has_one_row_and_none_has_none() {
        let one = side(&[(1830, 5)]);
        let scale = Scale::around([&one, &side(&[])], 20).unwrap();
        assert_eq!((scale.rows(), scale.label(0)), (1, "1.83µs".to_owned()));
        assert!(Scale::around([&side(&[]), &side(&[])], 20).is_none());
        assert_eq!(scale.counted([]).share(0), None);
    }
}
