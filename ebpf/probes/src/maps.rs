use aya_ebpf::{
    macros::map,
    maps::{Array, PerCpuArray, RingBuf},
};
use hwptop_abi::{
    GuestCell, MAX_INSTANCES, PROBE_STAGES, SLOW_RING_BYTES, START_SLOTS, SlowCell, StageCell,
    UnattributedCell,
};

/// By instance number, for as many as user space makes room for at load (so are
/// `CELLS` and `GUESTS`): the raw `InstanceArg` last seen, plus 1 (0: never seen).
#[map]
pub static INSTANCES: Array<u64> = Array::with_max_entries(MAX_INSTANCES, 0);

/// [`hwptop_abi::Start`]s by [`hwptop_abi::start_slot`].
#[map]
pub static REQUEST_STARTS: Array<u64> = Array::with_max_entries(START_SLOTS, 0);

/// [`hwptop_abi::Start`]s by [`hwptop_abi::start_slot`].
#[map]
pub static SUBMISSION_STARTS: Array<u64> = Array::with_max_entries(START_SLOTS, 0);

/// By `Stage::cell_index`.
#[map]
pub static CELLS: PerCpuArray<StageCell> =
    PerCpuArray::with_max_entries(MAX_INSTANCES * PROBE_STAGES, 0);

/// By instance number.
#[map]
pub static GUESTS: PerCpuArray<GuestCell> = PerCpuArray::with_max_entries(MAX_INSTANCES, 0);

/// Index 0: events that belong to no cell.
#[map]
pub static UNATTRIBUTED: PerCpuArray<UnattributedCell> = PerCpuArray::with_max_entries(1, 0);

/// `SlowRecord`s, of the kernel's events `SlowWithStack`s where that is asked for.
#[map]
pub static SLOW: RingBuf = RingBuf::with_byte_size(SLOW_RING_BYTES, 0);

/// Index 0.
#[map]
pub static SLOW_COUNTS: PerCpuArray<SlowCell> = PerCpuArray::with_max_entries(1, 0);
