use std::{borrow::Cow, time::Duration};

use aya::{
    Btf, BtfError,
    maps::MapError,
    programs::{FEntry, FExit, KProbe, Program, ProgramError, TracePoint},
    util::nr_cpus,
};
use hwptop_abi::{KernelLayout, Stage};

use super::{
    ended::Ended,
    facts::Facts,
    gone::{Gone, KEPT, Retired},
    host::Host,
    load,
    module::ProbedModule,
    plan::{Method, StagePlan, can_watch_kernel, plan},
    reason::Reason,
    site::{Site, Watch},
    stack::{Functions, NoFunctions},
    switches::Switches,
};
use crate::{
    Missing,
    looking::Sampler,
    message::program_message,
    slow::{SlowOptions, Thresholds},
    snapshot::{How, StageAttachment},
};

/// What the kernel probes are to do.
#[derive(Clone, Copy, Debug)]
pub struct KernelOptions {
    /// Which requests and submissions are kept one by one.
    pub slow: SlowOptions,
    /// Requests of this process only, and what they submit.
    pub only_tgid: Option<u32>,
    /// Whether driver ops are timed. Without them, requests cost about half as much to watch
    /// and are not split up.
    pub driver_ops: bool,
    /// The best method that may be used, and that for requests: for tests of the others.
    pub at_best: Method,
    /// See [`Self::at_best`].
    pub requests_at_best: Method,
    /// For how long processes that are gone, and objects that were destroyed, are kept apart.
    pub kept: Duration,
    /// The process whose requests are all the selftest mock's, where it is known beforehand.
    pub mock_tgid: Option<u32>,
}

impl Default for KernelOptions {
    fn default() -> Self {
        Self {
            slow: SlowOptions::NOTHING,
            only_tgid: None,
            driver_ops: true,
            at_best: Method::Fentry,
            requests_at_best: Method::Fentry,
            kept: KEPT,
            mock_tgid: None,
        }
    }
}

/// Why the kernel cannot be watched.
#[derive(Debug, thiserror::Error)]
pub enum KernelError {
    /// Requests cannot be seen.
    #[error(transparent)]
    Missing(#[from] Missing),
    /// aya cannot read the kernel's types.
    #[error("the kernel's BTF cannot be read: {0}")]
    Btf(#[from] BtfError),
    /// The kernel refused the object.
    #[error("loading the eBPF object: {0}")]
    Load(#[from] aya::EbpfError),
    /// A map could not be set up.
    #[error("eBPF map {map}: {source}")]
    Map {
        /// The map.
        map: &'static str,
        /// The reason.
        source: MapError,
    },
    /// Stacks are asked for and cannot be told.
    #[error(transparent)]
    Stacks(#[from] NoFunctions),
    /// The object has no such program or map: it is not this version's.
    #[error("the eBPF object has no {0}; rebuild it with `cargo xtask ebpf`")]
    Foreign(&'static str),
}

/// The programs on the kernel's functions while they are attached. Dropping it, or the end
/// of the process however it comes, detaches them: the kernel holds them by file
/// descriptors.
pub struct Kernel {
    pub(super) loaded: aya::Ebpf,
    pub(super) sampler: Sampler,
    pub(super) plans: Vec<StagePlan>,
    pub(super) modules: Vec<ProbedModule>,
    pub(super) switches: Switches,
    pub(super) slots: u32,
    pub(super) instances: u32,
    pub(super) emulated: bool,
    pub(super) mock_tgid: Option<u32>,
    pub(super) retired: Retired,
    pub(super) gone: Gone,
    pub(super) ended: Ended,
    pub(super) kept: Duration,
    pub(super) thresholds: Thresholds,
    pub(super) functions: Option<Functions>,
}

impl Kernel {
    /// Loads the programs and attaches what the plan for this machine says; where the
    /// kernel refuses that, the next best method.
    ///
    /// # Errors
    /// [`KernelError`], naming what is missing.
    pub fn attach(facts: &Facts, options: &KernelOptions) -> Result<Self, KernelError> {
        let mut plans = plan(facts);
        plans.retain(|plan| {
            let is_op = plan.watch == Watch::Stage(Stage::DriverOp);
            plan.site.is_some() && (options.driver_ops || !is_op)
        });
        for plan in &mut plans {
            let at_best = match plan.watch {
                Watch::Stage(Stage::Request) => options.requests_at_best,
                _ => options.at_best,
            };
            while plan.chosen.is_some_and(|method| method < at_best) {
                plan.reject(facts, Reason::NotAskedFor);
            }
        }
        can_watch_kernel(&plans)?;
        let sampler = Sampler::start();
        // Before anything is attached.
        read_functions(options)?;
        let instances = load::instances_kept();
        let thresholds = Thresholds::new(&options.slow);
        let by_fentry = |plan: &StagePlan| plan.chosen == Some(Method::Fentry);
        let btf = if plans.iter().any(by_fentry) {
            Some(Btf::from_sys_fs()?)
        } else {
            None
        };
        // The programs are told what is attached, and the kernel has the last word on it.
        loop {
            let modules = ProbedModule::of_plans(&Host::running(), &plans);
            let layout = layout(facts, options, &plans, instances);
            let mut loaded = load::object(&layout, instances, thresholds.config())?;
            let mut attaching = Attaching {
                loaded: &mut loaded,
                btf: btf.as_ref(),
                facts,
            };
            for plan in plans.iter_mut().rev() {
                attaching.best_of(plan);
            }
            can_watch_kernel(&plans)?;
            let there = self::layout(facts, options, &plans, instances);
            if there == layout {
                return Ok(Self {
                    loaded,
                    sampler,
                    switches: Switches::of_plans(&Host::running(), &plans),
                    plans,
                    modules,
                    slots: layout.slots,
                    instances,
                    emulated: facts.virtual_machine.is_some(),
                    mock_tgid: options.mock_tgid,
                    retired: Retired::new(),
                    gone: Gone::default(),
                    ended: Ended::default(),
                    kept: options.kept,
                    thresholds,
                    functions: read_functions(options)?,
                });
            }
        }
    }

    /// What is attached to every function that was looked for, and why nothing better.
    #[must_use]
    pub fn plans(&self) -> &[StagePlan] {
        &self.plans
    }

    /// Ends the first sample of how long the programs run, for who measures what they cost
    /// while they are not timed.
    pub fn stop_timing(&mut self) {
        self.sampler.stop();
    }

    /// How every stage is timed, or why not, as snapshots tell it.
    #[must_use]
    pub fn attachments(&self) -> Vec<StageAttachment> {
        let stages = self.plans.iter().filter_map(attachment);
        let mut stages: Vec<StageAttachment> = stages.collect();
        stages.sort_by_key(|attachment| attachment.stage);
        stages
    }
}

/// The names for stacks, where those are asked for.
fn read_functions(options: &KernelOptions) -> Result<Option<Functions>, KernelError> {
    let read = options
        .slow
        .stacks
        .then(|| Functions::read(&Host::running()));
    Ok(read.transpose()?)
}

/// What the programs are told of the kernel, and of each other.
fn layout(
    facts: &Facts,
    options: &KernelOptions,
    plans: &[StagePlan],
    instances: u32,
) -> KernelLayout {
    let is_attached = |watch| {
        let found = |plan: &StagePlan| plan.watch == watch && plan.chosen.is_some();
        u32::from(plans.iter().any(found))
    };
    let offsets = facts.btf.as_ref().ok().map(|known| known.layout);
    KernelLayout {
        only_tgid: options.only_tgid.unwrap_or(0),
        slots: load::slots_kept(nr_cpus().unwrap_or(1), instances),
        driver_ops: is_attached(Watch::Stage(Stage::DriverOp)),
        stacks: u32::from(options.slow.stacks),
        ends_noticed: is_attached(Watch::HwptEnd),
        ..offsets.unwrap_or(KernelLayout::UNKNOWN)
    }
}

fn attachment(plan: &StagePlan) -> Option<StageAttachment> {
    let Watch::Stage(stage) = plan.watch else {
        return None;
    };
    let how = plan.chosen.and_then(|method| match method {
        Method::Fentry => Some(How::Fentry),
        Method::Kprobe => Some(How::Kprobe),
        Method::Tracepoint => Some(How::Tracepoint),
        Method::Uprobe => None,
    });
    // Methods that fail for one reason share it.
    let alike = plan.rejected.chunk_by(|one, next| one.1 == next.1);
    let why: Vec<String> = alike
        .filter_map(|alike| {
            let names: Vec<&str> = alike.iter().map(|(method, _)| method.name()).collect();
            let (_, reason) = alike.first()?;
            Some(format!("no {}: {reason}", names.join(", no ")))
        })
        .collect();
    Some(StageAttachment {
        stage,
        site: plan.to_string(),
        how,
        why_not_better: (!why.is_empty()).then(|| why.join("; ")),
    })
}

struct Attaching<'a> {
    loaded: &'a mut aya::Ebpf,
    btf: Option<&'a Btf>,
    facts: &'a Facts,
}

impl Attaching<'_> {
    /// Puts the programs of a place there as planned, or as the kernel will have it.
    fn best_of(&mut self, plan: &mut StagePlan) {
        while let (Some(method), Some(site)) = (plan.chosen, plan.site) {
            let place = plan.to_string();
            match self.programs(site, &place, method) {
                Ok(()) => break,
                Err(error) => {
                    // Half a pair would count what it cannot finish.
                    for program in [site.begin, site.end].into_iter().flatten() {
                        self.unload(program, method);
                    }
                    plan.reject(self.facts, Reason::NotAttached(program_message(&error)));
                }
            }
        }
    }

    fn programs(&mut self, site: &Site, place: &str, method: Method) -> Result<(), ProgramError> {
        let btf = self.btf;
        // The beginning first, so that no end is seen without it.
        for (name, ends) in [(site.begin, false), (site.end, true)] {
            let Some(program) = name.and_then(|name| self.program(name, method)) else {
                continue;
            };
            match (program, btf) {
                (Program::FEntry(program), Some(btf)) => {
                    program.load(place, btf)?;
                    program.attach()?;
                }
                (Program::FExit(program), Some(btf)) => {
                    program.load(place, btf)?;
                    program.attach()?;
                }
                (Program::KProbe(program), _) => {
                    program.load()?;
                    program.attach(place, 0)?;
                }
                (Program::TracePoint(program), _) => {
                    program.load()?;
                    let event = if ends {
                        "sys_exit_ioctl"
                    } else {
                        "sys_enter_ioctl"
                    };
                    program.attach("syscalls", event)?;
                }
                _ => return Err(ProgramError::UnexpectedProgramType),
            }
        }
        Ok(())
    }

    fn unload(&mut self, name: &'static str, method: Method) {
        let gone = match self.program(name, method) {
            Some(Program::FEntry(program)) => FEntry::unload(program),
            Some(Program::FExit(program)) => FExit::unload(program),
            Some(Program::KProbe(program)) => KProbe::unload(program),
            Some(Program::TracePoint(program)) => TracePoint::unload(program),
            _ => Ok(()),
        };
        // One that was never loaded.
        drop(gone);
    }

    fn program(&mut self, name: &'static str, method: Method) -> Option<&mut Program> {
        self.loaded.program_mut(&program_name(name, method))
    }
}

/// The name of a site's program for a method.
pub(super) fn program_name(name: &'static str, method: Method) -> Cow<'static, str> {
    match method {
        Method::Fentry | Method::Uprobe => Cow::Borrowed(name),
        Method::Kprobe => Cow::Owned(format!("k_{name}")),
        Method::Tracepoint => Cow::Owned(format!("t_{name}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        ebpf::OBJECT,
        kernel::{plan::methods, site::SITES},
    };

    #[test]
    fn the_object_has_the_programs_of_every_site_for_every_method() {
        for site in &SITES {
            for method in methods(site.watch) {
                for name in [site.begin, site.end].into_iter().flatten() {
                    let name = format!("\0{}\0", program_name(name, *method));
                    let mut words = OBJECT.windows(name.len());
                    assert!(words.any(|word| word == name.as_bytes()), "{name}");
                }
            }
        }
    }
}
