//! The suites: what `hwptop bench` can measure.

mod agent_cost;
mod batching;
mod bpftrace;
mod front_end;
mod policies;
mod probe_cost;

pub use agent_cost::{AgentCost, AgentCostError, agent_cost};
pub use batching::{BATCHES, BatchingError, Sweep, batching};
pub use front_end::{Doorbells, FrontEndError, FrontEndPoint, front_end};
pub use policies::{Delivery, PoliciesError, PolicyPoint, VCPUS, policies};
pub use probe_cost::{Absent, ProbeCost, ProbeCostError, Variant, VariantCost, probe_cost};

/// Name and purpose of every suite, as `hwptop bench list` prints them.
pub const SUITES: [(&str, &str); 5] = [
    (
        "batching",
        "what a batch of 1 to 1024 entries costs, per entry",
    ),
    (
        "policies",
        "what single, array and coalesce make of captured streams, with 1 to 8 vCPUs",
    ),
    (
        "front-end",
        "what the driver's front end takes per guest command, without a backend",
    ),
    (
        "probe-cost",
        "what an attached probe pair costs, beside empty probes and bpftrace",
    ),
    (
        "agent-cost",
        "what the headless agent costs while its target is idle",
    ),
];
