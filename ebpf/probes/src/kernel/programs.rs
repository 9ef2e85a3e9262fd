//! Every function has a pair for fentry and fexit and one, `k_…`, for kprobe and kretprobe.

use aya_ebpf::{
    EbpfContext as _,
    macros::{fentry, fexit, kprobe, kretprobe, tracepoint},
    programs::{FEntryContext, FExitContext, ProbeContext, RetProbeContext, TracePointContext},
};
use hwptop_abi::MOCK_INSTANCE;

use super::{
    layout::layout,
    maps::HW_QUEUES,
    method::{Fentry, Kprobe, Method as _},
    object, op, request, slot, submission,
};

/// An argument of a function under a kprobe.
#[inline(always)]
fn argument(ctx: &ProbeContext, n: usize) -> u64 {
    ctx.arg(n).unwrap_or(0)
}

/// The two pairs of `iommufd_hwpt_invalidate(ucmd)`.
#[fentry]
pub fn request_begin(ctx: FEntryContext) -> i32 {
    request::begin::<Fentry>(ctx.as_ptr(), ctx.arg(0));
    0
}

/// As [`request_begin`].
#[fexit]
pub fn request_end(ctx: FExitContext) -> i32 {
    request::end::<Fentry>(ctx.as_ptr(), ctx.arg(1));
    0
}

/// As [`request_begin`].
#[kprobe]
pub fn k_request_begin(ctx: ProbeContext) -> u32 {
    request::begin::<Kprobe>(ctx.as_ptr(), argument(&ctx, 0) as *const u8);
    0
}

/// As [`request_begin`].
#[kretprobe]
pub fn k_request_end(ctx: RetProbeContext) -> u32 {
    request::end::<Kprobe>(ctx.as_ptr(), ctx.ret());
    0
}

/// A field of a system call's tracepoint. Its `format` in tracefs has them one after the other,
/// each as long as a register, from byte 16 on: `fd`, `cmd` and `arg` of `sys_enter_ioctl`,
/// `ret` of `sys_exit_ioctl`.
#[inline(always)]
fn field(ctx: &TracePointContext, n: usize) -> u64 {
    // SAFETY: the kernel refuses a program that reads beyond the event. Volatile, so that it
    // stays one load at this offset.
    unsafe { ctx.as_ptr().cast::<u64>().add(2 + n).read_volatile() }
}

/// `syscalls:sys_enter_ioctl`, where [`request_begin`] cannot be.
#[tracepoint]
pub fn t_request_begin(ctx: TracePointContext) -> u32 {
    request::begin_call(
        ctx.as_ptr(),
        field(&ctx, 1) as u32,
        field(&ctx, 2) as *const u8,
    );
    0
}

/// `syscalls:sys_exit_ioctl`, where [`request_end`] cannot be.
#[tracepoint]
pub fn t_request_end(ctx: TracePointContext) -> u32 {
    request::end_call(ctx.as_ptr(), field(&ctx, 0) as i32);
    0
}

/// The two pairs of a driver op: of its first argument, what stands for the object and for
/// the instance.
macro_rules! driver_op {
    (
        $begin:ident, $end:ident, $k_begin:ident, $k_end:ident,
        |$first:ident, $method:ident| $target:expr, $instance:expr, $function:literal
    ) => {
        #[doc = $function]
        #[fentry]
        pub fn $begin(ctx: FEntryContext) -> i32 {
            type $method = Fentry;
            let $first: *const u8 = ctx.arg(0);
            op::begin::<$method>(ctx.as_ptr(), $target, ctx.arg(1), $instance);
            0
        }

        #[doc = $function]
        #[fexit]
        pub fn $end(ctx: FExitContext) -> i32 {
            op::end::<Fentry>(ctx.as_ptr(), Some(ctx.arg(1)), ctx.arg(2));
            0
        }

        #[doc = $function]
        #[kprobe]
        pub fn $k_begin(ctx: ProbeContext) -> u32 {
            type $method = Kprobe;
            let $first = argument(&ctx, 0) as *const u8;
            let array = argument(&ctx, 1) as *const u8;
            op::begin::<$method>(ctx.as_ptr(), $target, array, $instance);
            0
        }

        #[doc = $function]
        #[kretprobe]
        pub fn $k_end(ctx: RetProbeContext) -> u32 {
            op::end::<Kprobe>(ctx.as_ptr(), None, ctx.ret());
            0
        }
    };
}

driver_op!(
    intel_begin,
    intel_end,
    k_intel_begin,
    k_intel_end,
    |domain, M| {
        type _Unused = M;
        domain as u64
    },
    // It may have several: each submission tells its own.
    0,
    "`intel_nested_cache_invalidate_user(domain, array)`."
);
driver_op!(
    mock_begin,
    mock_end,
    k_mock_begin,
    k_mock_end,
    |domain, M| {
        type _Unused = M;
        domain as u64
    },
    MOCK_INSTANCE,
    "`mock_domain_cache_invalidate_user(domain, array)`."
);
driver_op!(
    mock_viommu_begin,
    mock_viommu_end,
    k_mock_viommu_begin,
    k_mock_viommu_end,
    |viommu, M| u64::from(M::int(viommu, layout!(viommu_id))),
    MOCK_INSTANCE,
    "`mock_viommu_cache_invalidate(viommu, array)`."
);
driver_op!(
    vsmmu_begin,
    vsmmu_end,
    k_vsmmu_begin,
    k_vsmmu_end,
    |viommu, M| u64::from(M::int(viommu, layout!(viommu_id))),
    M::long(viommu, layout!(viommu_iommu_dev)),
    "`arm_vsmmu_cache_invalidate(viommu, array)`."
);

/// The two pairs of a submission: where its instance's `struct iommu_device` lies behind the
/// first argument, which argument has the count, and how many there are.
macro_rules! submission {
    (
        $begin:ident, $end:ident, $k_begin:ident, $k_end:ident,
        $offset:ident, $count:literal of $arguments:literal, $function:literal
    ) => {
        #[doc = $function]
        #[fentry]
        pub fn $begin(ctx: FEntryContext) -> i32 {
            let instance = ctx.arg::<u64>(0) + u64::from(layout!($offset));
            submission::begin(ctx.as_ptr(), instance, ctx.arg($count));
            0
        }

        #[doc = $function]
        #[fexit]
        pub fn $end(ctx: FExitContext) -> i32 {
            submission::end::<Fentry>(ctx.as_ptr(), ctx.arg($arguments));
            0
        }

        #[doc = $function]
        #[kprobe]
        pub fn $k_begin(ctx: ProbeContext) -> u32 {
            let instance = argument(&ctx, 0) + u64::from(layout!($offset));
            submission::begin(ctx.as_ptr(), instance, argument(&ctx, $count) as u32);
            0
        }

        #[doc = $function]
        #[kretprobe]
        pub fn $k_end(ctx: RetProbeContext) -> u32 {
            submission::end::<Kprobe>(ctx.as_ptr(), ctx.ret());
            0
        }
    };
}

submission!(
    qi_begin,
    qi_end,
    k_qi_begin,
    k_qi_end,
    intel_iommu,
    2 of 4,
    "`qi_submit_sync(iommu, desc, count, options)`."
);
submission!(
    cmdq_begin,
    cmdq_end,
    k_cmdq_begin,
    k_cmdq_end,
    arm_smmu,
    3 of 5,
    "`__arm_smmu_cmdq_issue_cmdlist(smmu, cmdq, cmds, n, sync)`."
);

/// `__iommu_queue_command_sync(iommu, cmd, sync)`.
#[fentry]
pub fn amd_command(ctx: FEntryContext) -> i32 {
    let instance = ctx.arg::<u64>(0) + u64::from(layout!(amd_iommu));
    submission::queue(ctx.as_ptr(), instance, ctx.arg::<u32>(2) as u8 != 0);
    0
}

/// As [`amd_command`].
#[kprobe]
pub fn k_amd_command(ctx: ProbeContext) -> u32 {
    let instance = argument(&ctx, 0) + u64::from(layout!(amd_iommu));
    submission::queue(ctx.as_ptr(), instance, argument(&ctx, 2) as u8 != 0);
    0
}

/// `iommu_completion_wait(iommu)`.
#[fentry]
pub fn amd_wait_begin(ctx: FEntryContext) -> i32 {
    submission::begin_wait(ctx.as_ptr());
    0
}

/// As [`amd_wait_begin`].
#[fexit]
pub fn amd_wait_end(ctx: FExitContext) -> i32 {
    submission::end_wait::<Fentry>(ctx.as_ptr(), ctx.arg(1));
    0
}

/// As [`amd_wait_begin`].
#[kprobe]
pub fn k_amd_wait_begin(ctx: ProbeContext) -> u32 {
    submission::begin_wait(ctx.as_ptr());
    0
}

/// As [`amd_wait_begin`].
#[kretprobe]
pub fn k_amd_wait_end(ctx: RetProbeContext) -> u32 {
    submission::end_wait::<Kprobe>(ctx.as_ptr(), ctx.ret());
    0
}

/// `iommufd_hwpt_nested_destroy(obj)`.
#[fentry]
pub fn hwpt_destroy(_ctx: FEntryContext) -> i32 {
    slot::end_of_object();
    0
}

/// As [`hwpt_destroy`].
#[kprobe]
pub fn k_hwpt_destroy(_ctx: ProbeContext) -> u32 {
    slot::end_of_object();
    0
}

/// `iommufd_destroy(ucmd)`.
#[fentry]
pub fn object_destroy(ctx: FEntryContext) -> i32 {
    object::destroy::<Fentry>(ctx.arg(0));
    0
}

/// As [`object_destroy`].
#[kprobe]
pub fn k_object_destroy(ctx: ProbeContext) -> u32 {
    object::destroy::<Kprobe>(argument(&ctx, 0) as *const u8);
    0
}

/// `iommufd_fops_release(inode, file)`.
#[fentry]
pub fn context_release(ctx: FEntryContext) -> i32 {
    object::release::<Fentry>(ctx.arg(1));
    0
}

/// As [`context_release`].
#[kprobe]
pub fn k_context_release(ctx: ProbeContext) -> u32 {
    object::release::<Kprobe>(argument(&ctx, 1) as *const u8);
    0
}

/// `iommufd_hw_queue_alloc_ioctl(ucmd)`.
#[fexit]
pub fn hw_queue(ctx: FExitContext) -> i32 {
    count_hw_queue(ctx.arg(1));
    0
}

/// As [`hw_queue`].
#[kretprobe]
pub fn k_hw_queue(ctx: RetProbeContext) -> u32 {
    count_hw_queue(ctx.ret());
    0
}

#[inline(always)]
fn count_hw_queue(result: i32) {
    if let Some(cell) = HW_QUEUES.get_ptr_mut(0) {
        // SAFETY: `cell` points to this CPU's value of the map.
        unsafe {
            if result < 0 {
                (*cell).failed += 1;
            } else {
                (*cell).allocated += 1;
            }
        }
    }
}
