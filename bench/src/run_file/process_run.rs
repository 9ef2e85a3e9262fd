use serde::{Deserialize, Serialize};

use super::{Key, Point};

/// What one process measured: the unit of every comparison.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ProcessRun {
    /// Its place in the order of all processes of the file, from 0.
    pub order: u32,
    /// Seconds since 1970-01-01 UTC at its start.
    pub started_unix_s: u64,
    /// The CPUs that its threads kept to, in the suite's own order; empty where the scheduler chose.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cpus: Vec<usize>,
    /// What it measured, in the suite's own order.
    pub points: Vec<Point>,
}

impl ProcessRun {
    /// What can be compared with another process' figures, in the suite's own order.
    #[must_use]
    pub fn comparable(&self) -> Vec<(Key, f64)> {
        self.points.iter().flat_map(Point::comparable).collect()
    }
}
