//! Asks the kernel whether it would load a program, and hears its own answer.
//!
//! aya loads programs of an object and feature-probes program types, but cannot say what
//! the kernel answers to a tracing program on one function.
#![expect(
    unsafe_code,
    reason = "bpf(2) has no safe wrapper that gives the plain answer"
)]

use aya_obj::generated::bpf_cmd;

use super::facts::Answer;
use crate::bpf::{ProgLoad, bpf};

/// A program that does nothing, of the type to be tried.
#[derive(Clone, Copy, Debug)]
pub(super) enum Program {
    /// For kprobes and uprobes.
    Kprobe,
    /// For tracepoints.
    Tracepoint,
    /// For the entry of the function with this id in the kernel's BTF.
    Fentry(u32),
    /// For kprobes, with a read of the kernel's memory in it.
    Reader,
}

/// `return 0`: `r0 = 0`, `exit`.
const RETURN_ZERO: [u64; 2] = [0xb7, 0x95];

/// Reads the kernel's memory, as every program of hwptop's on its functions does: a kernel
/// that may not be read refuses the helper, not the type of the program. If it ever ran, it
/// would read address 0, which fails.
///
/// ```text
/// r1 = r10; r1 -= 8; r2 = 8; r3 = 0; call bpf_probe_read_kernel; r0 = 0; exit
/// ```
const READS_KERNEL: [u64; 7] = [
    0xa1bf,
    0xffff_fff8_0000_0107,
    0x0000_0008_0000_02b7,
    0x0000_0000_0000_03b7,
    PROBE_READ_KERNEL << 32 | 0x85,
    0xb7,
    0x95,
];

/// `BPF_FUNC_probe_read_kernel` of `enum bpf_func_id`.
const PROBE_READ_KERNEL: u64 = 113;

const LICENSE: &std::ffi::CStr = c"Dual MIT/GPL";

/// Loads the program and lets go of it at once.
pub(super) fn load(program: Program) -> Answer {
    // `enum bpf_prog_type` and, for tracing programs, `enum bpf_attach_type`.
    let (prog_type, expected_attach_type, attach_btf_id) = match program {
        Program::Kprobe | Program::Reader => (2, 0, 0),
        Program::Tracepoint => (5, 0, 0),
        Program::Fentry(id) => (26, 24, id),
    };
    let (insn_cnt, insns) = match program {
        Program::Reader => (7, READS_KERNEL.as_ptr()),
        _ => (2, RETURN_ZERO.as_ptr()),
    };
    let attributes = ProgLoad {
        prog_type,
        insn_cnt,
        insns: insns as u64,
        license: LICENSE.as_ptr() as u64,
        expected_attach_type,
        attach_btf_id,
        ..ProgLoad::default()
    };
    // SAFETY: `ProgLoad` is what this command reads; what it points to lives until the call
    // returns, and there is no log to write to.
    let loaded = unsafe { bpf(bpf_cmd::BPF_PROG_LOAD, &attributes) };
    loaded
        .map(drop)
        .map_err(|error| error.raw_os_error().unwrap_or(0))
}
