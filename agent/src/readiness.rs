//! Can eBPF uprobes be used here? Asked before they are loaded, answered with a
//! reason and a remedy.

use std::{env::consts::ARCH, fs, path::Path};

use crate::{kernel::reason::Reason, message::io_cause};

/// What eBPF on static probes lacks here.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Missing {
    /// The process may not load programs.
    #[error("no right to load eBPF (CAP_SYS_ADMIN, or CAP_BPF and CAP_PERFMON): run as root")]
    Capability,
    /// The process may load programs, but not put them on probes.
    #[error(
        "the kernel refuses uprobes to this process ({0}): newer kernels want CAP_SYS_ADMIN beside \
         CAP_BPF and CAP_PERFMON; run as root"
    )]
    UprobeRight(String),
    /// The process has no file descriptor left.
    #[error("no file descriptor left for probes (EMFILE): raise the limit (ulimit -n)")]
    Descriptors,
    /// The compiled programs read other processors' registers.
    #[error("the compiled eBPF programs are for x86-64 and arm64, this machine is {ARCH}")]
    Architecture,
    /// The kernel has no uprobes.
    #[error(
        "this kernel has no uprobes ({UPROBE_PMU} is not there): it needs CONFIG_UPROBE_EVENTS=y"
    )]
    Uprobes,
    /// The kernel takes no programs for probes.
    #[error(
        "eBPF programs of type kprobe cannot be loaded ({0}): the kernel needs CONFIG_BPF_SYSCALL=y \
         and CONFIG_BPF_EVENTS=y"
    )]
    Bpf(String),
    /// The kernel's requests cannot be watched.
    #[error("the kernel's invalidation requests cannot be watched: {}", .0.with_remedy())]
    Kernel(Box<Reason>),
    /// `/dev/iommu` cannot be opened; with the remedy.
    #[error("/dev/iommu: {0}")]
    IommuDevice(String),
}

const UPROBE_PMU: &str = "/sys/bus/event_source/devices/uprobe/type";
const CAP_SYS_ADMIN: u32 = 21;
const CAP_PERFMON: u32 = 38;
const CAP_BPF: u32 = 39;

/// Whether eBPF programs can be loaded and attached to static probes here.
///
/// # Errors
/// [`Missing`]: the first thing that is not there, with what provides it.
pub fn can_load_ebpf() -> Result<(), Missing> {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let capabilities = effective_capabilities(&status);
    if let Some(missing) = uprobes_missing(capabilities, Path::new(UPROBE_PMU).exists()) {
        return Err(missing);
    }
    match aya::sys::is_program_supported(aya::programs::ProgramType::KProbe) {
        Ok(true) => Ok(()),
        Ok(false) => Err(Missing::Bpf("program type kprobe is not known".to_owned())),
        Err(error) => Err(Missing::Bpf(error.to_string())),
    }
}

/// What static probes lack, by what the machine shows without asking its kernel.
pub(crate) fn uprobes_missing(capabilities: Option<u64>, uprobes: bool) -> Option<Missing> {
    if !matches!(ARCH, "x86_64" | "aarch64") {
        Some(Missing::Architecture)
    } else if !capabilities.is_some_and(may_load) {
        Some(Missing::Capability)
    } else if !uprobes {
        Some(Missing::Uprobes)
    } else {
        None
    }
}

/// Whether this process may load eBPF programs of any type.
///
/// # Errors
/// [`Missing::Capability`].
pub(crate) fn may_load_ebpf() -> Result<(), Missing> {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    if effective_capabilities(&status).is_some_and(may_load) {
        Ok(())
    } else {
        Err(Missing::Capability)
    }
}

impl Missing {
    /// What a refusal of the kernel says about this machine, if it does.
    pub(crate) fn from_refusal(error: &(dyn std::error::Error + 'static)) -> Option<Self> {
        // Linux errno: EPERM 1, EACCES 13, EMFILE 24.
        let io = io_cause(error)?;
        match io.raw_os_error()? {
            1 | 13 => Some(Self::UprobeRight(io.to_string())),
            24 => Some(Self::Descriptors),
            _ => None,
        }
    }
}

pub(crate) fn may_load(capabilities: u64) -> bool {
    let has = |capability: u32| capabilities >> capability & 1 == 1;
    has(CAP_SYS_ADMIN) || (has(CAP_BPF) && has(CAP_PERFMON))
}

pub(crate) fn effective_capabilities(status: &str) -> Option<u64> {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("CapEff:"))?;
    u64::from_str_radix(line.trim(), 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn either_sys_admin_or_the_two_narrow_capabilities_may_load() {
        assert!(may_load(1 << CAP_SYS_ADMIN));
        assert!(may_load(1 << CAP_BPF | 1 << CAP_PERFMON));
        assert!(!may_load(1 << CAP_BPF));
        assert!(!may_load(0));
    }

    #[test]
    fn the_effective_set_is_read_from_the_status_file() {
        let status = "Name:\tx\nCapPrm:\t0000000000000001\nCapEff:\t000000c000000000\n";
        assert_eq!(effective_capabilities(status), Some(0xc0_0000_0000));
        assert_eq!(effective_capabilities("Name:\tx\n"), None);
    }
}
