use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Activity, serial};

/// A process that makes requests.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Process {
    /// Its id, as the kernel's initial pid namespace numbers it.
    pub id: u32,
    /// Its name (`/proc/PID/comm`) when it was first seen, control characters replaced;
    /// `None` where it was gone by then.
    pub name: Option<String>,
}

/// Whose requests they are.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Owner {
    /// The process.
    pub process: Process,
    /// Which of the process's iommufd contexts, in the order in which they were first
    /// seen, from 0; `None` where nothing tells.
    pub context: Option<u32>,
    /// Id of the nested HWPT or vIOMMU within the context.
    pub hwpt: u32,
}

/// One nested HWPT or vIOMMU at one moment, or all that are not kept apart.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ObjectSnapshot {
    /// Number of its instance; `None` where its requests failed before they reached any, or
    /// nothing tells which one they reached.
    pub instance: Option<u16>,
    /// Whose it is; `None` for all objects beyond those that are kept apart.
    pub owner: Option<Owner>,
    /// What happened in the interval.
    pub interval: Activity,
    /// What happened since the measurement began.
    #[serde(default, skip_serializing_if = "Activity::is_empty")]
    pub total: Activity,
}

/// One request that failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailedRequest {
    /// The instance's name; `None` where it failed before it reached any, or nothing tells
    /// which one it reached.
    pub instance: Option<String>,
    /// Id of the nested HWPT or vIOMMU.
    pub hwpt: u32,
    /// Who made it, where that is known.
    pub process: Option<Process>,
    /// On which thread, where that is known.
    pub tid: Option<u32>,
    /// How many entries it asked for, where that is known: a request that fails before the
    /// driver is reached does not tell.
    pub asked: Option<u32>,
    /// How many of them were handled.
    pub handled: u32,
    /// The errno that ended it.
    pub errno: u32,
    /// How long it took.
    #[serde(rename = "latency_ns", with = "serial::ns")]
    pub latency: Duration,
}
