use core::ffi::c_void;

use aya_ebpf::helpers::generated::bpf_ktime_get_ns;
use hwptop_abi::{BUCKETS, Bucket, NOT_KNOWN};

use super::{
    layout::layout,
    maps::{LOST, REQUESTS},
    method::{Kprobe, Method, int_anywhere},
    record, slot,
    thread::{self, is_same, is_within, top_of_stack},
};
use crate::stage::add;

/// Offsets of the uAPI structure.
pub(super) const HWPT_ID: u32 = 4;
const ENTRY_NUM: u32 = 24;

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
        (*thread).command = M::long(ucmd, layout!(ucmd_cmd));
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
        if layout!(only_tgid) != 0 && layout!(only_tgid) != slot::tgid() {
            return;
        }
        let latency_ns = end_ns - (*thread).start_ns;
        let with_op = layout!(driver_ops) != 0 && is_within((*thread).op as u32, outer);
        let op_ns = (*thread).op_ns;
        // One whose end was not seen is longer than anything.
        let is_timed = with_op && op_ns <= latency_ns;
        if !is_timed {
            // The driver was not reached, its end was not seen, or it has no programs.
            let command = (*thread).command as *const u8;
            (*thread).target = u64::from(int_anywhere(command, HWPT_ID));
            (*thread).handled = int_anywhere(command, ENTRY_NUM);
        }
        let Some(cell) = REQUESTS.get_ptr_mut(slot::of(thread, (*thread).instance)) else {
            return;
        };
        (*cell).seen += 1;
        (*cell).items += u64::from((*thread).handled);
        (*cell).request_ns += latency_ns;
        count(&raw mut (*cell).request, latency_ns);
        if is_timed {
            (*cell).op_ns += op_ns;
            count(&raw mut (*cell).op, op_ns);
            count(&raw mut (*cell).rest, latency_ns - op_ns);
        } else if with_op || (layout!(driver_ops) != 0 && result >= 0) {
            // None succeeds without the driver: kprobes are left out while the CPU is in the
            // middle of a bpf() call.
            (*thread).op = 0;
            (*cell).ops_lost += 1;
            (*cell).unsplit_ns += latency_ns;
        } else if layout!(driver_ops) != 0 {
            count(&raw mut (*cell).rest, latency_ns);
        }
        if result < 0 {
            (*cell).errors += 1;
            if with_op {
                (*cell).op_errors += 1;
            }
            record::failure(thread, latency_ns, result);
        }
        if latency_ns >= layout!(slow_ns) {
            record::slow_request(thread, latency_ns, result);
        }
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
        (*thread).asked = int_anywhere(command, ENTRY_NUM);
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
