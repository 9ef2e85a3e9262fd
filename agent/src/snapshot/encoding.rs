use base64::{Engine as _, engine::general_purpose::STANDARD};
use hdrhistogram::{
    Histogram,
    serialization::{Deserializer, Serializer as _, V2Serializer},
};
use hwptop_abi::MAX_TRACKABLE_NS;
use serde::{Deserialize, Serialize};

/// A latency histogram in nanoseconds as HdrHistogram V2, in base64: other HdrHistogram
/// tools read it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct HistogramV2(String);

/// Why a histogram could not be read.
#[derive(Debug, thiserror::Error)]
pub enum HistogramError {
    /// Not base64.
    #[error("not base64: {0}")]
    Base64(#[from] base64::DecodeError),
    /// Not an HdrHistogram V2 payload.
    #[error("not an HdrHistogram V2 payload: {0}")]
    Payload(#[from] hdrhistogram::serialization::DeserializeError),
    /// A header with other bounds than hwptop's: decoding it could take gigabytes.
    #[error("{digits} significant digits up to {high} ns are not what hwptop writes")]
    Bounds {
        /// Significant decimal digits.
        digits: u32,
        /// The largest value.
        high: u64,
    },
    /// Bytes after the payload.
    #[error("{0} bytes after the HdrHistogram payload")]
    Trailing(usize),
    /// No value in it.
    #[error("the histogram is empty")]
    Empty,
}

impl HistogramV2 {
    /// Encodes `histogram`.
    ///
    /// # Panics
    /// Never: a `Vec` takes what is written to it.
    #[must_use]
    pub fn encode(histogram: &Histogram<u64>) -> Self {
        let mut bytes = Vec::new();
        V2Serializer::new()
            .serialize(histogram, &mut bytes)
            .expect("writing to a Vec cannot fail");
        Self(STANDARD.encode(bytes))
    }

    /// Decodes it.
    ///
    /// # Errors
    /// [`HistogramError`] where the text is no histogram or an empty one.
    pub fn decode(&self) -> Result<Histogram<u64>, HistogramError> {
        let bytes = STANDARD.decode(&self.0)?;
        check_bounds(&bytes)?;
        let mut rest = bytes.as_slice();
        let histogram: Histogram<u64> = Deserializer::new().deserialize(&mut rest)?;
        if !rest.is_empty() {
            return Err(HistogramError::Trailing(rest.len()));
        }
        if histogram.is_empty() {
            return Err(HistogramError::Empty);
        }
        Ok(histogram)
    }
}

/// Looks at the header before memory is taken for what it promises: HdrHistogram's V2
/// format has the significant digits at byte 12 and the highest value at byte 24, both
/// big-endian. A shorter text is left to the decoder, which says that it is short.
fn check_bounds(bytes: &[u8]) -> Result<(), HistogramError> {
    let digits = bytes
        .get(12..16)
        .and_then(|word| Some(u32::from_be_bytes(word.try_into().ok()?)));
    let high = bytes
        .get(24..32)
        .and_then(|word| Some(u64::from_be_bytes(word.try_into().ok()?)));
    match (digits, high) {
        (Some(digits), Some(high)) if digits > 2 || high > MAX_TRACKABLE_NS => {
            Err(HistogramError::Bounds { digits, high })
        }
        _ => Ok(()),
    }
}
