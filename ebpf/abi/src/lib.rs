//! What hwptop's eBPF programs and its user space must agree on: the arguments
//! of the static probes, the records in the maps, and how a latency becomes a
//! histogram bucket. Nothing here allocates, prints or touches a kernel.
//!
//! ```text
//! static probe ──[instance]──▶ eBPF program ──[cell, bucket]──▶ map ──▶ agent
//! ```
#![no_std]
#![expect(
    clippy::cast_possible_truncation,
    reason = "bit fields and bucket numbers are masked to their width before the cast"
)]

mod batch;
mod cell;
mod errno;
mod histogram;
mod instance;
mod kernel;
mod record;
mod slow;
mod stage;

pub use batch::{BATCH_BUCKETS, BATCH_MAX, Batch};
pub use cell::{
    GuestCell, START_SLOTS, STARTS_PER_INSTANCE, STARTS_PER_SLOT, StageCell, Start,
    UnattributedCell, start_slot,
};
pub use errno::{ERROR_CODES, error_index};
pub use histogram::{BUCKETS, Bucket, MAX_TRACKABLE_NS};
pub use instance::{InstanceArg, MAX_INSTANCES, Vendor};
pub use kernel::{
    ENDED_OBJECTS_MAX, EndedObject, HwQueueCell, KERNEL_INSTANCES_MAX, KernelInstance,
    KernelLayout, LostCell, MISSING, MOCK_INSTANCE, NAME_BYTES, REQUEST_PARTS, RequestCell,
    SLOTS_MAX, SlotKey, WHOLE_CONTEXT,
};
pub use record::{
    COMMAND_BYTES, DRAINED, SUBMISSION_COMMANDS, SYNCED, Submission, SubmissionBuffer,
    SubmissionHeader, UNIT_NAME_BYTES, UNITS, UnitCell,
};
pub use slow::{
    Config, NOT_KNOWN, NOT_TIMED, SLOW_RECORDS_MAX, SLOW_RING_BYTES, SLOW_WINDOW_NS, STACK_FRAMES,
    SlowCell, SlowRecord, SlowWithStack,
};
pub use stage::{PROBE_STAGES, STAGES, Stage};
