use super::{EbpfError, Links, attach, room::small_object, run_times};
use crate::{looking::ns_per_timed_run, process::TargetProcess, readiness::can_load_ebpf};

/// A program that does nothing, on some of a process' static probes: what a
/// probe costs before it does anything. Dropping it detaches.
pub struct EmptyProbes {
    // Hold the links.
    links: Links,
    loaded: aya::Ebpf,
}

impl EmptyProbes {
    /// Puts the empty program on the named probes of `process`.
    ///
    /// # Errors
    /// [`EbpfError`], as for [`super::Ebpf::attach`].
    pub fn attach(process: &TargetProcess, probes: &[&'static str]) -> Result<Self, EbpfError> {
        can_load_ebpf()?;
        let mut loaded = small_object()?;
        let mut links = Links::new(&loaded);
        for probe in probes {
            attach(&mut loaded, &mut links, "empty", process, probe)?;
        }
        Ok(Self { links, loaded })
    }

    /// Nanoseconds that the kernel counts for a run of such a program while `work` hits the
    /// probes: what its timing takes itself. `None` where it does not time programs.
    pub fn timed_run_ns(&self, work: impl FnOnce()) -> Option<f64> {
        ns_per_timed_run(|| run_times(&self.loaded, &self.links), work)
    }
}
