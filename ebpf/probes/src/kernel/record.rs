use aya_ebpf::{helpers::generated::bpf_get_current_pid_tgid, maps::RingBuf};
use hwptop_abi::{SlowRecord, Stage};

use super::{
    maps::{FAILURES, LOST},
    slot,
    thread::Thread,
};
use crate::{maps::SLOW, stage::add};

/// Keeps a failed request.
///
/// # Safety
/// `thread` points into the map.
#[inline(never)]
pub(super) unsafe fn failure(thread: *mut Thread, latency_ns: u64, result: i32) {
    // SAFETY: the caller's.
    unsafe { request(&FAILURES, thread, latency_ns, result) };
}

/// Keeps a slow request.
///
/// # Safety
/// `thread` points into the map.
#[inline(never)]
pub(super) unsafe fn slow_request(thread: *mut Thread, latency_ns: u64, result: i32) {
    // SAFETY: the caller's.
    unsafe { request(&SLOW, thread, latency_ns, result) };
}

#[inline(always)]
unsafe fn request(ring: &RingBuf, thread: *mut Thread, latency_ns: u64, result: i32) {
    if thread.is_null() {
        return;
    }
    // SAFETY: the caller's; the helper has no preconditions.
    let record = unsafe {
        SlowRecord {
            latency_ns,
            instance: slot::number_of((*thread).instance),
            stage: Stage::Request as u32,
            hwpt: (*thread).known.hwpt,
            items: (*thread).handled,
            tid: bpf_get_current_pid_tgid() as u32,
            errno: if result < 0 { result.unsigned_abs() } else { 0 },
            tgid: (*thread).known.tgid,
            // One that succeeds handles all that it asks for.
            asked: if result < 0 {
                (*thread).asked
            } else {
                (*thread).handled
            },
        }
    };
    keep(ring, &record);
}

/// Keeps a slow submission; `request` is the object of the request that made it, or 0.
#[inline(never)]
pub(super) fn slow_submission(latency_ns: u64, instance: u64, hwpt: u32, items: u32, result: i32) {
    // SAFETY: the helper has no preconditions.
    let who = unsafe { bpf_get_current_pid_tgid() };
    let stage = if hwpt == 0 {
        Stage::HostSubmission
    } else {
        Stage::Submission
    };
    keep(
        &SLOW,
        &SlowRecord {
            latency_ns,
            instance: slot::number_of(instance),
            stage: stage as u32,
            hwpt,
            items,
            tid: who as u32,
            errno: if result < 0 { result.unsigned_abs() } else { 0 },
            tgid: (who >> 32) as u32,
            asked: items,
        },
    );
}

#[inline(always)]
fn keep(ring: &RingBuf, record: &SlowRecord) {
    if ring.output::<SlowRecord>(record, 0).is_ok() {
        return;
    }
    if let Some(cell) = LOST.get_ptr_mut(0) {
        // SAFETY: `cell` points to this CPU's value of the map.
        unsafe { add(&raw mut (*cell).records, 1) };
    }
}
