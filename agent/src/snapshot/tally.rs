use std::{collections::BTreeMap, marker::PhantomData};

use hwptop_abi::{Batch, error_index};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::serial;

/// Ends by how many items they carried: exact up to 63, and above by the least of a bucket that
/// is at most 3.2 % wide. 4,032 stands for anything above, too.
pub type BatchSizes = Tally<Items>;

/// Ends with an error by errno; 0 stands for codes that Linux has no name for.
pub type ErrorCodes = Tally<Errno>;

/// Counts by a number of which there are only so many.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally<K>(BTreeMap<u32, u64>, PhantomData<K>);

/// What a [`Tally`] counts by.
pub trait Kind {
    /// The number that `number` is counted under.
    fn counted_as(number: u32) -> u32;
}

/// Items of an end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Items;

impl Kind for Items {
    fn counted_as(number: u32) -> u32 {
        Batch::of(number).least()
    }
}

/// What an end failed with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Errno;

impl Kind for Errno {
    fn counted_as(number: u32) -> u32 {
        if error_index(number.into()) == 0 {
            0
        } else {
            number
        }
    }
}

impl<K: Kind> Tally<K> {
    /// Whether nothing was counted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The numbers that were counted, in order, and how often each was.
    pub fn iter(&self) -> impl Iterator<Item = (u32, u64)> + '_ {
        self.0.iter().map(|(number, count)| (*number, *count))
    }

    /// How many were counted.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.0.values().fold(0, |sum, n| sum.saturating_add(*n))
    }

    /// Takes in what came after.
    pub(crate) fn add(&mut self, later: &Self) {
        self.extend(later.iter());
    }
}

impl BatchSizes {
    /// The size that `quantile` (0 to 1) of all are at most; `None` where nothing was counted.
    #[must_use]
    pub fn at_quantile(&self, quantile: f64) -> Option<u32> {
        let below = quantile.clamp(0.0, 1.0) * self.total() as f64;
        let mut counted = 0_u64;
        let mut sizes = self.iter();
        let found = sizes.find(|(_, count)| {
            counted = counted.saturating_add(*count);
            counted as f64 >= below
        });
        found.map(|(size, _)| size)
    }

    /// The largest size; `None` where nothing was counted.
    #[must_use]
    pub fn largest(&self) -> Option<u32> {
        self.0.last_key_value().map(|(size, _)| *size)
    }
}

impl<K: Kind> Extend<(u32, u64)> for Tally<K> {
    fn extend<I: IntoIterator<Item = (u32, u64)>>(&mut self, counts: I) {
        for (number, count) in counts {
            if count > 0 {
                let sum = self.0.entry(K::counted_as(number)).or_default();
                *sum = sum.saturating_add(count);
            }
        }
    }
}

impl<K: Kind + Default> FromIterator<(u32, u64)> for Tally<K> {
    fn from_iter<I: IntoIterator<Item = (u32, u64)>>(counts: I) -> Self {
        let mut tally = Self::default();
        tally.extend(counts);
        tally
    }
}

impl<K> Serialize for Tally<K> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(&self.0)
    }
}

impl<'de, K: Kind + Default> Deserialize<'de> for Tally<K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let counts: Vec<(u32, u64)> = serial::bounded::deserialize(deserializer)?;
        Ok(counts.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_sizes_that_were_counted() {
        let sizes: BatchSizes = [(1, 98), (16, 1), (1024, 1)].into_iter().collect();
        assert_eq!(
            [0.0, 0.5, 0.98, 0.99, 1.0].map(|quantile| sizes.at_quantile(quantile)),
            [Some(1), Some(1), Some(1), Some(16), Some(1024)]
        );
        assert_eq!((sizes.total(), sizes.largest()), (100, Some(1024)));
        let none = BatchSizes::default();
        assert_eq!((none.at_quantile(0.5), none.largest()), (None, None));
    }

    #[test]
    fn sums_are_taken_by_number() {
        let mut codes: ErrorCodes = [(5, 1), (22, 2)].into_iter().collect();
        codes.add(&[(5, 3), (512, 1)].into_iter().collect());
        assert_eq!(codes.iter().collect::<Vec<_>>(), [(0, 1), (5, 4), (22, 2)]);
    }

    #[test]
    fn a_tally_is_written_as_pairs_and_read_again() {
        let sizes: BatchSizes = [(3, 4), (64, 1)].into_iter().collect();
        let text = serde_json::to_string(&sizes).unwrap();
        assert_eq!(text, "[[3,4],[64,1]]");
        assert_eq!(serde_json::from_str::<BatchSizes>(&text).unwrap(), sizes);
    }

    #[test]
    fn what_is_read_has_no_more_numbers_than_there_are() {
        let hostile = |from: u32| {
            let pairs: Vec<(u32, u64)> = (from..from + 1000).map(|n| (n, u64::MAX)).collect();
            serde_json::to_string(&pairs).unwrap()
        };
        let mut sizes = BatchSizes::default();
        let mut codes = ErrorCodes::default();
        for from in (0..100_000).step_by(1000) {
            sizes.add(&serde_json::from_str(&hostile(from)).unwrap());
            codes.add(&serde_json::from_str(&hostile(from)).unwrap());
        }
        assert_eq!(sizes.iter().count(), hwptop_abi::BATCH_BUCKETS);
        assert_eq!(codes.iter().count(), hwptop_abi::ERROR_CODES);
        assert_eq!(sizes.total(), u64::MAX);
        let many = format!("[{}]", vec!["[1,1]"; 2000].join(","));
        assert!(serde_json::from_str::<BatchSizes>(&many).is_err());
    }
}
