//! Guests' queues on every target that a suite can drive: the model, the kernel's mock, the IOMMU
//! behind a device. What vCPUs do with them is in `queues/crew.rs`.

use std::{path::PathBuf, sync::Arc, time::Duration};

use hwptop_abi::{InstanceArg, Stage, StageCell, Vendor};
use hwptop_agent::{Recorder, Source as _, SourceError, StageTotals};
use hwptop_driver::{
    AssignedGuest, Backend, Counters, Policy, ReplayError, SharedGuest, Stream, TimingProfile,
    iommufd::{self, Context, Nesting, VfioDevice},
    shared_guest, shared_selftest_guest, shared_vfio_guest,
};

use crate::timed::Timed;

mod crew;
mod workload;

pub(super) use crew::{Crew, Done, Rate};
pub use workload::WorkloadError;
pub(super) use workload::{Workload, unmaps};

/// What guests' queues lead to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GuestsOn {
    /// Modelled instances, one for each guest.
    Model,
    /// The mock of a kernel with `CONFIG_IOMMUFD_TEST`: for each guest a device of its own with
    /// nested HWPTs, and a vIOMMU where the vendor has one.
    Selftest,
    /// The IOMMU behind a device that vfio-pci has: one guest at a time.
    Vfio {
        /// The device's cdev.
        device: PathBuf,
    },
}

/// Why guests cannot be on a target.
#[derive(Debug, thiserror::Error)]
pub enum GuestsOnError {
    /// The kernel refused.
    #[error(transparent)]
    Iommufd(#[from] iommufd::Error),
    /// Its IOMMU has no tables for guests.
    #[error("{device}: its IOMMU offers guests no nesting: {why}; `hwptop doctor` says which does")]
    NoNesting {
        /// The device's cdev.
        device: String,
        /// The step that says so.
        why: iommufd::Error,
    },
    /// It is of another vendor than what was asked for.
    #[error("{device}: its IOMMU takes {} commands, not those of {}", has.name(), asked.name())]
    OtherVendor {
        /// The device's cdev.
        device: String,
        /// Whose it takes.
        has: Vendor,
        /// Whose were asked for.
        asked: Vendor,
    },
}

impl GuestsOnError {
    /// Whether the machine is the reason, and not what was asked for.
    #[must_use]
    pub const fn is_the_machines(&self) -> bool {
        !matches!(self, Self::OtherVendor { .. })
    }
}

/// Why a suite that replays streams ended early.
#[derive(Debug, thiserror::Error)]
pub enum StreamsError {
    /// There can be no guest.
    #[error(transparent)]
    Target(#[from] GuestsOnError),
    /// A stream cannot be replayed.
    #[error(transparent)]
    Workload(#[from] WorkloadError),
    /// A guest could not be set up, or not go on.
    #[error("{place}: {source}")]
    Guest {
        /// The stream and what else tells the guest from others.
        place: String,
        /// The reason.
        source: Box<ReplayError>,
    },
    /// The measurement could not be read.
    #[error(transparent)]
    Read(#[from] SourceError),
}

impl StreamsError {
    /// Whether the machine is the reason, and not a stream.
    #[must_use]
    pub fn is_the_machines(&self) -> bool {
        match self {
            Self::Read(_) => true,
            Self::Target(error) => error.is_the_machines(),
            Self::Guest { source, .. } => source.is_the_machines(),
            Self::Workload(error) => error.is_the_machines(),
        }
    }
}

/// What goes wrong while a point is measured.
#[derive(Debug, thiserror::Error)]
pub(super) enum Broken {
    /// A guest.
    #[error(transparent)]
    Guest(#[from] ReplayError),
    /// What was counted cannot be read.
    #[error(transparent)]
    Read(#[from] SourceError),
}

impl Broken {
    /// Of a suite that replays streams.
    pub(super) fn at(self, place: String) -> StreamsError {
        match self {
            Self::Guest(source) => StreamsError::Guest {
                place,
                source: Box::new(source),
            },
            Self::Read(error) => error.into(),
        }
    }
}

impl GuestsOn {
    /// Opens it for guests of `vendor`, or of any.
    pub(super) fn open(&self, vendor: Option<Vendor>) -> Result<Ground, GuestsOnError> {
        let (kind, vendor) = match self {
            Self::Model => (GroundKind::Model, vendor),
            Self::Selftest => (GroundKind::Selftest(Context::open()?), vendor),
            Self::Vfio { device: path } => {
                let context = Context::open()?;
                let device = VfioDevice::bind(&context, path)?;
                let path = path.display().to_string();
                let has = match device.nesting()? {
                    Nesting::Offered(vendor) => vendor,
                    Nesting::NotOffered(why) => {
                        return Err(GuestsOnError::NoNesting { device: path, why });
                    }
                };
                if let Some(asked) = vendor.filter(|vendor| *vendor != has) {
                    let device = path;
                    return Err(GuestsOnError::OtherVendor { device, has, asked });
                }
                (GroundKind::Vfio(device), Some(has))
            }
        };
        Ok(Ground { kind, vendor })
    }
}

/// A target that was opened.
pub(super) struct Ground {
    kind: GroundKind,
    /// Whose guests it takes; none: anyone's.
    pub(super) vendor: Option<Vendor>,
}

enum GroundKind {
    Model,
    Selftest(Context),
    Vfio(VfioDevice),
}

/// How the requests and submissions of a guest are timed in this process, if they are: by a
/// recorder, as its instance at a position.
pub(super) type TimedBy = Option<(Recorder, usize)>;

impl Ground {
    pub(super) const fn is_modelled(&self) -> bool {
        matches!(self.kind, GroundKind::Model)
    }

    /// How many guests there can be at a time, where that is not as many as one likes.
    pub(super) const fn guests_max(&self) -> Option<usize> {
        match self.kind {
            GroundKind::Vfio(_) => Some(1),
            GroundKind::Model | GroundKind::Selftest(_) => None,
        }
    }

    /// Whether each producer can have a queue of its own, to an object of its own.
    pub(super) const fn has_queue_for_each(&self) -> bool {
        matches!(self.kind, GroundKind::Selftest(_))
    }

    /// Guest `number`, whose vCPUs share a queue.
    pub(super) fn guest(
        &self,
        stream: &Stream,
        number: u16,
        timed: &TimedBy,
    ) -> Result<Box<dyn Guest>, ReplayError> {
        let (recorder, at) = match timed {
            Some((recorder, at)) => (Some(recorder.clone()), *at),
            None => (None, 0),
        };
        match &self.kind {
            GroundKind::Model => shared_guest(
                stream,
                number,
                &TimingProfile::of(stream.vendor()),
                |queue| Timed::new(queue, recorder.clone(), at),
                |backend| Timed::new(backend, recorder.clone(), at),
            )
            .map(boxed),
            GroundKind::Selftest(context) => {
                let timed = |backend| Timed::new(backend, recorder, at);
                shared_selftest_guest(context, stream, number, timed).map(boxed)
            }
            GroundKind::Vfio(device) => {
                let timed = |backend| Timed::new(backend, recorder, at);
                shared_vfio_guest(device, stream, number, timed).map(boxed)
            }
        }
    }

    /// The queue of guest `number`, with what is counted of it.
    pub(super) fn queue(
        &self,
        stream: &Stream,
        number: u16,
    ) -> Result<Box<dyn Queue>, ReplayError> {
        let instance = InstanceArg::new(number, stream.vendor(), self.is_modelled());
        // Nothing is slow enough to be kept one by one.
        let recorder = Recorder::new(&[instance], Duration::MAX);
        let mut guest = self.guest(stream, number, &Some((recorder.clone(), 0)))?;
        Ok(Box::new(ByRequests {
            counters: guest.counters(),
            guest,
            recorder,
            sees_submissions: self.is_modelled(),
        }))
    }
}

fn boxed<B: Backend + 'static>(guest: SharedGuest<B>) -> Box<dyn Guest> {
    Box::new(guest)
}

/// A guest whose vCPUs, each on a thread, share a queue.
pub(super) trait Guest: Sync {
    /// Submits what a sync ends, and returns when that completed.
    fn submit(&self, vcpu: usize, round: u32, unit: &[[u64; 2]]) -> Result<(), ReplayError>;

    fn set_policy(&mut self, policy: Policy);

    fn counters(&mut self) -> Arc<Counters>;
}

impl<B: Backend> Guest for SharedGuest<B> {
    fn submit(&self, vcpu: usize, round: u32, unit: &[[u64; 2]]) -> Result<(), ReplayError> {
        Self::submit(self, vcpu, round, unit)
    }

    fn set_policy(&mut self, policy: Policy) {
        self.iommu_mut().set_policy(policy);
    }

    fn counters(&mut self) -> Arc<Counters> {
        self.iommu_mut().counters()
    }
}

/// What vCPUs submit to.
pub(super) trait Queue: Sync {
    /// As [`Guest::submit`].
    fn submit(&self, vcpu: usize, round: u32, unit: &[[u64; 2]]) -> Result<(), ReplayError>;

    /// Chooses how commands become requests, where they do.
    fn set_policy(&mut self, policy: Policy);

    /// What was counted so far.
    fn read(&mut self) -> Result<Counted, SourceError>;
}

/// What was counted of a queue.
#[derive(Clone, Debug, Default)]
pub(super) struct Counted {
    /// Commands of the guest, syncs included.
    pub(super) guest_commands: u64,
    pub(super) syncs: u64,
    pub(super) request: StageTotals,
    /// Absent where nothing sees them.
    pub(super) submission: Option<StageTotals>,
}

impl Counted {
    /// What was counted after `before`.
    pub(super) fn since(&self, before: &Self) -> Self {
        let submission = self.submission.as_ref().zip(before.submission.as_ref());
        Self {
            guest_commands: self.guest_commands - before.guest_commands,
            syncs: self.syncs - before.syncs,
            request: self.request.since(&before.request),
            submission: submission.map(|(now, before)| now.since(before)),
        }
    }

    /// Takes in what another queue, or the same one later, counted.
    pub(super) fn add(&mut self, more: &Self) {
        self.guest_commands += more.guest_commands;
        self.syncs += more.syncs;
        self.request.add(&more.request.0);
        if let Some(more) = &more.submission {
            self.submission.get_or_insert_default().add(&more.0);
        }
    }
}

/// A queue that the front end turns into requests.
struct ByRequests {
    guest: Box<dyn Guest>,
    counters: Arc<Counters>,
    recorder: Recorder,
    sees_submissions: bool,
}

impl Queue for ByRequests {
    fn submit(&self, vcpu: usize, round: u32, unit: &[[u64; 2]]) -> Result<(), ReplayError> {
        self.guest.submit(vcpu, round, unit)
    }

    fn set_policy(&mut self, policy: Policy) {
        self.guest.set_policy(policy);
    }

    fn read(&mut self) -> Result<Counted, SourceError> {
        let mut totals = self.recorder.read()?;
        // The recorder was made for exactly one instance.
        let totals = totals.instances.swap_remove(0);
        let counts = self.counters.snapshot();
        let submission = totals.stage(Stage::Submission).clone();
        Ok(Counted {
            guest_commands: counts.consumed(),
            syncs: counts.waits,
            request: totals.stage(Stage::Request).clone(),
            submission: self.sees_submissions.then_some(submission),
        })
    }
}

impl Queue for AssignedGuest {
    fn submit(&self, vcpu: usize, round: u32, unit: &[[u64; 2]]) -> Result<(), ReplayError> {
        Self::submit(self, vcpu, round, unit)
    }

    /// There are no requests.
    fn set_policy(&mut self, _: Policy) {}

    fn read(&mut self) -> Result<Counted, SourceError> {
        let counts = self.counts();
        Ok(Counted {
            guest_commands: counts.commands + counts.syncs,
            syncs: counts.syncs,
            request: StageTotals::default(),
            submission: Some(StageTotals(StageCell {
                seen: counts.syncs,
                items: counts.commands,
                ..StageCell::ZERO
            })),
        })
    }
}

#[cfg(test)]
mod tests;
