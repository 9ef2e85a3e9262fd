use core::ffi::c_void;

use aya_ebpf::helpers::generated::bpf_ktime_get_ns;
use hwptop_abi::{
    BATCH_BUCKETS, BUCKETS, Batch, Bucket, ERROR_CODES, NOT_KNOWN, NOT_TIMED, RequestCell, Stage,
    error_index,
};

use super::{
    layout::layout,
    maps::{LOST, REQUESTS},
    method::{Kprobe, Method, ints_anywhere},
    record, slot,
    thread::{self, Thread, is_near, is_same, top_of_stack},
};
use crate::{slow::is_slow, stage::add};

/// Offsets of the uAPI structure.
pub(super) const HWPT_ID: u32 = 4;
pub(super) const ENTRY_NUM: u32 = 24;

/// `_IO(IOMMUFD_TYPE, IOMMUFD_CMD_HWPT_INVALIDATE)`.
const IOMMU_HWPT_INVALIDATE: u32 = (b';' as u32) << 8 | 0x8d;

/// What the system call answers where it reached no iommufd: the descriptor is none, or of
/// a file that does not know the command.
const EBADF: i32 = 9;
const ENOTTY: i32 = 25;

/// `iommufd_hwpt_invalidate(ucmd)` begins.
#[inline(always)]
pub(super) fn begin<M: Method>(ctx: *mut c_void, ucmd: *const u8) {
    let Some(thread) = thread::of(ctx) else {
        return;
    };
    // SAFETY: `thread` points into the map; the helper has no preconditions. The time is read
    // last, so that the program's own work before it is not measured.
    unsafe {
        // Only kretprobes are left out while the programs before them run.
        if !M::ONE_CONTEXT && (*thread).request != 0 {
            unfinished();
        }
        (*thread).request = M::place(ctx);
        (*thread).op = 0;
        (*thread).instance = 0;
        // It is known where the driver is reached.
        (*thread).asked = NOT_KNOWN;
        (*thread).context = M::long(ucmd, layout!(ucmd_ictx));
        (*thread).command = ucmd as u64;
        (*thread).start_ns = bpf_ktime_get_ns();
    }
}

/// It answered `result`.
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
        let outer = (*thread).request;
        if !is_same::<M>(ctx, outer) {
            return lost();
        }
        (*thread).request = 0;
        let latency_ns = end_ns - (*thread).start_ns;
        let op = (*thread).op;
        let with_op = op != 0 && is_near(op as u32, outer as u32);
        let op_ns = (*thread).op_ns;
        // One whose end was not seen is longer than anything.
        if with_op && op_ns <= latency_ns {
            split(ctx, thread, latency_ns, op_ns, result);
        } else {
            unsplit(ctx, thread, latency_ns, with_op, result);
        }
    }
}

/// Counts a request with its driver op.
///
/// # Safety
/// `thread` points into the map.
#[inline(always)]
unsafe fn split(ctx: *mut c_void, thread: *mut Thread, latency_ns: u64, op_ns: u64, result: i32) {
    // SAFETY: the caller's; pointers are into the maps.
    unsafe {
        let Some(cell) = whole(thread, latency_ns) else {
            return;
        };
        (*cell).op_ns += op_ns;
        count(&raw mut (*cell).op, op_ns);
        count(&raw mut (*cell).rest, latency_ns - op_ns);
        outcome(ctx, (thread, cell), latency_ns, Some(op_ns), true, result);
    }
}

/// Counts a request of which the driver was not reached, its end was not seen, or it has no
/// programs.
///
/// # Safety
/// `thread` points into the map.
#[inline(always)]
unsafe fn unsplit(
    ctx: *mut c_void,
    thread: *mut Thread,
    latency_ns: u64,
    with_op: bool,
    result: i32,
) {
    // SAFETY: the caller's; pointers are into the maps.
    unsafe {
        read_outcome(thread);
        let Some(cell) = whole(thread, latency_ns) else {
            return;
        };
        if layout!(driver_ops) != 0 {
            if with_op || result >= 0 {
                // None succeeds without the driver: kprobes are left out while the CPU is in the
                // middle of a bpf() call.
                (*thread).op = 0;
                (*cell).ops_lost += 1;
                (*cell).unsplit_ns += latency_ns;
            } else {
                count(&raw mut (*cell).rest, latency_ns);
            }
        }
        outcome(ctx, (thread, cell), latency_ns, None, with_op, result);
    }
}

/// Counts what all requests have, and answers where.
///
/// # Safety
/// `thread` points into the map.
#[inline(always)]
unsafe fn whole(thread: *mut Thread, latency_ns: u64) -> Option<*mut RequestCell> {
    // SAFETY: the caller's; pointers are into the maps.
    unsafe {
        let cell = REQUESTS.get_ptr_mut(slot::of(thread, (*thread).instance))?;
        let handled = (*thread).handled;
        (*cell).seen += 1;
        (*cell).items += u64::from(handled);
        (*cell).request_ns += latency_ns;
        count_batch(&raw mut (*cell).batches, handled);
        count(&raw mut (*cell).request, latency_ns);
        Some(cell)
    }
}

/// Counts a failure, and keeps what failed or was slow.
///
/// # Safety
/// `thread` and `cell` point into the maps.
#[inline(always)]
unsafe fn outcome(
    ctx: *mut c_void,
    (thread, cell): (*mut Thread, *mut RequestCell),
    latency_ns: u64,
    op_ns: Option<u64>,
    with_op: bool,
    result: i32,
) {
    let op_ns = op_ns.unwrap_or(NOT_TIMED);
    // SAFETY: the caller's.
    unsafe {
        if result < 0 {
            (*cell).errors += 1;
            count_error(&raw mut (*cell).error_codes, result);
            if with_op {
                (*cell).op_errors += 1;
                count_error(&raw mut (*cell).op_error_codes, result);
                if (*thread).asked == NOT_KNOWN && (*thread).op_ns <= latency_ns {
                    // The driver did not fail: it handled all.
                    (*thread).asked = (*thread).handled;
                }
            }
            record::failure(thread, latency_ns, result, op_ns);
        }
        if is_slow(Stage::Request, latency_ns) {
            record::slow_request(ctx, thread, latency_ns, result, op_ns);
        }
    }
}

/// Which object a request went to and what it handled, as its own structure has it.
///
/// # Safety
/// `thread` points into the map.
#[inline(always)]
unsafe fn read_outcome(thread: *mut Thread) {
    // SAFETY: the caller's.
    unsafe {
        // One look takes both and what is between.
        let [hwpt, _, _, _, _, handled] = ints_anywhere(thread::command(thread), HWPT_ID);
        (*thread).target = u64::from(hwpt);
        (*thread).handled = handled;
    }
}

/// `ioctl(_, number, command)` is called, on whatever file.
#[inline(always)]
pub(super) fn begin_call(ctx: *mut c_void, number: u32, command: *const u8) {
    let Some(thread) = thread::of(ctx) else {
        return;
    };
    // SAFETY: as in `begin`.
    unsafe {
        if number != IOMMU_HWPT_INVALIDATE {
            // The thread before on this stack may have died in a request.
            (*thread).request = 0;
            return;
        }
        // This context is gone when the call is under way: all on the stack is within it.
        (*thread).request = top_of_stack(ctx);
        (*thread).op = 0;
        (*thread).instance = 0;
        (*thread).context = 0;
        (*thread).command = command as u64;
        [(*thread).asked] = ints_anywhere(command, ENTRY_NUM);
        (*thread).start_ns = bpf_ktime_get_ns();
    }
}

/// An `ioctl` answers `result`.
#[inline(always)]
pub(super) fn end_call(ctx: *mut c_void, result: i32) {
    let Some(thread) = thread::of(ctx) else {
        return;
    };
    // SAFETY: `thread` points into the map.
    unsafe {
        if (*thread).request == 0 {
            return;
        }
        if result == -EBADF || result == -ENOTTY {
            (*thread).request = 0;
            return;
        }
    }
    end::<Kprobe>(ctx, result);
}

/// Takes a latency into a histogram. No atomic addition: only one program writes to it, and
/// the kernel never runs a program twice at a time on one CPU.
#[inline(always)]
pub(super) unsafe fn count(histogram: *mut [u64; BUCKETS], ns: u64) {
    // The mask keeps the index inside the array, in words that the verifier understands.
    let index = Bucket::of(ns).index() & (BUCKETS - 1);
    // SAFETY: the caller's.
    unsafe { *histogram.cast::<u64>().add(index) += 1 };
}

/// As [`count`], of a batch of `items`.
#[inline(always)]
pub(super) unsafe fn count_batch(batches: *mut [u64; BATCH_BUCKETS], items: u32) {
    let index = Batch::of(items).index() & (BATCH_BUCKETS - 1);
    // SAFETY: the caller's.
    unsafe { *batches.cast::<u64>().add(index) += 1 };
}

/// As [`count`], of what an end answered that is an error.
#[inline(always)]
pub(super) unsafe fn count_error(codes: *mut [u64; ERROR_CODES], result: i32) {
    let index = error_index(i64::from(result).unsigned_abs());
    // SAFETY: the caller's; the index is below the length.
    unsafe { *codes.cast::<u64>().add(index) += 1 };
}

#[inline(never)]
fn lost() {
    if let Some(cell) = LOST.get_ptr_mut(0) {
        // SAFETY: `cell` points to this CPU's value of the map.
        unsafe { add(&raw mut (*cell).requests, 1) };
    }
}

#[inline(never)]
fn unfinished() {
    if let Some(cell) = LOST.get_ptr_mut(0) {
        // SAFETY: as above.
        unsafe { add(&raw mut (*cell).requests_unfinished, 1) };
    }
}
