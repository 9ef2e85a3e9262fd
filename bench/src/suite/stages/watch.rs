use std::time::{Duration, Instant};

use hwptop_abi::{InstanceArg, Vendor};
use hwptop_agent::{
    Aggregator, Ebpf, Kernel, KernelOptions, Origin, Recorder, Source, SourceError, TargetProcess,
    full_message,
    kernel::facts::Facts,
    snapshot::{MeasuredBy, Snapshot, StageAttachment},
};

use super::{
    super::queues::{GuestsOn, TimedBy},
    StagesError,
};

/// What timed the stages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Watching {
    /// eBPF on the kernel's functions.
    Kernel(Vec<StageAttachment>),
    /// eBPF on the driver's static probes.
    StaticProbes,
    /// The process' own clock.
    InProcess {
        /// What eBPF lacked.
        why: String,
    },
}

impl Watching {
    /// What is attached, as a run file's environment has it; empty where nothing is.
    #[must_use]
    pub fn probes(&self) -> Vec<String> {
        match self {
            Self::Kernel(stages) => {
                let attached = stages.iter().filter_map(|of| Some((of.stage, of.how?)));
                let names = attached.map(|(stage, how)| {
                    format!("kernel probes: {} ({})", stage.name(), how.name())
                });
                let mut names: Vec<String> = names.collect();
                // A stage may have several places.
                names.dedup();
                names
            }
            Self::StaticProbes => vec!["static probes".to_owned()],
            Self::InProcess { .. } => Vec::new(),
        }
    }

    /// In a word, for tables and settings.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Kernel(_) => "eBPF on the kernel's functions",
            Self::StaticProbes => "eBPF on the driver's static probes",
            Self::InProcess { .. } => "the process' own clock",
        }
    }
}

/// What times the stages, while it does.
pub(super) struct Watch {
    source: Box<dyn Source>,
    aggregator: Aggregator,
    watching: Watching,
    /// Where the process must count itself.
    recorder: Option<Recorder>,
}

impl Watch {
    /// For guests of this process on `on`.
    pub(super) fn of(on: &GuestsOn, vendor: Vendor, instances: u16) -> Result<Self, StagesError> {
        match on {
            GuestsOn::Model => Ok(Self::of_model(vendor, instances)),
            GuestsOn::Selftest | GuestsOn::Vfio { .. } => {
                let own = Some(std::process::id());
                let options = KernelOptions {
                    only_tgid: own,
                    mock_tgid: own.filter(|_| *on == GuestsOn::Selftest),
                    ..KernelOptions::default()
                };
                let mut kernel = Kernel::attach(&Facts::of_this_machine(), &options)?;
                kernel.stop_timing();
                let stages = kernel.attachments();
                Ok(Self::new(Box::new(kernel), Watching::Kernel(stages), None))
            }
        }
    }

    fn of_model(vendor: Vendor, instances: u16) -> Self {
        let attached = match TargetProcess::current() {
            // Nothing is slow enough to be kept one by one.
            Ok(process) => {
                Ebpf::attach(&process, Duration::MAX).map_err(|error| full_message(&error))
            }
            Err(error) => Err(full_message(&error)),
        };
        match attached {
            Ok(ebpf) => Self::new(Box::new(ebpf), Watching::StaticProbes, None),
            Err(why) => {
                let of = |number| InstanceArg::new(number, vendor, true);
                let instances: Vec<_> = (0..instances).map(of).collect();
                let recorder = Recorder::new(&instances, Duration::MAX);
                let source = Box::new(recorder.clone());
                Self::new(source, Watching::InProcess { why }, Some(recorder))
            }
        }
    }

    fn new(source: Box<dyn Source>, watching: Watching, recorder: Option<Recorder>) -> Self {
        let origin = Origin {
            target: String::new(),
            measured_by: MeasuredBy::Ebpf,
            timing_profile: None,
            policy: None,
            probes: Vec::new(),
            stages: Vec::new(),
            slow_threshold: None,
            instances: Vec::new(),
        };
        Self {
            source,
            aggregator: Aggregator::new(origin, Instant::now()),
            watching,
            recorder,
        }
    }

    pub(super) const fn watching(&self) -> &Watching {
        &self.watching
    }

    /// How the guest of this instance is timed from within, if it is.
    pub(super) fn timed(&self, instance: usize) -> TimedBy {
        Some((self.recorder.clone()?, instance))
    }

    /// What was counted since the last one.
    pub(super) fn snapshot(&mut self) -> Result<Snapshot, SourceError> {
        let totals = self.source.read()?;
        Ok(self.aggregator.snapshot(totals, Instant::now()))
    }
}
