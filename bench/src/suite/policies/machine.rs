use std::{sync::Arc, time::Duration};

use hwptop_abi::{InstanceArg, Stage, StageCell};
use hwptop_agent::{Recorder, Source as _, StageTotals};
use hwptop_driver::{
    AssignedGuest, Backend, Counters, Policy, ReplayError, SharedGuest, TimingProfile, shared_guest,
};

use super::{Broken, Delivery, Workload};
use crate::timed::Timed;

/// What the vCPUs submit to.
pub(super) trait Machine: Sync {
    /// Submits what a sync ends, and returns when that completed.
    fn submit(&self, vcpu: usize, round: u32, unit: &[[u64; 2]]) -> Result<(), ReplayError>;

    fn read(&mut self) -> Result<Counted, Broken>;
}

/// What was counted so far.
pub(super) struct Counted {
    pub(super) guest_commands: u64,
    pub(super) syncs: u64,
    pub(super) request: StageTotals,
    pub(super) submission: StageTotals,
}

/// A machine for a stream.
pub(super) fn machine(workload: &Workload, delivery: Delivery) -> Result<Box<dyn Machine>, Broken> {
    let stream = &workload.stream;
    match delivery {
        Delivery::Requests(policy) => by_requests(workload, policy),
        Delivery::HwQueue => {
            let profile = TimingProfile::of(stream.vendor());
            let guest = AssignedGuest::new(stream, 0, &profile).map_err(Broken::Guest)?;
            // A workload says beforehand whether there is one.
            let guest = guest.ok_or(Broken::Guest(ReplayError::AtEnd))?;
            Ok(Box::new(guest))
        }
    }
}

fn by_requests(workload: &Workload, policy: Policy) -> Result<Box<dyn Machine>, Broken> {
    let stream = &workload.stream;
    let instance = InstanceArg::new(0, stream.vendor(), true);
    // Nothing is slow enough to be kept one by one.
    let recorder = Recorder::new(&[instance], Duration::MAX);
    let mut guest = shared_guest(
        stream,
        0,
        &TimingProfile::of(stream.vendor()),
        |queue| Timed::new(queue, Some(recorder.clone()), 0),
        |backend| Timed::new(backend, Some(recorder.clone()), 0),
    )
    .map_err(Broken::Guest)?;
    guest.iommu_mut().set_policy(policy);
    let counters = guest.iommu_mut().counters();
    Ok(Box::new(ByRequests {
        guest,
        counters,
        recorder,
    }))
}

struct ByRequests<B> {
    guest: SharedGuest<B>,
    counters: Arc<Counters>,
    recorder: Recorder,
}

impl<B: Backend> Machine for ByRequests<B> {
    fn submit(&self, vcpu: usize, round: u32, unit: &[[u64; 2]]) -> Result<(), ReplayError> {
        self.guest.submit(vcpu, round, unit)
    }

    fn read(&mut self) -> Result<Counted, Broken> {
        let mut totals = self.recorder.read().map_err(Broken::Read)?;
        // The recorder was made for exactly one instance.
        let totals = totals.instances.swap_remove(0);
        let counts = self.counters.snapshot();
        Ok(Counted {
            guest_commands: counts.consumed(),
            syncs: counts.waits,
            request: totals.stage(Stage::Request).clone(),
            submission: totals.stage(Stage::Submission).clone(),
        })
    }
}

impl Machine for AssignedGuest {
    fn submit(&self, vcpu: usize, round: u32, unit: &[[u64; 2]]) -> Result<(), ReplayError> {
        AssignedGuest::submit(self, vcpu, round, unit)
    }

    fn read(&mut self) -> Result<Counted, Broken> {
        let counts = self.counts();
        Ok(Counted {
            guest_commands: counts.commands + counts.syncs,
            syncs: counts.syncs,
            request: StageTotals(StageCell::ZERO),
            submission: StageTotals(StageCell {
                seen: counts.syncs,
                items: counts.commands,
                ..StageCell::ZERO
            }),
        })
    }
}
