//! The commands that the kernel gives to a hardware queue, for a recording. Programs
//! of their own beside those that time: one does not depend on the other.
//!
//! ```text
//! qi_submit_sync, … ─▶ COMMAND_UNITS (seen, lost) ─▶ COMMAND_BUFFER ─▶ COMMANDS ring buffer
//! ```

mod sites;

use core::ptr;

use aya_ebpf::{
    Global,
    bindings::{BPF_NOEXIST, BPF_RB_NO_WAKEUP},
    helpers::generated::{bpf_ktime_get_ns, bpf_probe_read_kernel, bpf_probe_read_kernel_str},
    macros::map,
    maps::{Array, HashMap, PerCpuArray, RingBuf},
};
use hwptop_abi::{
    COMMAND_BYTES, SUBMISSION_COMMANDS, SubmissionBuffer, SubmissionHeader, UNIT_NAME_BYTES, UNITS,
    UnitCell,
};

use crate::stage::add;

/// [`SubmissionHeader`]s, each with its commands. User space makes it larger where
/// commands are recorded.
#[map]
pub static COMMANDS: RingBuf = RingBuf::with_byte_size(4096, 0);

/// By the kernel's address of the unit.
#[map]
pub static COMMAND_UNITS: HashMap<u64, UnitCell> = HashMap::with_max_entries(UNITS, 0);

/// Index 0: submissions to units beyond those that are kept apart.
#[map]
pub static COMMANDS_ELSEWHERE: Array<u64> = Array::with_max_entries(1, 0);

/// Index 0: what a program on this CPU builds. The kernel never runs a program again on
/// a CPU where it has not ended; it counts what it left out (`recursion_misses`).
#[map]
pub static COMMAND_BUFFER: PerCpuArray<SubmissionBuffer> = PerCpuArray::with_max_entries(1, 0);

/// Where a unit's structure has the pointer to its `struct device`
/// (`struct iommu_device`, `dev`), in bytes; set at load.
#[unsafe(no_mangle)]
static RECORD_DEVICE_AT: Global<u32> = Global::new(0);

/// Where that has the pointer to its name (`struct kobject`, `name`), in bytes; set at load.
#[unsafe(no_mangle)]
static RECORD_NAME_AT: Global<u32> = Global::new(0);

/// Bytes of a command in memory; set at load.
#[unsafe(no_mangle)]
static RECORD_COMMAND_BYTES: Global<u32> = Global::new(0);

/// What a kernel function was given.
pub struct Given {
    /// The unit's structure.
    pub unit: u64,
    /// Where the commands are.
    pub commands: u64,
    /// How many there are.
    pub count: u32,
    /// As in [`SubmissionHeader::flags`].
    pub flags: u16,
}

/// Puts a submission into the ring buffer, and counts it as lost where it does not fit.
#[inline(always)]
pub fn record(given: &Given) {
    // First, so that the order of times is that of the calls.
    // SAFETY: the helper has no preconditions.
    let time_ns = unsafe { bpf_ktime_get_ns() };
    let Some(cell) = known(given.unit) else {
        if let Some(count) = COMMANDS_ELSEWHERE.get_ptr_mut(0) {
            // SAFETY: the pointer is into the map.
            unsafe { add(count, 1) };
        }
        return;
    };
    let is_recorded = put(time_ns, given).is_some();
    // SAFETY: `cell` points into the map, whose entries are never deleted.
    unsafe {
        add(&raw mut (*cell).submissions, 1);
        add(&raw mut (*cell).commands, u64::from(given.count));
        if !is_recorded {
            add(&raw mut (*cell).lost_submissions, 1);
            add(&raw mut (*cell).lost_commands, u64::from(given.count));
        }
    }
}

#[inline(always)]
fn put(time_ns: u64, given: &Given) -> Option<()> {
    let command_bytes = RECORD_COMMAND_BYTES.load();
    let count = given.count;
    if count > SUBMISSION_COMMANDS as u32 || command_bytes > COMMAND_BYTES as u32 {
        return None;
    }
    let bytes = count * command_bytes;
    let buffer = COMMAND_BUFFER.get_ptr_mut(0)?;
    // SAFETY: the buffer is this CPU's and the program's alone (see `COMMAND_BUFFER`), and has room
    // for as many commands; the helper checks the address that it reads.
    unsafe {
        (*buffer).header = SubmissionHeader {
            time_ns,
            unit: given.unit,
            commands: count,
            command_bytes: command_bytes as u16,
            flags: given.flags,
        };
        let commands = (&raw mut (*buffer).commands).cast();
        if bpf_probe_read_kernel(commands, bytes, given.commands as *const _) != 0 {
            return None;
        }
        let len = size_of::<SubmissionHeader>() + bytes as usize;
        let record = ptr::slice_from_raw_parts(buffer.cast::<u8>(), len);
        // User space looks at intervals: waking it would cost the submitting CPU more than
        // the program itself.
        let written = COMMANDS.output::<[u8]>(&*record, u64::from(BPF_RB_NO_WAKEUP));
        written.ok()
    }
}

/// What is kept of the unit, from the first sight of it.
#[inline(always)]
fn known(unit: u64) -> Option<*mut UnitCell> {
    if let Some(cell) = COMMAND_UNITS.get_ptr_mut(&unit) {
        return Some(cell);
    }
    let cell = UnitCell {
        name: name(unit).unwrap_or([0; UNIT_NAME_BYTES]),
        submissions: 0,
        commands: 0,
        lost_submissions: 0,
        lost_commands: 0,
    };
    // Another CPU may be first: then its cell is as good.
    let _ = COMMAND_UNITS.insert(&unit, &cell, u64::from(BPF_NOEXIST));
    COMMAND_UNITS.get_ptr_mut(&unit)
}

#[inline(always)]
fn name(unit: u64) -> Option<[u8; UNIT_NAME_BYTES]> {
    let device = pointer(unit + u64::from(RECORD_DEVICE_AT.load()))?;
    let text = pointer(device + u64::from(RECORD_NAME_AT.load()))?;
    let mut name = [0; UNIT_NAME_BYTES];
    // SAFETY: the helper writes as many bytes at most and checks the address.
    let len = unsafe {
        bpf_probe_read_kernel_str(
            name.as_mut_ptr().cast(),
            UNIT_NAME_BYTES as u32,
            text as *const _,
        )
    };
    (len > 0).then_some(name)
}

/// The pointer at `address`, unless it is null.
#[inline(always)]
fn pointer(address: u64) -> Option<u64> {
    let mut value = 0_u64;
    // SAFETY: the helper writes eight bytes and checks the address.
    let result = unsafe { bpf_probe_read_kernel((&raw mut value).cast(), 8, address as *const _) };
    (result == 0 && value != 0).then_some(value)
}
