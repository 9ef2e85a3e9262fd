use aya::maps::MapError;

use crate::{
    kernel::{btf::BtfError, reason::Reason},
    readiness::Missing,
};

/// Why no commands can be recorded here.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// The kernel drives no IOMMU that is known.
    #[error(
        "no IOMMU here whose commands can be recorded: {}; VT-d, SMMUv3 and AMD-Vi can. Enable it in the \
         firmware, and boot with intel_iommu=on on Intel",
        seen(names)
    )]
    NoIommu {
        /// What is in `/sys/class/iommu`.
        names: Vec<String>,
    },
    /// The process may not load programs.
    #[error(transparent)]
    Missing(#[from] Missing),
    /// The kernel's types cannot be read, or are not as the programs need them.
    #[error(transparent)]
    Types(#[from] BtfError),
    /// No program can be put on the driver's function.
    #[error("no commands can be recorded: {}", .0.with_remedy())]
    Site(Reason),
    /// The kernel refused the object.
    #[error("loading the eBPF object: {0}")]
    Load(#[from] aya::EbpfError),
    /// The kernel lets no program onto the function.
    #[error(
        "no program can be put on {function}: by fentry: {fentry}; by kprobe: {kprobe}. fentry needs \
         CONFIG_FUNCTION_TRACER=y and CONFIG_DEBUG_INFO_BTF=y, kprobes CONFIG_KPROBE_EVENTS=y; dmesg may \
         say more"
    )]
    Refused {
        /// The function.
        function: String,
        /// Why not by fentry.
        fentry: String,
        /// Why not by kprobe.
        kprobe: String,
    },
    /// The object has no such map: it is not this version's.
    #[error("the eBPF object has no {0}; rebuild it with `cargo xtask ebpf`")]
    Foreign(&'static str),
    /// A map could not be opened.
    #[error("eBPF map {map}: {source}")]
    Map {
        /// The map.
        map: &'static str,
        /// The reason.
        source: MapError,
    },
}

fn seen(names: &[String]) -> String {
    if names.is_empty() {
        "/sys/class/iommu is empty".to_owned()
    } else {
        format!("/sys/class/iommu has {} only", names.join(", "))
    }
}
