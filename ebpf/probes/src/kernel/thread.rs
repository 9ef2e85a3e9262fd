use core::{arch::asm, ffi::c_void};

use super::{
    layout::layout,
    maps::THREADS,
    method::{Kprobe, Method},
};

/// Threads that can be in a request at a time without one taking another's place, a power
/// of two.
pub(super) const THREADS_LEN: u32 = 16 * 1024;

/// What a thread is in the middle of, and the slot that its last request was counted in.
///
/// Addresses are those of programs' contexts on the thread's stack: the two programs of one
/// call have the same one, and a call made by another has a lower one.
#[repr(C)]
pub(super) struct Thread {
    /// Context of the request under way; 0 for none.
    pub(super) request: u64,
    pub(super) start_ns: u64,
    /// `struct iommufd_ctx` of the request.
    pub(super) context: u64,
    /// `struct iommu_device` that the request went to; 0 while it is not known.
    pub(super) instance: u64,
    /// `struct iommufd_ucmd` of the request, or `struct iommu_hwpt_invalidate` in the process'
    /// own memory: see [`command`].
    pub(super) command: u64,
    /// The object: the address of its domain, or its id.
    pub(super) target: u64,
    /// Entries that the request asked for, and how many of them were handled.
    pub(super) asked: u32,
    pub(super) handled: u32,
    /// Context of the driver op, while it runs and after; 0 for none in this request.
    pub(super) op: u64,
    /// How long it took; while it runs, minus when it began, which is more than any time.
    pub(super) op_ns: u64,
    /// Its `struct iommu_user_data_array`, where its end is not given it again.
    pub(super) array: u64,
    /// Context of the submission under way; 0 for none.
    pub(super) submission: u64,
    pub(super) submission_start_ns: u64,
    /// The `struct iommu_device` that it goes to, 0 while it is not known, and its commands.
    pub(super) submission_instance: u64,
    pub(super) submission_items: u64,
    /// The submissions made within the request.
    pub(super) made: Made,
    /// Commands that wait for a submission of their own (AMD).
    pub(super) queued: [Queued; QUEUED_LEN],
    /// The slot that was found last, and what it was found for.
    pub(super) known: Known,
    /// `struct iommu_device` of the last submission outside a request, and its number.
    pub(super) host_instance: u64,
    pub(super) host_number: u64,
}

/// The instances that a thread can queue commands for before it waits for them. A domain may be
/// behind more; the commands of others are not counted.
pub(super) const QUEUED_LEN: usize = 4;

/// Commands in the queue of an instance, by the address of its `struct iommu_device`.
#[repr(C)]
pub(super) struct Queued {
    pub(super) instance: u64,
    pub(super) commands: u64,
}

/// What the submissions within one request were together. Only a submission writes it, so that
/// a request without any pays nothing.
#[repr(C)]
pub(super) struct Made {
    /// When the request began that they were made in.
    pub(super) within_ns: u64,
    /// How long they took.
    pub(super) ns: u64,
    pub(super) submissions: u32,
    pub(super) commands: u32,
}

#[repr(C)]
pub(super) struct Known {
    pub(super) context: u64,
    pub(super) instance: u64,
    pub(super) target: u64,
    /// [`super::slot::ENDED`] at that time, plus 1; 0 where that tells nothing.
    pub(super) ended: u64,
    pub(super) slot: u32,
    pub(super) tgid: u32,
    pub(super) hwpt: u32,
    reserved: u32,
}

/// Low half of the address of a context, as a number: the verifier allows no arithmetic on
/// the address itself, but half of it is not an address.
#[inline(always)]
pub(super) fn low_half(ctx: *mut c_void) -> u32 {
    let low: u64;
    // SAFETY: moves a register.
    unsafe {
        asm!("w0 = w1", in("r1") ctx, lateout("r0") low, options(pure, nomem, nostack, preserves_flags));
    }
    low as u32
}

/// The state of the thread whose stack `ctx` lies on. A thread further away may have
/// left it there: see [`is_same`].
#[inline(always)]
pub(super) fn of(ctx: *mut c_void) -> Option<*mut Thread> {
    let index = low_half(ctx) >> layout!(stack_shift) & (THREADS_LEN - 1);
    THREADS.get_ptr_mut(index)
}

/// `struct iommu_hwpt_invalidate` of the request under way. Not read where it begins, since few
/// requests need it.
///
/// # Safety
/// `thread` points into the map.
#[inline(always)]
pub(super) unsafe fn command(thread: *mut Thread) -> *const u8 {
    // SAFETY: the caller's.
    let known = unsafe { (*thread).command } as *const u8;
    if (known as i64) < 0 {
        Kprobe::long(known, layout!(ucmd_cmd)) as *const u8
    } else {
        known
    }
}

/// The low half of the last address of the stack that `ctx` lies on.
#[inline(always)]
pub(super) fn top_of_stack(ctx: *mut c_void) -> u64 {
    u64::from(low_half(ctx) | ((1 << layout!(stack_shift)) - 1))
}

/// How far a context may lie below that of the call it was made by, in bytes: less than any
/// kernel's stack.
const NEAR: u32 = 16 * 1024;

/// Whether the call with the context `inner` was made within the one with the context
/// `outer`.
#[inline(always)]
pub(super) fn is_within(inner: u32, outer: u64) -> bool {
    outer != 0 && is_near(inner, outer as u32)
}

/// Whether `inner` lies below `outer`, and not far. Of low halves; neither may be 0 for none.
#[inline(always)]
pub(super) fn is_near(inner: u32, outer: u32) -> bool {
    outer.wrapping_sub(inner) < NEAR
}

/// Whether the call that noted `begun` is the one that ends with the context `ctx`.
#[inline(always)]
pub(super) fn is_same<M: Method>(ctx: *mut c_void, begun: u64) -> bool {
    if M::ONE_CONTEXT {
        begun == ctx as u64
    } else {
        let distance = (begun as u32).wrapping_sub(low_half(ctx)) as i32;
        begun != 0 && distance.unsigned_abs() < NEAR
    }
}

const _: () = assert!(THREADS_LEN.is_power_of_two());
