//! An agent that keeps running: what it measured, for those who ask.
//!
//! ```text
//! collector ─▶ Latest ┬▶ HttpServer      /metrics, /healthz
//!        │            └▶ OtlpPusher ─▶   an OpenTelemetry collector
//!        └───▶ SnapshotServer ══ socket ══▶ Follower ─▶ top
//! ```
//!
//! The collector hands over and goes on: it never waits for anyone. Each client has a thread
//! of its own; how many there are, what one may send and how long it may take is bounded.

mod clients;
mod connect;
mod deadline;
mod follower;
mod http;
mod kept;
mod latest;
mod listener;
mod otlp;
mod place;
mod snapshots;
mod socket;

pub use follower::{FollowError, Follower};
pub use http::HttpServer;
pub use kept::KeptOnDisk;
pub use latest::Latest;
pub use listener::{Listener, by};
pub use otlp::{OtlpEndpoint, OtlpEndpointError, OtlpOptions, OtlpPusher};
pub use snapshots::SnapshotServer;
pub use socket::{SnapshotSocket, SocketError};

/// Schema of the lines on an agent's socket: the first names it, each of the others is a
/// [`Snapshot`](crate::snapshot::Snapshot).
pub const AGENT_SCHEMA: &str = "hwptop.agent/1";

/// The first line on an agent's socket.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Greeting {
    /// [`AGENT_SCHEMA`].
    pub schema: String,
    /// The agent's version of hwptop.
    pub hwptop: String,
    /// Nanoseconds from one snapshot to the next.
    pub interval_ns: u64,
}

#[cfg(test)]
mod tests;
