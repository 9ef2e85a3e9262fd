//! Commands of bpf(2) that aya does not give.
#![expect(unsafe_code, reason = "bpf(2) has no safe wrapper for them")]

use std::{
    ffi::c_long,
    io,
    mem::offset_of,
    os::fd::{FromRawFd as _, OwnedFd, RawFd},
    ptr,
};

use aya_obj::generated::bpf_cmd;

/// The part of `union bpf_attr` that `BPF_PROG_LOAD` reads, up to `attach_prog_fd`; the kernel
/// takes the rest for 0.
#[derive(Default)]
#[repr(C)]
pub(crate) struct ProgLoad {
    pub(crate) prog_type: u32,
    pub(crate) insn_cnt: u32,
    pub(crate) insns: u64,
    pub(crate) license: u64,
    pub(crate) log_level: u32,
    pub(crate) log_size: u32,
    pub(crate) log_buf: u64,
    pub(crate) kern_version: u32,
    pub(crate) prog_flags: u32,
    pub(crate) prog_name: [u8; 16],
    pub(crate) prog_ifindex: u32,
    pub(crate) expected_attach_type: u32,
    pub(crate) prog_btf_fd: u32,
    pub(crate) func_info_rec_size: u32,
    pub(crate) func_info: u64,
    pub(crate) func_info_cnt: u32,
    pub(crate) line_info_rec_size: u32,
    pub(crate) line_info: u64,
    pub(crate) line_info_cnt: u32,
    pub(crate) attach_btf_id: u32,
    pub(crate) attach_prog_fd: u32,
    pub(crate) padding: u32,
}

const _: () = assert!(offset_of!(ProgLoad, attach_btf_id) == 108 && size_of::<ProgLoad>() == 120);

/// Gives a command of bpf(2) that answers with a new file descriptor.
///
/// # Safety
/// `attributes` are what `command` reads, without implicit padding; whatever the kernel follows
/// their addresses to is there during the call.
pub(crate) unsafe fn bpf<T>(command: bpf_cmd, attributes: &T) -> io::Result<OwnedFd> {
    // SAFETY: the kernel reads `size_of::<T>()` bytes of `attributes`, and what the caller
    // vouches for.
    let answer = unsafe {
        libc::syscall(
            libc::SYS_bpf,
            command as c_long,
            ptr::from_ref(attributes),
            size_of::<T>(),
        )
    };
    match RawFd::try_from(answer) {
        // SAFETY: the kernel has made it for this call; nobody else has it.
        Ok(fd) if fd >= 0 => Ok(unsafe { OwnedFd::from_raw_fd(fd) }),
        _ => Err(io::Error::last_os_error()),
    }
}
