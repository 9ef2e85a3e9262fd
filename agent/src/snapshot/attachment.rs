use hwptop_abi::Stage;
use serde::{Deserialize, Serialize};

use super::serial;

/// What times a stage in the kernel at one place, or why nothing does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StageAttachment {
    /// The stage.
    #[serde(with = "serial::stage")]
    pub stage: Stage,
    /// The kernel function or tracepoint as this kernel names it, e.g. `qi_submit_sync`;
    /// the wanted one where nothing is attached.
    pub site: String,
    /// How it is attached; `None` where it is not.
    pub how: Option<How>,
    /// Why nothing better is attached, in one line; `None` where there is nothing
    /// better.
    pub why_not_better: Option<String>,
}

/// How a stage is attached to, best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum How {
    /// Trampolines at the function's entry and exit (`BPF_TRACE_FENTRY`,
    /// `BPF_TRACE_FEXIT`).
    Fentry,
    /// A kprobe and a kretprobe.
    Kprobe,
    /// Tracepoints.
    Tracepoint,
}

impl How {
    /// Its name in every view and file.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Fentry => "fentry/fexit",
            Self::Kprobe => "kprobe/kretprobe",
            Self::Tracepoint => "tracepoint",
        }
    }
}
