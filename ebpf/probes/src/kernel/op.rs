use core::ffi::c_void;

use aya_ebpf::helpers::generated::bpf_ktime_get_ns;
use hwptop_abi::NOT_KNOWN;

use super::{
    layout::layout,
    maps::LOST,
    method::{Method, ints_anywhere},
    request::ENTRY_NUM,
    thread::{self, Thread, is_same, is_within, low_half},
};
use crate::stage::add;

/// The driver's part of a request begins, for the object that `target` stands for, on the
/// instance with this `struct iommu_device`, or 0.
#[inline(always)]
pub(super) fn begin<M: Method>(ctx: *mut c_void, target: u64, array: *const u8, instance: u64) {
    let Some(thread) = thread::of(ctx) else {
        return;
    };
    // SAFETY: `thread` points into the map; the helper has no preconditions.
    unsafe {
        if !is_within(low_half(ctx), (*thread).request) {
            return;
        }
        (*thread).op = ctx as u64;
        (*thread).target = target;
        (*thread).instance = instance;
        if !M::ONE_CONTEXT {
            (*thread).array = array as u64;
        }
        (*thread).op_ns = bpf_ktime_get_ns().wrapping_neg();
    }
}

/// It answered `result`, with what it handled in its array, which only fexit is given again.
#[inline(always)]
pub(super) fn end<M: Method>(ctx: *mut c_void, array: Option<*const u8>, result: i32) {
    // First, so that the program's own work is not measured.
    // SAFETY: the helper has no preconditions.
    let end_ns = unsafe { bpf_ktime_get_ns() };
    let Some(thread) = thread::of(ctx) else {
        return;
    };
    // SAFETY: `thread` points into the map.
    unsafe {
        let minus_start_ns = (*thread).op_ns;
        if minus_start_ns as i64 >= 0 || !is_same::<M>(ctx, (*thread).op) {
            return without_begin(thread, ctx);
        }
        let array = array.unwrap_or((*thread).array as *const u8);
        (*thread).op_ns = minus_start_ns.wrapping_add(end_ns);
        (*thread).handled = M::int(array, layout!(array_entry_num));
        if result < 0 && (*thread).asked == NOT_KNOWN {
            // The request's own count is not written before it ends.
            [(*thread).asked] = ints_anywhere(thread::command(thread), ENTRY_NUM);
        }
    }
}

/// An end without its begin: its request counts it as lost, where there is one.
///
/// # Safety
/// `thread` points into the map.
#[inline(always)]
unsafe fn without_begin(thread: *mut Thread, ctx: *mut c_void) {
    // SAFETY: the caller's; `cell` points to this CPU's value of the map.
    unsafe {
        if is_within(low_half(ctx), (*thread).request) {
            (*thread).op = ctx as u64;
            (*thread).op_ns = u64::MAX;
        } else if let Some(cell) = LOST.get_ptr_mut(0) {
            add(&raw mut (*cell).ops, 1);
        }
    }
}
