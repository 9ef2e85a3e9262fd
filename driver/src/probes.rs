//! Static probes: what an observer of a running process can attach to.
//!
//! Provider `hwptop`, as SystemTap SDT notes (`.note.stapsdt`), so that
//! hwptop's own eBPF programs, bpftrace and perf find them alike. Each probe is
//! one nop on one site: without an observer it costs a call and nothing else.
//!
//! | probe              | 1 (u64)  | 2 (u32)  | 3 (u32)     | 4             | 5           |
//! |--------------------|----------|----------|-------------|---------------|-------------|
//! | `invalidate_begin` | ticket   | instance | HWPT        | entries (u32) |             |
//! | `invalidate_end`   | ticket   | instance | HWPT        | handled (u32) | errno (i32) |
//! | `queue_submit`     | ticket   | instance | HWPT        | commands (u32)|             |
//! | `queue_complete`   | ticket   | instance | HWPT        | commands (u32)| errno (i32) |
//! | `guest_doorbell`   | doorbell | instance | descriptors | waits (u32)   |             |
//! | `guest_fault`      | index    | instance | code        |               |             |
//!
//! `instance` is [`InstanceArg`]. Tickets count up from 1 per instance, requests
//! and submissions separately; begin and end of one event carry the same one.
//! `errno` is 0 or a positive Linux error number. `code` is
//! [`QueueError::code`](crate::QueueError::code):
//!
//! | vendor | code                                                              |
//! |--------|-------------------------------------------------------------------|
//! | VT-d   | 0 to 6: IQEI of `IQERCD_REG` (IQE); 16: time-out (ITE); 17: invalid completion (ICE) |
//! | SMMUv3 | 1 to 3: ERR of `SMMU_CMDQ_CONS`                                   |
//! | AMD-Vi | 5 to 8: code of the event                                         |
//!
//! On x86-64 the site is the 5-byte nop that the kernel can turn into a call
//! (about half the cost of a trap), on arm64 a nop. Elsewhere there is none.
#![cfg_attr(
    any(target_arch = "x86_64", target_arch = "aarch64"),
    expect(
        unsafe_code,
        reason = "a probe site is a nop at a known address, which only assembly can place"
    )
)]

use hwptop_abi::InstanceArg;

use crate::ObjectId;

/// One note of type 3 (`NT_STAPSDT`), laid out as systemtap's `sys/sdt.h` does:
/// address of the site, of `.stapsdt.base` (to find how far prelink moved the
/// site), of the semaphore (none), then provider, name and arguments.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
macro_rules! site {
    ($name:literal, $nop:literal, $args:literal, $($operand:tt)*) => {
        // SAFETY: the instruction is a nop and the rest is data in sections that
        // are not loaded. The registers are inputs only. Memory is not excluded:
        // nothing may move across the point an observer looks at.
        unsafe {
            core::arch::asm!(
                $nop,
                ".pushsection .note.stapsdt,\"?\",\"note\"",
                ".balign 4",
                ".4byte 992f-991f, 994f-993f, 3",
                "991: .asciz \"stapsdt\"",
                "992: .balign 4",
                "993: .8byte 990b",
                ".8byte _.stapsdt.base",
                ".8byte 0",
                ".asciz \"hwptop\"",
                concat!(".asciz \"", $name, "\""),
                concat!(".asciz \"", $args, "\""),
                "994: .balign 4",
                ".popsection",
                ".ifndef _.stapsdt.base",
                ".pushsection .stapsdt.base,\"aGR\",\"progbits\",.stapsdt.base,comdat",
                ".weak _.stapsdt.base",
                ".hidden _.stapsdt.base",
                "_.stapsdt.base: .space 1",
                ".size _.stapsdt.base, 1",
                ".popsection",
                ".endif",
                $($operand)*
                options(nostack, preserves_flags),
            );
        }
    };
}

/// Aligned to 8, the five bytes never cross a page; the kernel rewrites only
/// such a nop into a call.
#[cfg(target_arch = "x86_64")]
macro_rules! probe {
    ($name:literal, $a:expr, $b:expr, $c:expr) => {
        site!($name, ".balign 8\n990: .byte 0x0f, 0x1f, 0x44, 0x00, 0x00", "8@%rdi 4@%esi 4@%edx",
            in("rdi") $a, in("esi") $b, in("edx") $c,)
    };
    ($name:literal, $a:expr, $b:expr, $c:expr, $d:expr) => {
        site!($name, ".balign 8\n990: .byte 0x0f, 0x1f, 0x44, 0x00, 0x00", "8@%rdi 4@%esi 4@%edx 4@%ecx",
            in("rdi") $a, in("esi") $b, in("edx") $c, in("ecx") $d,)
    };
    ($name:literal, $a:expr, $b:expr, $c:expr, $d:expr, $e:expr) => {
        site!($name, ".balign 8\n990: .byte 0x0f, 0x1f, 0x44, 0x00, 0x00", "8@%rdi 4@%esi 4@%edx 4@%ecx -4@%r8d",
            in("rdi") $a, in("esi") $b, in("edx") $c, in("ecx") $d, in("r8d") $e,)
    };
}

#[cfg(target_arch = "aarch64")]
macro_rules! probe {
    ($name:literal, $a:expr, $b:expr, $c:expr) => {
        site!($name, "990: nop", "8@x0 4@x1 4@x2", in("x0") $a, in("w1") $b, in("w2") $c,)
    };
    ($name:literal, $a:expr, $b:expr, $c:expr, $d:expr) => {
        site!($name, "990: nop", "8@x0 4@x1 4@x2 4@x3", in("x0") $a, in("w1") $b, in("w2") $c, in("w3") $d,)
    };
    ($name:literal, $a:expr, $b:expr, $c:expr, $d:expr, $e:expr) => {
        site!($name, "990: nop", "8@x0 4@x1 4@x2 4@x3 -4@x4",
            in("x0") $a, in("w1") $b, in("w2") $c, in("w3") $d, in("w4") $e,)
    };
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
macro_rules! probe {
    ($name:literal, $($argument:expr),+) => {{
        $(let _ = $argument;)+
    }};
}

/// A request of `entries` entries to `hwpt` starts.
#[inline(never)]
pub fn invalidate_begin(ticket: u64, instance: InstanceArg, hwpt: ObjectId, entries: u32) {
    probe!("invalidate_begin", ticket, instance.raw(), hwpt.0, entries);
}

/// The request ended; `handled` entries are done, `errno` is 0 or why no more.
#[inline(never)]
pub fn invalidate_end(
    ticket: u64,
    instance: InstanceArg,
    hwpt: ObjectId,
    handled: u32,
    errno: i32,
) {
    probe!(
        "invalidate_end",
        ticket,
        instance.raw(),
        hwpt.0,
        handled,
        errno
    );
}

/// A submission of `commands` commands (and a sync) on behalf of `hwpt` starts.
#[inline(never)]
pub fn queue_submit(ticket: u64, instance: InstanceArg, hwpt: ObjectId, commands: u32) {
    probe!("queue_submit", ticket, instance.raw(), hwpt.0, commands);
}

/// The submission's sync completed, or `errno` says why it did not.
#[inline(never)]
pub fn queue_complete(
    ticket: u64,
    instance: InstanceArg,
    hwpt: ObjectId,
    commands: u32,
    errno: i32,
) {
    probe!(
        "queue_complete",
        ticket,
        instance.raw(),
        hwpt.0,
        commands,
        errno
    );
}

/// The guest's `doorbell`th run over its queue ended: so many descriptors
/// consumed, so many of them waits that completed.
#[inline(never)]
pub fn guest_doorbell(doorbell: u64, instance: InstanceArg, descriptors: u32, waits: u32) {
    probe!(
        "guest_doorbell",
        doorbell,
        instance.raw(),
        descriptors,
        waits
    );
}

/// The guest's queue froze at command `index`; `code` is
/// [`QueueError::code`](crate::QueueError::code).
#[inline(never)]
pub fn guest_fault(index: u64, instance: InstanceArg, code: u32) {
    probe!("guest_fault", index, instance.raw(), code);
}
