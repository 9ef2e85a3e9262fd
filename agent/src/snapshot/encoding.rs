use std::io::Read as _;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use flate2::read::ZlibDecoder;
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
    /// Not compressed as it says.
    #[error("not compressed as an HdrHistogram V2 payload is: {0}")]
    Compressed(std::io::Error),
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

    /// Decodes it, compressed or not.
    ///
    /// # Errors
    /// [`HistogramError`] where the text is no histogram or an empty one.
    pub fn decode(&self) -> Result<Histogram<u64>, HistogramError> {
        let bytes = inflated(STANDARD.decode(&self.0)?)?;
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

impl From<&str> for HistogramV2 {
    /// What is to be decoded.
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

/// What a payload begins with.
const PLAIN: [u8; 4] = 0x1c84_9313_u32.to_be_bytes();
/// What a compressed payload begins with, before its length.
const COMPRESSED: [u8; 4] = 0x1c84_9314_u32.to_be_bytes();

/// The most bytes of a payload that is not compressed: a header, and nine for each count of
/// two significant digits up to [`MAX_TRACKABLE_NS`].
const PAYLOAD_MAX: u64 = 40 + 9 * 128 * 36;

/// The payload itself.
fn inflated(bytes: Vec<u8>) -> Result<Vec<u8>, HistogramError> {
    let Some(rest) = bytes.strip_prefix(&COMPRESSED) else {
        return Ok(bytes);
    };
    let stream = rest.get(4..).unwrap_or_default();
    let mut payload = Vec::new();
    ZlibDecoder::new(stream)
        .take(PAYLOAD_MAX)
        .read_to_end(&mut payload)
        .map_err(HistogramError::Compressed)?;
    Ok(payload)
}

/// Looks at the header before memory is taken for what it promises: HdrHistogram's V2
/// format has the significant digits at byte 12 and the highest value at byte 24, both
/// big-endian. A shorter text is left to the decoder, which says that it is short.
fn check_bounds(bytes: &[u8]) -> Result<(), HistogramError> {
    if !bytes.starts_with(&PLAIN) {
        // The decoder says that it knows no such format, before it takes any memory.
        return Ok(());
    }
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
