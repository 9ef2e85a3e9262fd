use aya::{maps::MapError, programs::ProgramError};

use crate::{readiness::Missing, static_probe::PROVIDER};

/// Why the programs could not be put on the probes.
#[derive(Debug, thiserror::Error)]
pub enum EbpfError {
    /// Something is not there at all.
    #[error(transparent)]
    Missing(#[from] Missing),
    /// The kernel refused the object.
    #[error("loading the eBPF object: {0}")]
    Load(#[from] aya::EbpfError),
    /// The kernel refused a program.
    #[error("eBPF program {program}: {source}")]
    Program {
        /// The program, named after its probe.
        program: String,
        /// The reason.
        source: ProgramError,
    },
    /// The object has no such program or map: it is not this version's.
    #[error("the eBPF object has no {0}; rebuild it with `cargo xtask ebpf`")]
    Foreign(&'static str),
    /// A map could not be set up.
    #[error("eBPF map {map}: {source}")]
    Map {
        /// The map.
        map: &'static str,
        /// The reason.
        source: MapError,
    },
    /// The programs' log could not be opened.
    #[error("the eBPF programs' log: {0}")]
    Log(#[from] aya_log::Error),
    /// The process' driver keeps a probe's arguments elsewhere.
    #[error(
        "static probe {PROVIDER}:{probe} in process {pid} has arguments {found:?}, this version \
         reads {expected:?}: its driver is of another version"
    )]
    Arguments {
        /// The probe's name.
        probe: &'static str,
        /// The process.
        pid: u32,
        /// Where its note says they are.
        found: String,
        /// Where the programs look for them.
        expected: String,
    },
    /// The process' driver has no such probe: it is another version's.
    #[error(
        "no static probe {PROVIDER}:{probe} in process {pid}: its driver is of another version"
    )]
    NoProbe {
        /// The probe's name.
        probe: &'static str,
        /// The process.
        pid: u32,
    },
}
