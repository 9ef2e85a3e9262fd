#![cfg_attr(
    target_arch = "x86_64",
    expect(
        unsafe_code,
        reason = "only assembly can promise a function's first instruction"
    )
)]

/// The symbol of the function that begins with `push`, where there is one.
#[cfg(target_arch = "x86_64")]
pub(in crate::suite) const PUSH_FUNCTION: Option<&str> = Some("hwptop_bench_push_function");

/// The symbol of the function that begins with `push`, where there is one.
#[cfg(not(target_arch = "x86_64"))]
pub(in crate::suite) const PUSH_FUNCTION: Option<&str> = None;

// SAFETY: no other item of this name exists, and the assembly keeps to the System V
// calling convention: rbp is restored, rax holds the result.
#[cfg(target_arch = "x86_64")]
#[unsafe(no_mangle)]
#[unsafe(naked)]
extern "sysv64" fn hwptop_bench_push_function(value: u64) -> u64 {
    core::arch::naked_asm!(
        "push rbp",
        "mov rbp, rsp",
        "lea rax, [rdi + 1]",
        "pop rbp",
        "ret"
    )
}

/// Calls the function that begins with `push`: value + 1.
#[cfg(target_arch = "x86_64")]
pub(in crate::suite) fn call_push_function(value: u64) -> u64 {
    hwptop_bench_push_function(value)
}

/// There is no such function here: value.
#[cfg(not(target_arch = "x86_64"))]
pub(in crate::suite) fn call_push_function(value: u64) -> u64 {
    value
}
