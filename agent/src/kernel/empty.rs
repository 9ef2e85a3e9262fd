use aya::{
    Btf, BtfError,
    programs::{FEntry, FExit, ProgramError},
};

use crate::{
    ebpf::small_object,
    looking::{ns_per_timed_run, program_times},
};

/// A program that does nothing, on entry and exit of some of the kernel's functions: what
/// fentry and fexit cost before they do anything. Dropping it detaches.
pub struct EmptyKernelProbes {
    // Holds the links: a program sits on one function.
    loaded: Vec<aya::Ebpf>,
}

/// Why the empty programs could not be put on a function.
#[derive(Debug, thiserror::Error)]
pub enum EmptyKernelError {
    /// The kernel's types are not known.
    #[error("the kernel's BTF cannot be read: {0}")]
    Btf(#[from] BtfError),
    /// The kernel refused the object.
    #[error("loading the eBPF object: {0}")]
    Load(#[from] aya::EbpfError),
    /// The object has no such program: it is not this version's.
    #[error("the eBPF object has no {0}; rebuild it with `cargo xtask ebpf`")]
    Foreign(&'static str),
    /// The kernel refused a program.
    #[error("eBPF program {program} on {function}: {source}")]
    Program {
        /// The program.
        program: &'static str,
        /// The kernel's function.
        function: String,
        /// The reason.
        source: ProgramError,
    },
}

impl EmptyKernelProbes {
    /// Puts the empty programs on entry and exit of each of `functions`.
    ///
    /// # Errors
    /// [`EmptyKernelError`], naming the function.
    pub fn attach(functions: &[&str]) -> Result<Self, EmptyKernelError> {
        let btf = Btf::from_sys_fs()?;
        let loaded = functions.iter().map(|function| on(function, &btf));
        Ok(Self {
            loaded: loaded.collect::<Result<_, _>>()?,
        })
    }

    /// As [`EmptyProbes::timed_run_ns`](crate::EmptyProbes::timed_run_ns), of these functions.
    pub fn timed_run_ns(&self, work: impl FnOnce()) -> Option<f64> {
        ns_per_timed_run(
            || self.loaded.iter().flat_map(program_times).collect(),
            work,
        )
    }
}

fn on(function: &str, btf: &Btf) -> Result<aya::Ebpf, EmptyKernelError> {
    const ENTRY: &str = "empty_fentry";
    const EXIT: &str = "empty_fexit";
    let failed = |program| {
        move |source| EmptyKernelError::Program {
            program,
            function: function.to_owned(),
            source,
        }
    };
    let mut loaded = small_object()?;
    let entry = loaded
        .program_mut(ENTRY)
        .ok_or(EmptyKernelError::Foreign(ENTRY))?;
    let attached = <&mut FEntry>::try_from(entry).and_then(|entry| {
        entry.load(function, btf)?;
        entry.attach()
    });
    attached.map_err(failed(ENTRY))?;
    let exit = loaded
        .program_mut(EXIT)
        .ok_or(EmptyKernelError::Foreign(EXIT))?;
    let attached = <&mut FExit>::try_from(exit).and_then(|exit| {
        exit.load(function, btf)?;
        exit.attach()
    });
    attached.map_err(failed(EXIT))?;
    Ok(loaded)
}
