use core::arch::asm;

use aya_ebpf::{
    EbpfContext as _,
    helpers::generated::{bpf_get_smp_processor_id, bpf_ktime_get_ns},
    maps::Array,
    programs::ProbeContext,
};
use aya_log_ebpf::warn;
use hwptop_abi::{
    BATCH_BUCKETS, BUCKETS, Batch, Bucket, InstanceArg, NOT_KNOWN, SlowRecord, Stage, Start,
    error_index, start_slot,
};

use crate::{
    maps::{CELLS, INSTANCES, UNATTRIBUTED},
    slow,
};

/// Adds to a counter of a per-CPU cell. Atomic, because a uprobe program can be
/// preempted by another one on the same CPU in the middle of an addition. In
/// assembly, because `core` has no `fetch_add` for a target without compare-and-swap.
///
/// # Safety
/// `counter` points into a map value.
#[inline(always)]
pub unsafe fn add(counter: *mut u64, n: u64) {
    // SAFETY: the caller's; map values are 8-byte aligned.
    unsafe {
        asm!("lock *(u64 *)({counter} + 0) += {n}", counter = in(reg) counter, n = in(reg) n);
    }
}

/// The arguments that all probes of a stage share.
#[inline(always)]
fn ticket_and_instance(ctx: &ProbeContext) -> Option<(u64, InstanceArg)> {
    Some((
        ctx.arg::<u64>(0)?,
        InstanceArg::from_raw(ctx.arg::<u64>(1)? as u32),
    ))
}

/// Notes when the event with this ticket began.
#[inline(always)]
pub fn begin(ctx: &ProbeContext, starts: &Array<u64>) {
    let Some((ticket, instance)) = ticket_and_instance(ctx) else {
        return;
    };
    let slot = start_slot(u32::from(instance.number()), ticket);
    if let Some(start) = starts.get_ptr_mut(slot) {
        // SAFETY: the pointers are into the map. The time is read last, so that the
        // program's own work before it is not measured.
        unsafe {
            if *start != 0
                && let Some(earlier) = starts.get_ptr_mut(slot + 1)
            {
                *earlier = *start;
            }
            *start = Start::new(ticket, bpf_ktime_get_ns()).raw();
        }
    }
}

/// Counts the event with this ticket and files how long it took.
#[inline(always)]
pub fn end(ctx: &ProbeContext, stage: Stage, starts: &Array<u64>) {
    // First, so that the program's own work is not measured.
    // SAFETY: the helper has no preconditions.
    let end_ns = unsafe { bpf_ktime_get_ns() };
    let Some((ticket, instance)) = ticket_and_instance(ctx) else {
        return;
    };
    let number = u32::from(instance.number());
    // User space decides at load how many instances the maps have room for.
    let Some(cell) = CELLS.get_ptr_mut(stage.cell_index(number)) else {
        return unattributed(ctx, number);
    };
    let items = ctx.arg::<u64>(3).unwrap_or(0) as u32;
    let errno = ctx.arg::<u64>(4).unwrap_or(0) as u32;
    note_instance(number, instance);

    // SAFETY: `cell` points to this CPU's value of the map.
    unsafe {
        add(&raw mut (*cell).seen, 1);
        add(&raw mut (*cell).items, u64::from(items));
        // The mask keeps the index inside the array, in words that the verifier understands.
        let batch = Batch::of(items).index() & (BATCH_BUCKETS - 1);
        add((&raw mut (*cell).batches).cast::<u64>().add(batch), 1);
        if errno != 0 {
            add(&raw mut (*cell).errors, 1);
            let code = error_index(u64::from(errno));
            add((&raw mut (*cell).error_codes).cast::<u64>().add(code), 1);
        }
    }
    let Some(latency_ns) = since_start(starts, number, ticket, end_ns) else {
        // SAFETY: as above.
        unsafe { add(&raw mut (*cell).lost_no_start, 1) };
        return;
    };
    // SAFETY: as above.
    unsafe {
        let index = Bucket::of(latency_ns).index() & (BUCKETS - 1);
        add(&raw mut (*cell).total_ns, latency_ns);
        add((&raw mut (*cell).buckets).cast::<u64>().add(index), 1);
    }
    if slow::is_slow(stage, latency_ns) {
        let is_request = matches!(stage, Stage::Request);
        keep(&SlowRecord {
            end_ns,
            latency_ns,
            instance: instance.raw(),
            stage: stage as u32,
            hwpt: ctx.arg::<u64>(2).unwrap_or(0) as u32,
            items,
            tid: ctx.pid(),
            errno,
            tgid: ctx.tgid(),
            // One that succeeds handles all that it asks for.
            asked: if is_request && errno == 0 {
                items
            } else {
                NOT_KNOWN
            },
            // SAFETY: the helper has no preconditions.
            cpu: unsafe { bpf_get_smp_processor_id() },
            ..SlowRecord::UNKNOWN
        });
    }
}

/// Takes the start of the event, so that a second end finds none.
#[inline(always)]
fn since_start(starts: &Array<u64>, number: u32, ticket: u64, end_ns: u64) -> Option<u64> {
    let slot = start_slot(number, ticket);
    let latest = take_start(starts, slot, ticket, end_ns);
    if latest.is_some() {
        return latest;
    }
    take_start(starts, slot + 1, ticket, end_ns)
}

#[inline(always)]
fn take_start(starts: &Array<u64>, place: u32, ticket: u64, end_ns: u64) -> Option<u64> {
    let start = starts.get_ptr_mut(place)?;
    // SAFETY: the pointer is into the map.
    unsafe {
        let latency_ns = Start::from_raw(*start).until(ticket, end_ns)?;
        *start = 0;
        Some(latency_ns)
    }
}

/// Remembers what kind of instance stands behind the number. Read before
/// written: the line stays shared between CPUs once it is known.
#[inline(always)]
pub fn note_instance(number: u32, instance: InstanceArg) {
    let known = u64::from(instance.raw()) + 1;
    if let Some(slot) = INSTANCES.get_ptr_mut(number) {
        // SAFETY: the pointer is into the map.
        unsafe {
            if *slot != known {
                *slot = known;
            }
        }
    }
}

#[inline(never)]
fn unattributed(ctx: &ProbeContext, number: u32) {
    let Some(cell) = UNATTRIBUTED.get_ptr_mut(0) else {
        return;
    };
    // SAFETY: `cell` points to this CPU's value of the map.
    unsafe {
        if (*cell).seen == 0 {
            warn!(
                ctx,
                "instance {} is beyond those that are kept apart: its events count as lost", number
            );
        }
        add(&raw mut (*cell).seen, 1);
    }
}

#[inline(never)]
fn keep(record: &SlowRecord) {
    if slow::has_room(record.end_ns) {
        slow::keep(record);
    }
}
