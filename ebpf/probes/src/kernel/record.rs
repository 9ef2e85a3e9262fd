use core::ffi::c_void;

use aya_ebpf::helpers::generated::{
    bpf_get_current_pid_tgid, bpf_get_smp_processor_id, bpf_get_stack,
};
use hwptop_abi::{SlowRecord, SlowWithStack, Stage};

use super::{
    layout::layout,
    maps::{FAILURES, LOST},
    slot,
    thread::Thread,
};
use crate::{maps::SLOW, slow, stage::add};

/// Keeps a failed request.
///
/// # Safety
/// `thread` points into the map.
#[inline(never)]
pub(super) unsafe fn failure(thread: *mut Thread, latency_ns: u64, result: i32, op_ns: u64) {
    if thread.is_null() {
        return;
    }
    // SAFETY: the caller's.
    let record = unsafe { request(thread, latency_ns, result, op_ns) };
    if FAILURES.output::<SlowRecord>(&record, 0).is_ok() {
        return;
    }
    if let Some(cell) = LOST.get_ptr_mut(0) {
        // SAFETY: `cell` points to this CPU's value of the map.
        unsafe { add(&raw mut (*cell).failures, 1) };
    }
}

/// Keeps a slow request; `op_ns` is the time of its driver op, or `NOT_TIMED`.
///
/// # Safety
/// `thread` points into the map.
#[inline(never)]
pub(super) unsafe fn slow_request(
    ctx: *mut c_void,
    thread: *mut Thread,
    latency_ns: u64,
    result: i32,
    op_ns: u64,
) {
    // SAFETY: the caller's.
    unsafe {
        if !thread.is_null() && slow::has_room((*thread).start_ns + latency_ns) {
            keep(ctx, &request(thread, latency_ns, result, op_ns));
        }
    }
}

#[inline(always)]
unsafe fn request(thread: *mut Thread, latency_ns: u64, result: i32, op_ns: u64) -> SlowRecord {
    // SAFETY: the caller's; the helpers have no preconditions.
    unsafe {
        let made = &raw const (*thread).made;
        let any = (*made).within_ns == (*thread).start_ns;
        SlowRecord {
            end_ns: (*thread).start_ns + latency_ns,
            latency_ns,
            op_ns,
            submissions_ns: if any { (*made).ns } else { 0 },
            instance: slot::number_of((*thread).instance),
            stage: Stage::Request as u32,
            hwpt: (*thread).known.hwpt,
            items: (*thread).handled,
            tid: bpf_get_current_pid_tgid() as u32,
            errno: errno(result),
            tgid: (*thread).known.tgid,
            // One that succeeds handles all that it asks for.
            asked: if result < 0 {
                (*thread).asked
            } else {
                (*thread).handled
            },
            submissions: if any { (*made).submissions } else { 0 },
            commands: if any { (*made).commands } else { 0 },
            cpu: bpf_get_smp_processor_id(),
            stack_bytes: 0,
        }
    }
}

/// Keeps a slow submission of `thread`; `hwpt` is the object of the request that made it, or 0.
///
/// # Safety
/// `thread` points into the map.
#[inline(never)]
pub(super) unsafe fn slow_submission(
    ctx: *mut c_void,
    thread: *mut Thread,
    latency_ns: u64,
    result: i32,
    hwpt: u32,
) {
    // SAFETY: the caller's; the helpers have no preconditions.
    unsafe {
        if thread.is_null() {
            return;
        }
        let end_ns = (*thread).submission_start_ns + latency_ns;
        if !slow::has_room(end_ns) {
            return;
        }
        let who = bpf_get_current_pid_tgid();
        let record = SlowRecord {
            end_ns,
            latency_ns,
            instance: slot::number_of((*thread).submission_instance),
            stage: if hwpt == 0 {
                Stage::HostSubmission
            } else {
                Stage::Submission
            } as u32,
            hwpt,
            items: (*thread).submission_items as u32,
            tid: who as u32,
            errno: errno(result),
            tgid: (who >> 32) as u32,
            cpu: bpf_get_smp_processor_id(),
            ..SlowRecord::UNKNOWN
        };
        keep(ctx, &record);
    }
}

#[inline(always)]
fn errno(result: i32) -> u32 {
    if result < 0 { result.unsigned_abs() } else { 0 }
}

/// Puts the record, and the stack where that is asked for, into the ring buffer.
#[inline(always)]
fn keep(ctx: *mut c_void, record: &SlowRecord) {
    if layout!(stacks) == 0 {
        return slow::keep(record);
    }
    let Some(mut entry) = SLOW.reserve::<SlowWithStack>(0) else {
        return slow::ring_is_full();
    };
    let whole = entry.as_mut_ptr();
    // SAFETY: `whole` points into the ring buffer; the helper writes as many bytes as it is told.
    unsafe {
        (&raw mut (*whole).record).write(*record);
        let frames = &raw mut (*whole).frames;
        let bytes = bpf_get_stack(ctx, frames.cast(), size_of_val(&*frames) as u32, 0);
        (*whole).record.stack_bytes = if bytes > 0 { bytes as u32 } else { 0 };
    }
    entry.submit(0);
}
