use crate::Bucket;

/// Buckets of one histogram of batch sizes.
pub const BATCH_BUCKETS: usize = 256;

/// The largest batch with a bucket of its own; any above is counted in the last bucket.
pub const BATCH_MAX: u32 = 4095;

/// One bucket of a histogram of batch sizes: entries of a request, commands of a submission.
///
/// They are the first of [`Bucket`]: sizes below 64 have one each, and above, a bucket is at most
/// 3.2 % wide. Powers of two begin one, so that a bucket is told by its [least size](Self::least).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Batch(u32);

impl Batch {
    /// The bucket that counts a batch of `items`.
    #[must_use]
    #[inline]
    pub const fn of(items: u32) -> Self {
        if items < Self::EXACT {
            return Self(items);
        }
        let items = if items > BATCH_MAX { BATCH_MAX } else { items };
        Self(Bucket::of(items as u64).index() as u32)
    }

    /// The bucket at `index`, if there is one.
    #[must_use]
    pub const fn at(index: usize) -> Option<Self> {
        if index < BATCH_BUCKETS {
            Some(Self(index as u32))
        } else {
            None
        }
    }

    /// Where the bucket is in its histogram's array; below [`BATCH_BUCKETS`].
    #[must_use]
    #[inline]
    pub const fn index(self) -> usize {
        self.0 as usize
    }

    /// The smallest size that the bucket counts.
    #[must_use]
    pub const fn least(self) -> u32 {
        match Bucket::at(self.index()) {
            Some(bucket) => bucket.low_ns() as u32,
            None => BATCH_MAX,
        }
    }

    /// Sizes below have a bucket each.
    const EXACT: u32 = 64;
}

const _: () = assert!(Batch::of(u32::MAX).index() + 1 == BATCH_BUCKETS);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_below_64_and_powers_of_two_are_told_exactly() {
        for items in (0..64).chain((6..12).map(|power| 1 << power)) {
            assert_eq!(Batch::of(items).least(), items);
        }
    }

    #[test]
    fn a_batch_is_told_at_most_3_2_percent_too_small() {
        let mut last = Batch::of(0);
        for items in 0..=BATCH_MAX {
            let batch = Batch::of(items);
            assert!(batch >= last && batch.index() < BATCH_BUCKETS, "{items}");
            let low = f64::from(batch.least());
            assert!(low <= f64::from(items) && f64::from(items) <= low * 1.032);
            last = batch;
        }
        assert_eq!(Batch::at(BATCH_BUCKETS), None);
    }

    #[test]
    fn what_is_larger_than_any_bucket_is_in_the_last() {
        for items in [4032, BATCH_MAX, BATCH_MAX + 1, u32::MAX] {
            assert_eq!(Batch::of(items).index(), BATCH_BUCKETS - 1, "{items}");
        }
    }
}
