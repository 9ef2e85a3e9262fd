/// log2 of the sub-buckets an octave is split into.
const SUB_BITS: u32 = 5;
const SUB_BUCKETS: u32 = 1 << SUB_BITS;

/// Buckets of one log-linear histogram.
pub const BUCKETS: usize = 1024;

/// The largest latency with a bucket of its own, in nanoseconds (about 68.7 s).
/// Anything above is counted in the last bucket.
pub const MAX_TRACKABLE_NS: u64 = (1 << 36) - 1;

/// One bucket of a log-linear histogram of nanoseconds.
///
/// Values below 64 have a bucket each. Above, every octave is split into 32
/// equal buckets: the width of a bucket is at most 1/32 = 3.125 % of its lower
/// bound, and a value differs from its bucket's middle by at most 1.6 %.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bucket(u32);

impl Bucket {
    /// The bucket that counts `ns`.
    #[must_use]
    #[inline]
    pub const fn of(ns: u64) -> Self {
        let high = ns >> SUB_BITS;
        if high < 1 << 8 {
            Self::after_shift(ns, LOG2[high as usize] as u32)
        } else if high < 1 << 16 {
            Self::after_shift(ns, LOG2[(high >> 8) as usize] as u32 + 8)
        } else {
            Self::of_long(ns)
        }
    }

    /// As [`Self::of`], from 2 ms on.
    #[inline(never)]
    const fn of_long(ns: u64) -> Self {
        let ns = if ns > MAX_TRACKABLE_NS {
            MAX_TRACKABLE_NS
        } else {
            ns
        };
        let high = ns >> SUB_BITS;
        let shift = if high < 1 << 24 { 16 } else { 24 };
        Self::after_shift(ns, LOG2[(high >> shift & 0xff) as usize] as u32 + shift)
    }

    /// The bucket of a value of which `shift` bits are below the bucket's width.
    #[inline]
    const fn after_shift(ns: u64, shift: u32) -> Self {
        Self(shift * SUB_BUCKETS + (ns >> shift) as u32)
    }

    /// The bucket at `index`, if there is one.
    #[must_use]
    pub const fn at(index: usize) -> Option<Self> {
        if index < BUCKETS {
            Some(Self(index as u32))
        } else {
            None
        }
    }

    /// Where the bucket is in its histogram's array; below [`BUCKETS`].
    #[must_use]
    #[inline]
    pub const fn index(self) -> usize {
        self.0 as usize
    }

    /// The smallest value that the bucket counts, in nanoseconds.
    #[must_use]
    pub const fn low_ns(self) -> u64 {
        let shift = self.shift();
        ((self.0 - shift * SUB_BUCKETS) as u64) << shift
    }

    /// The largest value that the bucket counts, in nanoseconds (the last
    /// bucket also counts everything above).
    #[must_use]
    pub const fn high_ns(self) -> u64 {
        self.low_ns() + (1 << self.shift()) - 1
    }

    /// The value that stands for the bucket, in nanoseconds.
    #[must_use]
    pub const fn middle_ns(self) -> u64 {
        u64::midpoint(self.low_ns(), self.high_ns())
    }

    const fn shift(self) -> u32 {
        let octave = self.0 / SUB_BUCKETS;
        if octave == 0 { 0 } else { octave - 1 }
    }
}

/// Floor of log2 of a byte; of 0, 0. BPF has no count-leading-zeros instruction: so a latency takes
/// a comparison and a look below 8 µs, and another comparison up to 2 ms.
static LOG2: [u8; 256] = {
    let mut table = [0; 256];
    let mut value = 2;
    while value < 256 {
        table[value] = table[value / 2] + 1;
        value += 1;
    }
    table
};

const _: () = assert!(MAX_TRACKABLE_NS >> SUB_BITS < 1 << 31);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_tile_the_range_without_gap_or_overlap() {
        let mut next = 0;
        for index in 0..BUCKETS {
            let bucket = Bucket::at(index).expect("index is below BUCKETS");
            assert_eq!(bucket.low_ns(), next, "bucket {index}");
            assert_eq!(Bucket::of(bucket.low_ns()).index(), index);
            assert_eq!(Bucket::of(bucket.high_ns()).index(), index);
            next = bucket.high_ns() + 1;
        }
        assert_eq!(next, MAX_TRACKABLE_NS + 1);
        assert_eq!(Bucket::at(BUCKETS), None);
    }

    #[test]
    fn a_bucket_is_never_wider_than_its_relative_error() {
        for index in 64..BUCKETS {
            let bucket = Bucket::at(index).expect("index is below BUCKETS");
            let width = (bucket.high_ns() - bucket.low_ns()) as f64;
            assert!(width / bucket.low_ns() as f64 <= 0.032, "bucket {index}");
        }
    }

    #[test]
    fn values_beyond_the_range_land_in_the_last_bucket() {
        assert_eq!(Bucket::of(MAX_TRACKABLE_NS + 1).index(), BUCKETS - 1);
        assert_eq!(Bucket::of(u64::MAX).index(), BUCKETS - 1);
    }

    #[test]
    fn a_bucket_is_where_the_standard_library_says() {
        let powers = (SUB_BITS + 1..36).flat_map(|power| [1u64 << power, (1u64 << power) | 1]);
        for ns in powers.chain([(1 << 13) - 1, (1 << 21) - 1, (1 << 29) - 1]) {
            let shift = ns.ilog2() - SUB_BITS;
            let expected = u64::from(shift * SUB_BUCKETS) + (ns >> shift);
            assert_eq!(Bucket::of(ns).index() as u64, expected, "{ns}");
        }
    }
}
