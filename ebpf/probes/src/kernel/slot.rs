use aya_ebpf::{
    bindings::BPF_NOEXIST,
    helpers::generated::{
        bpf_get_current_pid_tgid, bpf_get_current_task_btf, bpf_probe_read_kernel_str,
    },
};
use hwptop_abi::{KernelInstance, MISSING, MOCK_INSTANCE, NAME_BYTES, SlotKey};

use super::{
    layout::layout,
    maps::{FREE_INSTANCES, FREE_SLOTS, INSTANCE_OF, KERNEL_INSTANCES, SLOT_OF},
    method::{Fentry, Kprobe, Method as _, ints_anywhere},
    request::HWPT_ID,
    thread::{self, Thread},
};
use crate::stage::add;

/// How many nested HWPTs went away: one that comes may lie where another one was. User space
/// adds to it, too, when it takes slots back.
static mut ENDED: u64 = 0;

#[inline(always)]
fn ended() -> u64 {
    // SAFETY: a map's memory; a count that is read a moment too early is that of a request
    // that holds the object.
    unsafe { (&raw const ENDED).read_volatile() }
}

/// A nested HWPT goes away.
#[inline(always)]
pub(super) fn end_of_object() {
    // SAFETY: a map's memory.
    unsafe { add(&raw mut ENDED, 1) };
}

/// The process that runs.
#[inline(always)]
fn tgid() -> u32 {
    let offset = layout!(task_tgid);
    if offset == MISSING {
        // Without BTF. It is dearer by a call.
        // SAFETY: the helper has no preconditions.
        return (unsafe { bpf_get_current_pid_tgid() } >> 32) as u32;
    }
    // SAFETY: the helper has no preconditions.
    Fentry::int(
        unsafe { bpf_get_current_task_btf() }.cast_const().cast(),
        offset,
    )
}

/// What [`of`] answers where the request is of a process that is not watched: beyond any map.
const NOBODYS: u32 = u32::MAX;

/// The slot of the request that `thread` is in, as far as `instance` had it. What is remembered
/// was found for a process that is watched, at a time when the ends of objects are noticed.
///
/// # Safety
/// `thread` points into the map.
#[inline(always)]
pub(super) unsafe fn of(thread: *mut Thread, instance: u64) -> u32 {
    // SAFETY: the caller's.
    unsafe {
        let known = &raw const (*thread).known;
        if (*known).target == (*thread).target
            && (*known).context == (*thread).context
            && (*known).instance == instance
            && (*known).tgid == tgid()
            && (*known).ended == ended() + 1
        {
            return (*known).slot;
        }
    }
    find(thread, instance)
}

#[inline(never)]
fn find(thread: *mut Thread, instance: u64) -> u32 {
    let tgid = tgid();
    let only_tgid = layout!(only_tgid);
    if thread.is_null() || only_tgid != 0 && only_tgid != tgid {
        return NOBODYS;
    }
    // SAFETY: `thread` points into the map.
    unsafe {
        let known = &raw mut (*thread).known;
        let ended = ended();
        let target = (*thread).target;
        let hwpt = if target >> 32 == 0 {
            target as u32
        } else {
            let [hwpt] = ints_anywhere(thread::command(thread), HWPT_ID);
            hwpt
        };
        let key = SlotKey {
            context: (*thread).context,
            instance: number_of(instance),
            hwpt,
            tgid,
            reserved: 0,
        };
        (*known).context = key.context;
        (*known).instance = instance;
        (*known).target = target;
        (*known).ended = if layout!(ends_noticed) == 0 {
            0
        } else {
            ended + 1
        };
        (*known).slot = allotted(&key);
        (*known).tgid = key.tgid;
        (*known).hwpt = hwpt;
        (*known).slot
    }
}

/// The key's slot; its instance's common one where there is no other.
#[inline(always)]
fn allotted(key: &SlotKey) -> u32 {
    // SAFETY: user space removes only entries of processes that are gone, and of objects that were
    // destroyed and made no request since.
    if let Some(slot) = unsafe { SLOT_OF.get(key) } {
        return *slot;
    }
    let Ok(Some(free)) = FREE_SLOTS.pop() else {
        return key.instance;
    };
    if SLOT_OF.insert(key, free, u64::from(BPF_NOEXIST)).is_ok() {
        return free;
    }
    // Another CPU was first, or the map is full.
    let _ = FREE_SLOTS.push(free, 0);
    // SAFETY: as above.
    unsafe { SLOT_OF.get(key) }.map_or(key.instance, |slot| *slot)
}

/// The number of the instance with this `struct iommu_device`; 0 for none, or one too many.
#[inline(never)]
pub(super) fn number_of(address: u64) -> u32 {
    if address == 0 {
        return 0;
    }
    // SAFETY: entries are never removed.
    if let Some(number) = unsafe { INSTANCE_OF.get(address) } {
        return *number;
    }
    let Ok(Some(free)) = FREE_INSTANCES.pop() else {
        return 0;
    };
    if INSTANCE_OF
        .insert(address, free, u64::from(BPF_NOEXIST))
        .is_err()
    {
        let _ = FREE_INSTANCES.push(free, 0);
        // SAFETY: as above.
        return unsafe { INSTANCE_OF.get(address) }.map_or(0, |number| *number);
    }
    if let Some(instance) = KERNEL_INSTANCES.get_ptr_mut(free) {
        // SAFETY: the pointer is into the map.
        unsafe { introduce(instance, address) };
    }
    free
}

#[inline(always)]
unsafe fn introduce(instance: *mut KernelInstance, address: u64) {
    // SAFETY: the caller's; a helper reads what may be no address at all.
    unsafe {
        if address != MOCK_INSTANCE
            && layout!(iommu_dev) != MISSING
            && layout!(device_name) != MISSING
        {
            let device = Kprobe::long(address as *const u8, layout!(iommu_dev));
            let name = Kprobe::long(device as *const u8, layout!(device_name));
            bpf_probe_read_kernel_str(
                (&raw mut (*instance).name).cast(),
                NAME_BYTES as u32,
                name as *const _,
            );
        }
        (*instance).address = address;
    }
}
