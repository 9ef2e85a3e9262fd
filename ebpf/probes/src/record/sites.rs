//! The functions of the three drivers that put commands into a hardware queue, each by
//! fentry and by kprobe.

use aya_ebpf::{
    macros::{fentry, kprobe},
    programs::{FEntryContext, ProbeContext},
};
use hwptop_abi::{DRAINED, SYNCED};

use super::{Given, record};

/// `QI_OPT_WAIT_DRAIN` of `qi_submit_sync`'s options.
const WAIT_DRAIN: u64 = 1 << 0;

/// `qi_submit_sync(iommu, desc, count, options)`.
#[fentry]
pub fn record_vtd(ctx: FEntryContext) -> i32 {
    vtd(ctx.arg(0), ctx.arg(1), ctx.arg(2), ctx.arg(3));
    0
}

/// As [`record_vtd`].
#[kprobe]
pub fn record_vtd_kp(ctx: ProbeContext) -> u32 {
    if let (Some(iommu), Some(desc), Some(count), Some(options)) =
        (ctx.arg(0), ctx.arg(1), ctx.arg(2), ctx.arg(3))
    {
        vtd(iommu, desc, count, options);
    }
    0
}

/// `__arm_smmu_cmdq_issue_cmdlist(smmu, cmdq, cmds, n, sync)`.
#[fentry]
pub fn record_smmuv3(ctx: FEntryContext) -> i32 {
    smmuv3(ctx.arg(0), ctx.arg(2), ctx.arg(3), ctx.arg(4));
    0
}

/// As [`record_smmuv3`].
#[kprobe]
pub fn record_smmuv3_kp(ctx: ProbeContext) -> u32 {
    if let (Some(smmu), Some(cmds), Some(n), Some(sync)) =
        (ctx.arg(0), ctx.arg(2), ctx.arg(3), ctx.arg(4))
    {
        smmuv3(smmu, cmds, n, sync);
    }
    0
}

/// `__iommu_queue_command_sync(iommu, cmd, sync)`.
#[fentry]
pub fn record_amdvi(ctx: FEntryContext) -> i32 {
    amdvi(ctx.arg(0), ctx.arg(1));
    0
}

/// As [`record_amdvi`].
#[kprobe]
pub fn record_amdvi_kp(ctx: ProbeContext) -> u32 {
    if let (Some(iommu), Some(cmd)) = (ctx.arg(0), ctx.arg(1)) {
        amdvi(iommu, cmd);
    }
    0
}

/// The driver appends a wait descriptor to every submission.
#[inline(always)]
fn vtd(unit: u64, commands: u64, count: u64, options: u64) {
    let drained = if options & WAIT_DRAIN != 0 {
        DRAINED
    } else {
        0
    };
    record(&Given {
        unit,
        commands,
        count: count as u32,
        flags: SYNCED | drained,
    });
}

/// The driver appends a CMD_SYNC where `sync` asks for it.
#[inline(always)]
fn smmuv3(unit: u64, commands: u64, count: u64, sync: u64) {
    // A bool has one byte in its register.
    let flags = if sync as u8 != 0 { SYNCED } else { 0 };
    record(&Given {
        unit,
        commands,
        count: count as u32,
        flags,
    });
}

/// One command; COMPLETION_WAIT is one of them. `sync` only notes that one is due.
#[inline(always)]
fn amdvi(unit: u64, commands: u64) {
    record(&Given {
        unit,
        commands,
        count: 1,
        flags: 0,
    });
}
