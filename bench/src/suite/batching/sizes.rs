use std::{fmt, str::FromStr};

use super::BATCHES;

/// The largest batch, in entries.
const SIZE_MAX: u32 = BATCHES[BATCHES.len() - 1];

/// The batch sizes of a sweep, in entries: 1 to 1024, ascending, each once. [`BATCHES`] unless
/// said otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sizes(Vec<u32>);

/// Why they are none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SizesError {
    /// A part of the list is no size.
    #[error("{0:?} is no batch size: take 1 to {SIZE_MAX}")]
    NoSize(String),
    /// They are not in their order, or one is there twice.
    #[error("{after} stands behind {before}: sizes must ascend")]
    Order {
        /// The size before it.
        before: u32,
        /// The size that is too small for its place.
        after: u32,
    },
}

impl Sizes {
    /// In ascending order; never empty.
    #[must_use]
    pub fn as_slice(&self) -> &[u32] {
        &self.0
    }
}

impl Default for Sizes {
    fn default() -> Self {
        Self(BATCHES.to_vec())
    }
}

/// From a list such as `1,8,64`.
impl FromStr for Sizes {
    type Err = SizesError;

    fn from_str(list: &str) -> Result<Self, Self::Err> {
        let mut sizes: Vec<u32> = Vec::new();
        for part in list.split(',') {
            let size = part.parse().ok();
            let size = size
                .filter(|size| (1..=SIZE_MAX).contains(size))
                .ok_or_else(|| SizesError::NoSize(part.to_owned()))?;
            if let Some(&before) = sizes.last().filter(|before| **before >= size) {
                let after = size;
                return Err(SizesError::Order { before, after });
            }
            sizes.push(size);
        }
        Ok(Self(sizes))
    }
}

impl fmt::Display for Sizes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, size) in self.0.iter().enumerate() {
            write!(f, "{}{size}", if at == 0 { "" } else { "," })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_read_as_it_is_written() {
        for list in ["64", "1,3,1024", &Sizes::default().to_string()] {
            let sizes: Sizes = list.parse().expect("they ascend");
            assert_eq!(sizes.to_string(), list);
        }
        assert_eq!(Sizes::default().as_slice(), BATCHES);
    }

    #[test]
    fn what_is_no_size_or_not_ascending_is_refused() {
        for wrong in ["", "0", "1025", "1,", "x", "-1", "1 ,2", "4294967297"] {
            let read = wrong.parse::<Sizes>();
            assert!(matches!(read, Err(SizesError::NoSize(_))), "{wrong:?}");
        }
        for wrong in ["2,1", "4,4", "1,8,2"] {
            let read = wrong.parse::<Sizes>();
            assert!(matches!(read, Err(SizesError::Order { .. })), "{wrong:?}");
        }
    }
}
