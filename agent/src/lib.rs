//! hwptop's agent: what becomes of the probes' events.
//!
//! ```text
//! eBPF maps ──┐
//!             ├─▶ Totals ─▶ Aggregator ─▶ Snapshot ─▶ tui, text, json, csv
//! Recorder ───┘                          │
//!                                        ├─▶ Recording ─▶ files ─▶ Replay ─▶ Snapshot
//!                                        └─▶ export ─▶ serve
//! ```
//!
//! Both sources count into the same buckets ([`hwptop_abi::Bucket`]), so that
//! what eBPF measured and what the process measured itself can be compared.

mod aggregate;
mod bpf;
mod comm;
mod commands;
pub mod compare;
mod counters;
mod ebpf;
pub mod export;
mod in_process;
pub mod kernel;
mod looking;
mod message;
mod natural;
mod past;
mod perf;
mod printable;
mod privileges;
mod process;
mod readiness;
mod recording;
mod series;
pub mod serve;
mod slow;
pub mod snapshot;
mod static_probe;
mod time;
mod totals;

pub use aggregate::{Aggregator, Origin, instance_name};
pub use commands::{CommandCounts, CommandError, CommandStream, SubmittedCommands};
pub use counters::{CounterReading, ThreadCounters};
pub use ebpf::{Ebpf, EbpfError, EmptyProbes};
pub use in_process::{Observation, Recorder};
pub use kernel::{EmptyKernelError, EmptyKernelProbes, Kernel, KernelError, KernelOptions, Method};
pub use looking::{RunTimes, clock_source};
pub use message::full_message;
pub use natural::natural_order;
pub use past::Past;
pub use perf::{PerfError, ProcessCounters};
pub use printable::printable;
pub use privileges::{Kept, drop_privileges};
pub use process::{ProcessError, TargetProcess};
pub use readiness::{Missing, can_load_ebpf};
pub use recording::{
    Heat, Hindsight, InstanceSum, RECORDING_SCHEMA, Recording, RecordingError, Replay, Since,
    Summary,
};
pub use series::{Band, HeatColumn, HeatColumns, Series};
pub use slow::{Percentile, SlowOptions, SlowThreshold};
pub use static_probe::{PROVIDER, StaticProbe, StaticProbeError};
pub use time::nanos;
pub use totals::{
    HwQueues, InstanceKind, InstanceTotals, ObjectKey, ObjectTotals, SlowCall, Source, SourceError,
    StageTotals, Stages, Totals,
};
