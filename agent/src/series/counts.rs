use hdrhistogram::Histogram;

use super::Band;

/// Bits of a word that are the count; those above are the band.
const COUNT_BITS: u32 = 48;
const COUNT_MAX: u64 = (1 << COUNT_BITS) - 1;

/// Counts by band, the fastest first, without those that are 0: a word each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts(Box<[u64]>);

const _: () = assert!(Band::COUNT <= 1 << (u64::BITS - COUNT_BITS));

impl Counts {
    /// The latencies of a histogram, in nanoseconds.
    pub(super) fn of(latency: &Histogram<u64>) -> Self {
        let mut words: Vec<u64> = Vec::new();
        // As ours are, no value of the histogram is in two bands; one of another's may be coarser.
        if latency.sigfig() == 2 && latency.low() == 1 {
            let (fastest, slowest) = (Band::of(latency.min()), Band::of(latency.max()));
            for band in (fastest.0..=slowest.0).map(Band) {
                // The last of all bands has everything above as well.
                let high_ns = if band == slowest {
                    latency.max()
                } else {
                    band.high_ns()
                };
                let count = latency.count_between(band.low_ns(), high_ns);
                push(&mut words, band, count);
            }
            return Self(words.into());
        }
        for value in latency.iter_recorded() {
            let count = value.count_since_last_iteration();
            push(&mut words, Band::of(value.value_iterated_to()), count);
        }
        Self(words.into())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (Band, u64)> {
        self.0.iter().map(|&word| unpacked(word))
    }

    pub(super) fn plus(&self, other: &Self) -> Self {
        let mut sums = Vec::with_capacity(self.0.len().max(other.0.len()));
        let (mut mine, mut theirs) = (self.iter().peekable(), other.iter().peekable());
        loop {
            let next = match (mine.peek(), theirs.peek()) {
                (Some(one), Some(other)) if other.0 < one.0 => theirs.next(),
                (Some(_), _) => mine.next(),
                (None, _) => theirs.next(),
            };
            let Some((band, count)) = next else { break };
            push(&mut sums, band, count);
        }
        Self(sums.into())
    }

    /// What the words take.
    pub(super) fn bytes(&self) -> usize {
        size_of_val(&*self.0)
    }
}

/// Appends what is not before the last.
fn push(words: &mut Vec<u64>, band: Band, count: u64) {
    let packed = |count: u64| u64::from(band.0) << COUNT_BITS | count.min(COUNT_MAX);
    match words.last_mut() {
        Some(last) if unpacked(*last).0 == band => {
            *last = packed(unpacked(*last).1.saturating_add(count));
        }
        _ if count > 0 => words.push(packed(count)),
        _ => {}
    }
}

fn unpacked(word: u64) -> (Band, u64) {
    (Band((word >> COUNT_BITS) as u16), word & COUNT_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(of: &[(u16, u64)]) -> Counts {
        let mut words = Vec::new();
        for (band, count) in of {
            push(&mut words, Band(*band), *count);
        }
        Counts(words.into())
    }

    #[test]
    fn each_latency_is_counted_once_in_its_band_however_coarse_the_histogram_is() {
        for digits in [0, 1, 2] {
            let mut latency = Histogram::new(digits).unwrap();
            let mut ns = 1_u64;
            while ns < 1 << 40 {
                latency += ns - 1;
                latency += ns;
                ns += ns / 5 + 1;
            }
            let counts = Counts::of(&latency);
            let sum: u64 = counts.iter().map(|(_, count)| count).sum();
            assert_eq!(sum, latency.len(), "{digits}");
            for (band, count) in counts.iter().filter(|_| digits == 2) {
                let in_it = |ns: &u64| Band::of(*ns) == band;
                let values = latency.iter_recorded().map(|one| one.value_iterated_to());
                let exact = values
                    .filter(in_it)
                    .map(|ns| latency.count_at(ns))
                    .sum::<u64>();
                assert_eq!(count, exact, "{band:?}");
            }
        }
        assert!(Counts::of(&Histogram::new(2).unwrap()).is_empty());
    }

    #[test]
    fn counts_are_added_band_by_band() {
        let one = counts(&[(1, 5), (3, 1), (9, 2)]);
        let sum = one.plus(&counts(&[(0, 1), (3, 4), (255, 7)]));
        assert_eq!(sum, counts(&[(0, 1), (1, 5), (3, 5), (9, 2), (255, 7)]));
        let same = sum.plus(&Counts::default());
        assert_eq!(same.iter().map(|(_, count)| count).sum::<u64>(), 20);
    }

    #[test]
    fn a_count_that_is_too_large_stays_in_its_band() {
        let sum = counts(&[(7, COUNT_MAX)]).plus(&counts(&[(7, 3)]));
        assert_eq!(sum, counts(&[(7, COUNT_MAX)]));
    }
}
