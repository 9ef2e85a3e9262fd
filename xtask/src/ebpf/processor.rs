//! The processors whose programs are built: a program on a probe reads registers.

/// A processor that the object can be for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Processor {
    X86_64,
    Aarch64,
}

impl Processor {
    pub(super) const ALL: [Self; 2] = [Self::X86_64, Self::Aarch64];

    /// As Rust names it.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::X86_64 => "x86_64",
            Self::Aarch64 => "aarch64",
        }
    }

    /// Where its object is committed.
    pub(super) fn object(self) -> String {
        format!("ebpf/object/hwptop.{}.bpf.o", self.name())
    }

    /// Where the object's sidecar is.
    pub(super) fn sidecar(self) -> String {
        format!("ebpf/object/hwptop.{}.bpf.toml", self.name())
    }

    /// Tells aya-ebpf, which would take the host's, and with it the registers that arguments are in.
    pub(super) fn flag(self) -> String {
        format!("--cfg=bpf_target_arch=\"{}\"", self.name())
    }
}
