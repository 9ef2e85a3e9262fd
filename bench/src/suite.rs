//! The suites: what `hwptop bench` can measure.

mod agent_cost;
mod attach_cost;
mod batching;
mod bpftrace;
mod dashboard;
mod front_end;
mod integrity;
mod kernel_cost;
mod policies;
mod probe_cost;
mod queues;
mod replay;
mod scaling;
mod stages;

pub use agent_cost::{
    AgentCost, AgentCostConfig, AgentCostError, Doing, Events, Looking, MillionEvents, On, Scaling,
    Took, Watched, agent_cost,
};
pub use attach_cost::{AttachCost, attach_cost};
pub use batching::{
    Amount, BATCHES, BatchingError, Driven, MOCK_NAME, Sizes, SizesError, SubjectError, Sweep,
    Swept, batching,
};
pub use dashboard::{
    Beside, DashboardConfig, DashboardCost, DashboardError, Drawing, Round, ScreenCost, Scroll,
    Shows, Used, dashboard,
};
pub use front_end::{Doorbells, FrontEndError, FrontEndPoint, front_end};
pub use integrity::{Check, Finding, Integrity, IntegrityError, integrity};
pub use kernel_cost::{
    COST_BATCHES, KernelCost, KernelCostError, KernelCosts, KernelVariant, kernel_cost,
};
pub use policies::{Delivery, PoliciesConfig, PolicyPoint, VCPUS, policies};
pub use probe_cost::{Absent, ProbeCost, ProbeCostError, Variant, VariantCost, probe_cost};
pub use queues::{GuestsOn, GuestsOnError, StreamsError, WorkloadError};
pub use replay::{Load, ReplayConfig, ReplayPoint, replay};
pub use scaling::{
    PRODUCERS_MAX, ScalingConfig, ScalingError, ScalingPoint, scaling, up_to_the_cpus,
};
pub use stages::{StagePoint, Stages, StagesConfig, StagesError, Sums, Watching, stages};

/// Name and purpose of every suite, as `hwptop bench list` prints them.
pub const SUITES: [(&str, &str); 11] = [
    (
        "batching",
        "what a batch of 1 to 1024 entries costs, per entry",
    ),
    (
        "policies",
        "what single, array and coalesce make of captured streams, with 1 to 8 vCPUs",
    ),
    (
        "stages",
        "where a request's time goes, by batch size: driver op, submissions, the rest",
    ),
    (
        "scaling",
        "whether more instances, and more producers for each, get more done",
    ),
    (
        "replay",
        "how long captured guests wait, as fast as they can and at fixed rates, by policy",
    ),
    (
        "front-end",
        "what the driver's front end takes per guest command, without a backend",
    ),
    (
        "probe-cost",
        "what an attached probe pair costs, beside empty probes and bpftrace; on the selftest: what \
         kernel probes cost a request",
    ),
    (
        "integrity",
        "whether the kernel probes' intervals can be true, with threads moved between CPUs all the time",
    ),
    (
        "agent-cost",
        "what the agent costs: by event, beside bpftrace; to have it; to start, scrape and end it",
    ),
    (
        "attach-cost",
        "what putting the kernel probes on and taking them off costs, and what it leaves",
    ),
    (
        "dashboard",
        "what the dashboard costs: a frame of each screen, bytes, many rows, CPU beside none",
    ),
];
