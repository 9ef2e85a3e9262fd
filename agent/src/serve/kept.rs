use serde::Serialize;

/// What becomes of the snapshots that an agent keeps on disk.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct KeptOnDisk {
    /// Where.
    pub path: String,
    /// Intervals that were written.
    pub intervals: u64,
    /// Intervals that were not.
    pub missed: u64,
    /// Recordings that a trigger has made.
    pub dumps: u64,
    /// Why the last interval was not written, if so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
}
