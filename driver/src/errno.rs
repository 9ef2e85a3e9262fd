//! The error numbers that cross the boundary to a kernel, as Linux numbers them
//! on x86-64 and arm64 (`asm-generic/errno.h`).

pub(crate) const ENOENT: i32 = 2;
pub(crate) const EINVAL: i32 = 22;
pub(crate) const EOPNOTSUPP: i32 = 95;
pub(crate) const ETIMEDOUT: i32 = 110;
