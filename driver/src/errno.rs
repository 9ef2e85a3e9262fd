//! The error numbers that cross the boundary to a kernel, as Linux numbers them
//! on x86-64 and arm64 (`asm-generic/errno.h`).

/// The constants, and their names for messages.
macro_rules! errnos {
    ($($name:ident = $value:literal),+ $(,)?) => {
        $(pub(crate) const $name: i32 = $value;)+

        /// How the kernel's header calls `errno`, where this crate knows it.
        pub(crate) const fn name(errno: i32) -> Option<&'static str> {
            match errno {
                $($name => Some(stringify!($name)),)+
                _ => None,
            }
        }
    };
}

errnos! {
    EPERM = 1,
    ENOENT = 2,
    EIO = 5,
    ENXIO = 6,
    ENOMEM = 12,
    EACCES = 13,
    EFAULT = 14,
    EBUSY = 16,
    EEXIST = 17,
    ENODEV = 19,
    EINVAL = 22,
    EMFILE = 24,
    ENOTTY = 25,
    ENOSPC = 28,
    EOVERFLOW = 75,
    EOPNOTSUPP = 95,
    EADDRINUSE = 98,
    ETIMEDOUT = 110,
}
