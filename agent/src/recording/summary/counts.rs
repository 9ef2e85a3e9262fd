//! The counts of a histogram, taken out of an HdrHistogram V2 payload without making one.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use flate2::{Decompress, FlushDecompress, Status};
use hdrhistogram::Histogram;

use crate::snapshot::{HistogramError, HistogramV2};

/// What a payload begins with, and what a compressed one begins with.
const PLAIN: [u8; 4] = 0x1c84_9313_u32.to_be_bytes();
const COMPRESSED: [u8; 4] = 0x1c84_9314_u32.to_be_bytes();
/// Bytes before the counts.
const HEADER: usize = 40;
/// Half of the sub-buckets of two significant digits, as a power of two.
const HALF: u32 = 7;

/// The value that index `index` of the counts of two significant digits stands for: the least of its bucket
/// (HdrHistogram's `valueFromIndex`).
pub(super) fn value_of(index: usize) -> u64 {
    let (bucket, sub) = (index >> HALF, index & ((1 << HALF) - 1));
    match bucket {
        0 => sub as u64,
        bucket => ((1 << HALF) + sub as u64) << (bucket - 1),
    }
}

/// The index of `value`: the inverse.
fn index_of(value: u64) -> usize {
    let bucket = (u64::BITS - (value | 0xff).leading_zeros()) - (HALF + 1);
    let sub = usize::try_from(value >> bucket).unwrap_or(usize::MAX);
    ((bucket as usize) << HALF) + sub
}

/// Takes payloads apart, in buffers that it keeps.
pub(super) struct Counts {
    inflate: Decompress,
    bytes: Vec<u8>,
    payload: Vec<u8>,
    /// Index and count of what the last one held.
    pub(super) found: Vec<(u16, u64)>,
}

impl Counts {
    /// Indices of two significant digits up to the largest latency that is kept.
    pub(super) const MAX: usize = 128 * 37;

    pub(super) fn new() -> Self {
        Self {
            inflate: Decompress::new(true),
            bytes: Vec::new(),
            payload: vec![0; HEADER + 9 * Self::MAX],
            found: Vec::new(),
        }
    }

    /// Puts what is in `text`, the base64 of a payload, into [`Self::found`], and says how many latencies that are.
    ///
    /// # Errors
    /// [`HistogramError`], as [`HistogramV2::decode`].
    pub(super) fn take(&mut self, text: &[u8]) -> Result<u64, HistogramError> {
        self.found.clear();
        if let Some(count) = self.directly(text) {
            return Ok(count);
        }
        // Not as hwptop writes it, or no payload at all: who reads any of them decides.
        let text = String::from_utf8_lossy(text);
        let histogram = HistogramV2::from(text.as_ref()).decode()?;
        self.found.clear();
        for one in histogram.iter_recorded() {
            let index = index_of(one.value_iterated_to()).min(Self::MAX - 1);
            let index = u16::try_from(index).unwrap_or(u16::MAX);
            self.found.push((index, one.count_at_value()));
        }
        Ok(histogram.len())
    }

    /// The same of what hwptop writes; `None` of anything else.
    fn directly(&mut self, text: &[u8]) -> Option<u64> {
        self.bytes.clear();
        STANDARD.decode_vec(text, &mut self.bytes).ok()?;
        let stream = self.bytes.strip_prefix(&COMPRESSED)?.get(4..)?;
        self.inflate.reset(true);
        let flush = FlushDecompress::Finish;
        let status = self.inflate.decompress(stream, &mut self.payload, flush);
        let all = usize::try_from(self.inflate.total_out()).ok()?;
        let (header, rest) = self.payload.get(..all)?.split_at_checked(HEADER)?;
        let word = |at: usize| Some(u32::from_be_bytes(header.get(at..at + 4)?.try_into().ok()?));
        let long = |at: usize| Some(u64::from_be_bytes(header.get(at..at + 8)?.try_into().ok()?));
        let is_ours = status.ok()? == Status::StreamEnd
            && header.starts_with(&PLAIN)
            && word(4)? as usize == rest.len()
            && word(8)? == 0
            && word(12)? == 2
            && long(16)? == 1
            && long(24)? <= hwptop_abi::MAX_TRACKABLE_NS
            && f64::from_bits(long(32)?).to_bits() == 1_f64.to_bits();
        if !is_ours {
            return None;
        }
        self.count(all)
    }

    /// Walks the zig-zag LEB128 numbers of the payload: a count, or minus a number of counts that are 0.
    fn count(&mut self, all: usize) -> Option<u64> {
        let (mut index, mut sum) = (0_usize, 0_u64);
        let mut bytes = self.payload[HEADER..all].iter();
        while let Some(first) = bytes.next() {
            let mut number = u64::from(first & 0x7f);
            let mut byte = *first;
            let mut shift = 7;
            while byte & 0x80 != 0 {
                byte = *bytes.next()?;
                if shift == 56 {
                    // HdrHistogram's ninth byte has eight bits of the number.
                    number |= u64::from(byte) << shift;
                    break;
                }
                number |= u64::from(byte & 0x7f) << shift;
                shift += 7;
            }
            let half = number >> 1;
            if number & 1 == 1 {
                index = index.checked_add(usize::try_from(half.checked_add(1)?).ok()?)?;
            } else {
                if half > 0 {
                    self.found.push((u16::try_from(index).ok()?, half));
                    sum = sum.checked_add(half)?;
                }
                index += 1;
            }
            if index > Self::MAX {
                return None;
            }
        }
        (sum > 0).then_some(sum)
    }
}

/// A histogram with these counts.
pub(super) fn histogram(counts: &[u64]) -> Histogram<u64> {
    // Only as large as the slowest asks for: there may be thousands.
    let high = value_of(counts.len()).max(2);
    let mut histogram =
        Histogram::new_with_bounds(1, high, 2).expect("two significant digits are valid");
    for (index, count) in counts.iter().enumerate().filter(|(_, count)| **count > 0) {
        histogram.saturating_record_n(value_of(index).max(1), *count);
    }
    histogram
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_index_has_the_value_that_hdrhistogram_gives_it() {
        let reference = Histogram::<u64>::new_with_bounds(1, (1 << 36) - 1, 2).unwrap();
        for index in 0..Counts::MAX - 128 {
            let value = value_of(index);
            assert_eq!(reference.lowest_equivalent(value), value, "{index}");
            assert_eq!(index_of(value), index);
            let highest = reference.highest_equivalent(value);
            assert_eq!(value_of(index + 1), highest + 1, "{index}");
            assert_eq!(index_of(highest), index);
        }
    }
}
