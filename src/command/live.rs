use std::{num::NonZeroU16, thread, time::Instant};

use hwptop_abi::{InstanceArg, Vendor};
use hwptop_agent::{
    Aggregator, Ebpf, EbpfError, Origin, ProcessCounters, ProcessError, Recorder, SlowOptions,
    Source, TargetProcess, drop_privileges, full_message,
    snapshot::{AttachedProbe, MeasuredBy, Snapshot},
};
use hwptop_bench::{
    calibration::Calibration,
    fleet::{Fleet, FleetConfig, Pace},
};

use super::{
    captures::captures,
    feed::{Feed, FeedError},
};
use crate::{cli::MeasureArgs, failure::Failure, target::Target};
use driven::Driven;

mod driven;
mod kernel;

/// What is looked at while it runs: the target and the measurement of it.
pub(super) struct Live {
    source: Box<dyn Source>,
    aggregator: Aggregator,
    driven: Option<Driven>,
    process: Option<TargetProcess>,
    perf: Option<ProcessCounters>,
    calibration: Option<Calibration>,
    is_over: bool,
}

impl Live {
    /// What is measured, as the user would write it.
    pub(super) fn target(&self) -> &str {
        self.aggregator.target()
    }

    /// Finds or starts the target and puts the measurement on it first, so that
    /// nothing it does goes unseen.
    pub(super) fn start(args: &MeasureArgs, target: &Target) -> Result<Self, Failure> {
        let is_driver = matches!(target, Target::Model { .. } | Target::Pid(_));
        if is_driver && args.slow.slow_stacks {
            return Err(Failure::input(anyhow::anyhow!(
                "--slow-stacks is for what the kernel does; {target} is a process"
            )));
        }
        match target {
            &Target::Model { vendor, instances } => Self::model(args, target, (vendor, instances)),
            &Target::Pid(pid) => Self::process(args, target, pid),
            Target::Kernel => Self::kernel(args, target),
            &Target::Selftest { vendor } => Self::selftest(args, target, vendor),
            Target::Vfio { device } => Self::vfio(args, target, device),
            Target::Agent { .. } => Err(Failure::input(anyhow::anyhow!(
                "{target}: what an agent measures is for `top` and `record` only"
            ))),
            Target::File { path } => Err(Failure::input(anyhow::anyhow!(
                "{target}: a recording is for `hwptop agent`; `hwptop replay {}` shows it",
                path.display()
            ))),
        }
    }

    fn process(args: &MeasureArgs, target: &Target, pid: u32) -> Result<Self, Failure> {
        if let Some(option) = args.replay.first_given() {
            return Err(Failure::input(anyhow::anyhow!(
                "{option} is for the model; {target} does what it does"
            )));
        }
        let process = TargetProcess::find(pid).map_err(|error| match error {
            ProcessError::Denied { .. } => Failure::cannot(error),
            _ => Failure::input(error),
        })?;
        let calibration = Calibration::of_static_probes();
        let ebpf = Ebpf::attach(&process, args.slow.options()).map_err(|error| match error {
            _ if process.has_ended() => Failure::input(ProcessError::Ended { pid }),
            EbpfError::NoProbe { .. } | EbpfError::Arguments { .. } => Failure::input(error),
            _ => Failure::cannot(
                anyhow::Error::new(error).context("another process can only be measured by eBPF"),
            ),
        })?;
        let perf = perf_of(args, pid, || format!("process {pid}, all threads"))?;
        drop_rights(args)?;
        let origin = Origin {
            target: target.to_string(),
            measured_by: MeasuredBy::Ebpf,
            policy: None,
            timing_profile: None,
            probes: ebpf.probes().to_vec(),
            stages: Vec::new(),
            slow_threshold: args.slow.options().threshold.fixed(),
            instances: Vec::new(),
        };
        Ok(Self {
            source: Box::new(ebpf),
            aggregator: Aggregator::new(origin, Instant::now())
                .with_dispatch(calibration.dispatch.clone()),
            driven: None,
            process: Some(process),
            perf,
            calibration: Some(calibration),
            is_over: false,
        })
    }

    fn model(
        args: &MeasureArgs,
        target: &Target,
        (vendor, count): (Option<Vendor>, NonZeroU16),
    ) -> Result<Self, Failure> {
        let mut captures = captures(&args.replay.capture, vendor, target)?;
        if args.replay.capture.is_empty() {
            captures.truncate(usize::from(count.get()));
        }
        let policy = args.replay.policy.unwrap_or_default();
        let instances: Vec<InstanceArg> = captures
            .iter()
            .cycle()
            .zip(0..count.get())
            .map(|(capture, number)| InstanceArg::new(number, capture.vendor(), true))
            .collect();
        let calibration = Calibration::of_static_probes();
        let measurement = Measurement::of_this_process(&instances, args.slow.options());
        let perf = perf_of_this_process(args)?;
        drop_rights(args)?;
        let started = Instant::now();
        let fleet = Fleet::start(&FleetConfig {
            captures,
            instances: count.get(),
            passes: args.replay.passes,
            policy,
            pace: args.replay.speed.unwrap_or(Pace::Captured(1.0)),
            recorder: measurement.recorder,
        })
        .map_err(|error| {
            if error.is_the_machines() {
                Failure::cannot(error)
            } else {
                Failure::input(error)
            }
        })?;
        let origin = Origin {
            target: target.to_string(),
            measured_by: measurement.by,
            policy: Some(policy.name().into()),
            timing_profile: Some(fleet.timing_profile()),
            probes: measurement.probes,
            stages: Vec::new(),
            slow_threshold: args.slow.options().threshold.fixed(),
            instances: measurement.kept,
        };
        Ok(Self {
            source: measurement.source,
            aggregator: Aggregator::new(origin, started)
                .with_dispatch(calibration.dispatch.clone()),
            driven: Some(Driven::model(fleet)),
            process: None,
            perf,
            calibration: Some(calibration),
            is_over: false,
        })
    }

    /// When the last thing in the target happened, if nothing more will.
    fn ended_at(&self) -> Option<Instant> {
        let process = self.process.as_ref();
        self.driven.as_ref().and_then(Driven::ended_at).or_else(|| {
            process
                .filter(|process| process.has_ended())
                .map(|_| Instant::now())
        })
    }
}

impl Feed for Live {
    /// What the user should know before the first figure: what root would add.
    fn remark(&self) -> Option<String> {
        let MeasuredBy::InProcess { why } = self.aggregator.measured_by() else {
            return None;
        };
        Some(format!(
            "measured in-process: {why}; with eBPF, the driver's probes are timed from outside, in \
             this and in any other process (--target pid:N)"
        ))
    }

    /// Whether a replay runs that ends by itself.
    fn is_replay(&self) -> bool {
        self.driven.is_some()
    }

    /// The one after the target's end is the last, and covers the time until that.
    fn next_snapshot(&mut self) -> Result<Option<Snapshot>, FeedError> {
        if self.is_over {
            return Ok(None);
        }
        // Asked before the maps are read: the last snapshot must hold everything.
        let ended_at = self.ended_at();
        self.is_over = ended_at.is_some();
        let totals = self.source.read()?;
        let now = ended_at.unwrap_or_else(Instant::now);
        let mut snapshot = self.aggregator.snapshot(totals, now);
        snapshot.perf = self.perf.as_mut().map(ProcessCounters::read);
        if let Some(calibration) = self.calibration.take() {
            // Nobody waits for what the kernel takes for it.
            thread::spawn(move || drop(calibration));
        }
        if let Some(driven) = &self.driven {
            driven.add_counts(&mut snapshot.instances);
        }
        Ok(Some(snapshot))
    }

    fn has_ended(&mut self) -> bool {
        self.ended_at().is_some()
    }

    /// That the process is gone is said, and what was measured until then.
    fn farewell(&mut self) -> Option<String> {
        let process = self.process.as_ref()?;
        process
            .has_ended()
            .then(|| format!("process {} has ended", process.pid))
    }

    fn stop(&mut self) {
        if let Some(driven) = &mut self.driven {
            driven.stop();
        }
    }
}

/// Drops what only attaching needs, where that is asked for. Each thread has capabilities of
/// its own: once everything is attached, and before anything else is started.
fn drop_rights(args: &MeasureArgs) -> Result<(), Failure> {
    if args.drops_privileges {
        drop_privileges().map_err(Failure::cannot)?;
    }
    Ok(())
}

/// The counters of process `pid`, where they are asked for: before rights are dropped.
fn perf_of(
    args: &MeasureArgs,
    pid: u32,
    of: impl FnOnce() -> String,
) -> Result<Option<ProcessCounters>, Failure> {
    let counters = args.perf.then(|| ProcessCounters::open(pid, of()));
    counters.transpose().map_err(Failure::cannot)
}

/// As [`perf_of`], of this process: its one thread starts all that drive.
fn perf_of_this_process(args: &MeasureArgs) -> Result<Option<ProcessCounters>, Failure> {
    perf_of(args, std::process::id(), || {
        "this process, all threads, hwptop's own work included".to_owned()
    })
}

/// How this process is measured.
struct Measurement {
    by: MeasuredBy,
    source: Box<dyn Source>,
    probes: Vec<AttachedProbe>,
    /// The instances that are kept apart.
    kept: Vec<InstanceArg>,
    /// Where the process must count itself, if nothing else does.
    recorder: Option<Recorder>,
}

impl Measurement {
    /// By eBPF where it can be loaded, else in-process.
    fn of_this_process(instances: &[InstanceArg], slow: SlowOptions) -> Self {
        let attached = match TargetProcess::current() {
            Ok(process) => Ebpf::attach(&process, slow).map_err(|error| full_message(&error)),
            Err(error) => Err(full_message(&error)),
        };
        match attached {
            Ok(ebpf) => Self {
                by: MeasuredBy::Ebpf,
                probes: ebpf.probes().to_vec(),
                kept: instances
                    .iter()
                    .copied()
                    .take(ebpf.instances_kept() as usize)
                    .collect(),
                source: Box::new(ebpf),
                recorder: None,
            },
            Err(why) => {
                let recorder = Recorder::new(instances, slow);
                Self {
                    by: MeasuredBy::InProcess { why },
                    probes: Vec::new(),
                    kept: instances.to_vec(),
                    source: Box::new(recorder.clone()),
                    recorder: Some(recorder),
                }
            }
        }
    }
}
