//! The eBPF programs: on the driver's static probes (here, `stage`, `guest`), on the
//! functions of the kernel's requests (`kernel`), and on those that hand commands to hardware
//! queues, for recordings (`record`).
//!
//! ```text
//! begin ─▶ START slot ─▶ end ─▶ per-CPU cell (histogram, counters)
//!                          └──▶ SLOW ring buffer, where it took too long
//! ```
//! Every program does a bounded amount of work; nothing loops.
#![no_std]
#![no_main]
// For the atomic add of the BPF instruction set.
#![feature(asm_experimental_arch)]

mod guest;
mod kernel;
mod maps;
mod record;
mod slow;
mod stage;

use aya_ebpf::{
    macros::{fentry, fexit, uprobe},
    programs::{FEntryContext, FExitContext, ProbeContext},
};
use hwptop_abi::Stage;

/// `hwptop:invalidate_begin(ticket, instance, hwpt, entries)`.
#[uprobe]
pub fn invalidate_begin(ctx: ProbeContext) -> u32 {
    stage::begin(&ctx, &maps::REQUEST_STARTS);
    0
}

/// `hwptop:invalidate_end(ticket, instance, hwpt, handled, errno)`.
#[uprobe]
pub fn invalidate_end(ctx: ProbeContext) -> u32 {
    stage::end(&ctx, Stage::Request, &maps::REQUEST_STARTS);
    0
}

/// `hwptop:queue_submit(ticket, instance, hwpt, commands)`.
#[uprobe]
pub fn queue_submit(ctx: ProbeContext) -> u32 {
    stage::begin(&ctx, &maps::SUBMISSION_STARTS);
    0
}

/// `hwptop:queue_complete(ticket, instance, hwpt, commands, errno)`.
#[uprobe]
pub fn queue_complete(ctx: ProbeContext) -> u32 {
    stage::end(&ctx, Stage::Submission, &maps::SUBMISSION_STARTS);
    0
}

/// `hwptop:guest_doorbell(ticket, instance, descriptors, waits)`.
#[uprobe]
pub fn guest_doorbell(ctx: ProbeContext) -> u32 {
    guest::doorbell(&ctx);
    0
}

/// `hwptop:guest_fault(index, instance, code)`.
#[uprobe]
pub fn guest_fault(ctx: ProbeContext) -> u32 {
    guest::fault(&ctx);
    0
}

/// Does nothing: what a probe costs before it does anything.
#[uprobe]
pub fn empty(_ctx: ProbeContext) -> u32 {
    0
}

/// Does nothing: what an entry costs before it does anything.
#[fentry]
pub fn empty_fentry(_ctx: FEntryContext) -> i32 {
    0
}

/// Does nothing: what an exit costs before it does anything.
#[fexit]
pub fn empty_fexit(_ctx: FExitContext) -> i32 {
    0
}

#[panic_handler]
fn panic(_info: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}

#[unsafe(link_section = "license")]
#[unsafe(no_mangle)]
static LICENSE: [u8; 13] = *b"Dual MIT/GPL\0";
