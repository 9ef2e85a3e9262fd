use aya_ebpf::{
    macros::map,
    maps::{Array, HashMap, PerCpuArray, Queue, RingBuf},
};
use hwptop_abi::{
    ENDED_OBJECTS_MAX, EndedObject, HwQueueCell, KERNEL_INSTANCES_MAX, KernelInstance, LostCell,
    RequestCell, SLOTS_MAX, SLOW_RING_BYTES, SlotKey, StageCell,
};

use super::thread::{THREADS_LEN, Thread};

/// By the bits of the stack's address above its size.
#[map]
pub static THREADS: Array<Thread> = Array::with_max_entries(THREADS_LEN, 0);

/// By slot. The first ones, by instance, take what finds no slot of its own.
#[map]
pub static REQUESTS: PerCpuArray<RequestCell> = PerCpuArray::with_max_entries(SLOTS_MAX, 0);

/// By slot; behind those by instance, submissions outside requests.
#[map]
pub static SUBMISSIONS: PerCpuArray<StageCell> =
    PerCpuArray::with_max_entries(SLOTS_MAX + KERNEL_INSTANCES_MAX, 0);

/// The slot of a key.
#[map]
pub static SLOT_OF: HashMap<SlotKey, u32> = HashMap::with_max_entries(SLOTS_MAX, 0);

/// Slots that nobody has, filled by user space.
#[map]
pub static FREE_SLOTS: Queue<u32> = Queue::with_max_entries(SLOTS_MAX, 0);

/// Objects that were destroyed, for user space to look at.
#[map]
pub static ENDED_OBJECTS: Queue<EndedObject> = Queue::with_max_entries(ENDED_OBJECTS_MAX, 0);

/// The number of an instance, by the address of its `struct iommu_device`.
#[map]
pub static INSTANCE_OF: HashMap<u64, u32> = HashMap::with_max_entries(KERNEL_INSTANCES_MAX, 0);

/// Instance numbers that nobody has yet, filled by user space.
#[map]
pub static FREE_INSTANCES: Queue<u32> = Queue::with_max_entries(KERNEL_INSTANCES_MAX, 0);

/// By instance number.
#[map]
pub static KERNEL_INSTANCES: Array<KernelInstance> =
    Array::with_max_entries(KERNEL_INSTANCES_MAX, 0);

/// Index 0.
#[map]
pub static LOST: PerCpuArray<LostCell> = PerCpuArray::with_max_entries(1, 0);

/// Index 0.
#[map]
pub static HW_QUEUES: PerCpuArray<HwQueueCell> = PerCpuArray::with_max_entries(1, 0);

/// `SlowRecord`s of failed requests.
#[map]
pub static FAILURES: RingBuf = RingBuf::with_byte_size(SLOW_RING_BYTES, 0);
