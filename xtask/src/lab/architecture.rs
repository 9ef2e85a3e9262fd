//! What differs between the processors that the lab has kernels for.

use serde::Deserialize;
use std::env;

/// A processor architecture, by the name that `uname --machine` has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Architecture {
    /// x86-64.
    X86_64,
    /// arm64.
    Aarch64,
}

impl Architecture {
    /// As `uname --machine` says it, and Rust.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::X86_64 => "x86_64",
            Self::Aarch64 => "aarch64",
        }
    }

    /// Debian's name.
    pub(super) fn debian(self) -> &'static str {
        match self {
            Self::X86_64 => "amd64",
            Self::Aarch64 => "arm64",
        }
    }

    /// The kernel's `ARCH=`.
    pub(super) fn kernel(self) -> &'static str {
        match self {
            Self::X86_64 => "x86",
            Self::Aarch64 => "arm64",
        }
    }

    /// The kernel's make target for an image that QEMU boots; its place is arch/ARCH/boot.
    pub(super) fn image(self) -> &'static str {
        match self {
            Self::X86_64 => "bzImage",
            Self::Aarch64 => "Image",
        }
    }

    /// The first serial port.
    pub(super) fn console(self) -> &'static str {
        match self {
            Self::X86_64 => "ttyS0",
            Self::Aarch64 => "ttyAMA0",
        }
    }

    /// Rust's target of a program that needs nothing but the kernel, with `crt-static`.
    pub(super) fn triple(self) -> String {
        format!("{}-unknown-linux-gnu", self.name())
    }

    /// Whether this machine has it.
    pub(super) fn is_native(self) -> bool {
        env::consts::ARCH == self.name()
    }

    /// What GNU tools for it are prefixed with on this machine.
    pub(super) fn prefix(self) -> String {
        if self.is_native() {
            String::new()
        } else {
            format!("{}-linux-gnu-", self.name())
        }
    }

    /// The emulator.
    pub(super) fn qemu(self) -> String {
        format!("qemu-system-{}", self.name())
    }
}
