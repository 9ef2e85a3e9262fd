use core::ffi::c_void;

use aya_ebpf::helpers::generated::bpf_ktime_get_ns;
use hwptop_abi::Stage;

use super::{
    layout::layout,
    maps::{LOST, SUBMISSIONS},
    method::Method,
    record,
    request::{count, count_batch, count_error},
    slot,
    thread::{self, QUEUED_LEN, Queued, Thread, is_same, is_within, low_half},
};
use crate::{slow::is_slow, stage::add};

/// `items` commands are handed over to a queue of the instance with this
/// `struct iommu_device`.
#[inline(always)]
pub(super) fn begin(ctx: *mut c_void, instance: u64, items: u32) {
    let Some(thread) = thread::of(ctx) else {
        return;
    };
    // SAFETY: `thread` points into the map; the helper has no preconditions.
    unsafe {
        (*thread).submission = ctx as u64;
        (*thread).submission_instance = instance;
        (*thread).submission_items = u64::from(items);
        (*thread).submission_start_ns = bpf_ktime_get_ns();
    }
}

/// They were.
#[inline(always)]
pub(super) fn end<M: Method>(ctx: *mut c_void, result: i32) {
    // First, so that the program's own work is not measured.
    // SAFETY: the helper has no preconditions.
    let end_ns = unsafe { bpf_ktime_get_ns() };
    let Some(thread) = thread::of(ctx) else {
        return;
    };
    // SAFETY: pointers are into the maps.
    unsafe {
        if !is_same::<M>(ctx, (*thread).submission) {
            return lost();
        }
        (*thread).submission = 0;
        let instance = (*thread).submission_instance;
        let items = (*thread).submission_items as u32;
        let latency_ns = end_ns - (*thread).submission_start_ns;
        let mut hwpt = 0;
        let mut stage = Stage::HostSubmission;
        let index = if is_within(low_half(ctx), (*thread).request) {
            (*thread).instance = instance;
            let slot = slot::of(thread, instance);
            hwpt = (*thread).known.hwpt;
            stage = Stage::Submission;
            add_to_request(thread, latency_ns, items);
            slot
        } else {
            host(thread, instance)
        };
        let Some(cell) = SUBMISSIONS.get_ptr_mut(index) else {
            return;
        };
        (*cell).seen += 1;
        (*cell).items += u64::from(items);
        (*cell).total_ns += latency_ns;
        count(&raw mut (*cell).buckets, latency_ns);
        count_batch(&raw mut (*cell).batches, items);
        if result < 0 {
            (*cell).errors += 1;
            count_error(&raw mut (*cell).error_codes, result);
        }
        if is_slow(stage, latency_ns) {
            record::slow_submission(ctx, thread, latency_ns, result, hwpt);
        }
    }
}

/// # Safety
/// `thread` points into the map, and is in a request.
#[inline(always)]
unsafe fn add_to_request(thread: *mut Thread, latency_ns: u64, items: u32) {
    // SAFETY: the caller's.
    unsafe {
        let made = &raw mut (*thread).made;
        if (*made).within_ns != (*thread).start_ns {
            (*made).within_ns = (*thread).start_ns;
            (*made).ns = 0;
            (*made).submissions = 0;
            (*made).commands = 0;
        }
        (*made).ns += latency_ns;
        (*made).submissions += 1;
        (*made).commands += items;
    }
}

/// A command is put into a queue of the instance with this `struct iommu_device` (AMD): one for
/// a submission that this thread makes later, which it must `sync` with; else that which waits
/// for those, and which is none of the submission's.
#[inline(always)]
pub(super) fn queue(ctx: *mut c_void, instance: u64, sync: bool) {
    let Some(thread) = thread::of(ctx) else {
        return;
    };
    // SAFETY: `thread` points into the map.
    unsafe {
        let queued = &raw mut (*thread).queued;
        if sync {
            put(queued.cast(), instance);
        } else {
            // It tells the instance: the compiler may have taken the argument of
            // `iommu_completion_wait` away.
            (*thread).submission_items = take(queued.cast(), instance);
            (*thread).submission_instance = instance;
        }
    }
}

/// # Safety
/// `queued` points to [`QUEUED_LEN`] of them.
#[inline(always)]
unsafe fn put(queued: *mut Queued, instance: u64) {
    for n in 0..QUEUED_LEN {
        // SAFETY: the caller's.
        unsafe {
            let one = queued.add(n);
            if (*one).commands == 0 {
                (*one).instance = instance;
            }
            if (*one).instance == instance {
                (*one).commands += 1;
                return;
            }
        }
    }
}

/// # Safety
/// As for [`put`].
#[inline(always)]
unsafe fn take(queued: *mut Queued, instance: u64) -> u64 {
    let mut commands = 0;
    for n in 0..QUEUED_LEN {
        // SAFETY: the caller's.
        unsafe {
            let one = queued.add(n);
            // More than one may be the instance's: a free one is taken first.
            if (*one).instance == instance {
                commands += (*one).commands;
                (*one).commands = 0;
            }
        }
    }
    commands
}

/// What was queued for an instance is waited for (AMD); which one it is, and whether anything
/// was, the command tells that waits.
#[inline(always)]
pub(super) fn begin_wait(ctx: *mut c_void) {
    begin(ctx, 0, 0);
}

/// It was. No submission where another thread's command was waited for.
#[inline(always)]
pub(super) fn end_wait<M: Method>(ctx: *mut c_void, result: i32) {
    if let Some(thread) = thread::of(ctx) {
        // SAFETY: `thread` points into the map.
        unsafe {
            if (*thread).submission_instance == 0 && is_same::<M>(ctx, (*thread).submission) {
                (*thread).submission = 0;
                return;
            }
        }
    }
    end::<M>(ctx, result);
}

/// The cell of an instance's submissions outside requests.
#[inline(always)]
unsafe fn host(thread: *mut Thread, instance: u64) -> u32 {
    // SAFETY: the caller's.
    unsafe {
        if (*thread).host_instance != instance {
            (*thread).host_number = u64::from(slot::number_of(instance));
            (*thread).host_instance = instance;
        }
        layout!(slots) + (*thread).host_number as u32
    }
}

#[inline(never)]
fn lost() {
    if let Some(cell) = LOST.get_ptr_mut(0) {
        // SAFETY: `cell` points to this CPU's value of the map.
        unsafe { add(&raw mut (*cell).submissions, 1) };
    }
}
