use super::{EbpfError, attach, load};
use crate::{process::TargetProcess, readiness::can_load_ebpf};

/// A program that does nothing, on some of a process' static probes: what a
/// probe costs before it does anything. Dropping it detaches.
pub struct EmptyProbes {
    // Holds the links.
    _loaded: aya::Ebpf,
}

impl EmptyProbes {
    /// Puts the empty program on the named probes of `process`.
    ///
    /// # Errors
    /// [`EbpfError`], as for [`super::Ebpf::attach`].
    pub fn attach(process: &TargetProcess, probes: &[&'static str]) -> Result<Self, EbpfError> {
        can_load_ebpf()?;
        let mut loaded = load()?;
        for probe in probes {
            attach(&mut loaded, "empty", process, probe)?;
        }
        Ok(Self { _loaded: loaded })
    }
}
