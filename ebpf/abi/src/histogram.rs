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
        let ns = if ns > MAX_TRACKABLE_NS {
            MAX_TRACKABLE_NS
        } else {
            ns
        };
        let shift = log2((ns | SUB_BUCKETS as u64) >> SUB_BITS);
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

/// Floor of log2 of a value that is not 0 and has at most 32 bits, without a branch: BPF has no
/// count-leading-zeros instruction, and bisection has five. A power of two times a de Bruijn
/// sequence has another number in its first five bits for each power (Leiserson, Prokop and
/// Randall, "Using de Bruijn Sequences to Index a 1 in a Computer Word", 1998).
#[inline]
const fn log2(value: u64) -> u32 {
    let mut below = value;
    below |= below >> 1;
    below |= below >> 2;
    below |= below >> 4;
    below |= below >> 8;
    below |= below >> 16;
    let highest = (below ^ (below >> 1)) as u32;
    LOG2[(highest.wrapping_mul(DE_BRUIJN) >> 27) as usize] as u32
}

const DE_BRUIJN: u32 = 0x077c_b531;

/// log2 of a power of two, by the first five bits of its product.
static LOG2: [u8; 32] = {
    let mut table = [0; 32];
    let mut log = 0_u8;
    while log < 32 {
        table[(DE_BRUIJN << log >> 27) as usize] = log;
        log += 1;
    }
    table
};

const _: () = assert!(MAX_TRACKABLE_NS >> SUB_BITS <= u32::MAX as u64);

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
    fn log2_agrees_with_the_standard_library() {
        for shift in 0..32 {
            for value in [
                1u64 << shift,
                (1u64 << shift) | 1,
                u64::from(u32::MAX) >> (31 - shift),
            ] {
                assert_eq!(log2(value), value.ilog2(), "{value:#x}");
            }
        }
    }
}
