//! Recordings: snapshots in files that stay readable whatever happens to their writer.
//!
//! ```text
//! Snapshot ─▶ Recording ─┬─▶ NAME.hlog    latencies: an HdrHistogram interval log (V2, compressed), a tag per
//!                        │                instance or object and stage; other HdrHistogram tools read it
//!                        └─▶ NAME.jsonl   the rest: a header, then a line per interval
//! Replay ◀── both, an interval at a time; Summary ◀── both, as a whole and fast
//! Snapshot ─▶ Hindsight ── a ring of short recordings ── on a trigger ─▶ Recording
//! ```
//!
//! Both are only appended to, the histograms of an interval before its line: a line that is whole has all its
//! histograms in front of it, and a file that is cut anywhere ends with the last whole interval. Only what happened in
//! an interval is written; totals are sums, taken again when it is read.

mod error;
mod hindsight;
mod latencies;
mod reader;
mod since;
mod summary;
mod writer;

pub use error::RecordingError;
pub use hindsight::Hindsight;
pub use reader::Replay;
pub use since::Since;
pub use summary::{Heat, InstanceSum, Summary};
pub use writer::Recording;

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// Schema of a recording, in the first line of its `.jsonl`.
pub const RECORDING_SCHEMA: &str = "hwptop.recording/1";

/// The first line of a recording's `.jsonl`.
#[derive(Debug, Serialize, Deserialize)]
struct Header {
    schema: String,
    /// The version that wrote it.
    hwptop: String,
}

impl Header {
    fn ours() -> Self {
        Self {
            schema: RECORDING_SCHEMA.into(),
            hwptop: env!("CARGO_PKG_VERSION").into(),
        }
    }

    /// Whether this version reads what is behind it.
    fn check(&self) -> Result<(), String> {
        if self.schema == RECORDING_SCHEMA {
            return Ok(());
        }
        Err(format!(
            "its schema is {:?}, and not {RECORDING_SCHEMA:?}; hwptop {:?} wrote it",
            self.schema, self.hwptop
        ))
    }
}

/// The file with the histograms of the recording in `lines`.
fn log_of(lines: &Path) -> PathBuf {
    lines.with_extension("hlog")
}

#[cfg(test)]
mod tests;
