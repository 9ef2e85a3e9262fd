use core::{ffi::c_void, mem::MaybeUninit};

use aya_ebpf::helpers::generated::{bpf_probe_read_kernel, bpf_probe_read_user};

use super::thread::top_of_stack;

/// How a program was put on a function, as far as it matters.
pub(super) trait Method {
    /// Whether the contexts of the two programs of a call are at one address; else they are
    /// only on the same stack.
    const ONE_CONTEXT: bool;

    /// The address that the contexts of all calls made by this one lie below, whatever the method
    /// on them.
    fn place(ctx: *mut c_void) -> u64;

    /// The word at `offset` of the structure at `base`; 0 where it cannot be read.
    fn long(base: *const u8, offset: u32) -> u64;

    /// The half word there.
    fn int(base: *const u8, offset: u32) -> u32;
}

/// fentry and fexit: plain loads, from arguments whose types the kernel knows.
pub(super) struct Fentry;

/// kprobe and kretprobe: a helper reads from any address.
pub(super) struct Kprobe;

impl Method for Fentry {
    const ONE_CONTEXT: bool = true;

    #[inline(always)]
    fn place(ctx: *mut c_void) -> u64 {
        ctx as u64
    }

    #[inline(always)]
    fn long(base: *const u8, offset: u32) -> u64 {
        // SAFETY: the verifier refuses what is not a member; a load that faults gives 0.
        // Volatile, so that it stays one load at this offset.
        unsafe { base.add(offset as usize).cast::<u64>().read_volatile() }
    }

    #[inline(always)]
    fn int(base: *const u8, offset: u32) -> u32 {
        // SAFETY: as above.
        unsafe { base.add(offset as usize).cast::<u32>().read_volatile() }
    }
}

impl Method for Kprobe {
    const ONE_CONTEXT: bool = false;

    /// All registers take so much of the stack that the context of an fentry program on a
    /// function called from here may lie above them.
    #[inline(always)]
    fn place(ctx: *mut c_void) -> u64 {
        top_of_stack(ctx)
    }

    #[inline(always)]
    fn long(base: *const u8, offset: u32) -> u64 {
        let mut value = 0u64;
        // SAFETY: the helper checks the address.
        unsafe {
            bpf_probe_read_kernel(
                (&raw mut value).cast(),
                8,
                base.wrapping_add(offset as usize).cast(),
            )
        };
        value
    }

    #[inline(always)]
    fn int(base: *const u8, offset: u32) -> u32 {
        let mut value = 0u32;
        // SAFETY: the helper checks the address.
        unsafe {
            bpf_probe_read_kernel(
                (&raw mut value).cast(),
                4,
                base.wrapping_add(offset as usize).cast(),
            )
        };
        value
    }
}

/// `N` half words from `offset` on of a structure of the kernel or of the process that runs; 0
/// where they cannot be read. On x86-64 and arm64 the kernel's addresses have the highest bit set,
/// and a process' have not.
#[inline(always)]
pub(super) fn ints_anywhere<const N: usize>(base: *const u8, offset: u32) -> [u32; N] {
    let mut values = MaybeUninit::<[u32; N]>::uninit();
    let (into, bytes) = (values.as_mut_ptr().cast(), 4 * N as u32);
    let from = base.wrapping_add(offset as usize).cast();
    // SAFETY: the helpers check the address, and write zeros where they refuse it.
    unsafe {
        if (base as i64) < 0 {
            bpf_probe_read_kernel(into, bytes, from);
        } else {
            bpf_probe_read_user(into, bytes, from);
        }
        values.assume_init()
    }
}
