use std::sync::Arc;

use hwptop_abi::{InstanceArg, Vendor};

use super::guest::{Guest, ReplayError};
use super::stream::Stream;
use crate::{
    Backend, Counters, HardwareQueue, InvalidationRing, ModelBackend, TimingProfile, Width,
};

/// A guest on a modelled VT-d instance with this `number`, with a nested HWPT for
/// each of the stream's targets. It uses 256-bit descriptors, as Linux does in
/// scalable mode.
///
/// # Errors
/// Where memory or the hardware's thread cannot be had.
pub fn modelled_guest(
    stream: &Stream,
    number: u16,
    profile: &TimingProfile,
) -> Result<Guest<ModelBackend>, ReplayError> {
    decorated_guest(stream, number, profile, |queue| queue, |backend| backend)
}

/// [`modelled_guest`], with something of the caller's around the hardware queue
/// and around the backend, say to time them.
///
/// # Errors
/// As [`modelled_guest`].
pub fn decorated_guest<Q: HardwareQueue, B: Backend>(
    stream: &Stream,
    number: u16,
    profile: &TimingProfile,
    around_queue: impl FnOnce(InvalidationRing) -> Q,
    around_backend: impl FnOnce(ModelBackend<Q>) -> B,
) -> Result<Guest<B>, ReplayError> {
    let instance = InstanceArg::new(number, Vendor::Vtd, true);
    let counters = Arc::new(Counters::new());
    let ring = InvalidationRing::spawn(instance, profile.clone(), Arc::clone(&counters));
    let model = ModelBackend::new(around_queue(ring.map_err(ReplayError::Spawn)?));
    let mut targets = Vec::new();
    for &(did, pasid) in stream.targets() {
        let hwpt = model.alloc(pasid);
        let hwpt = hwpt.ok_or(ReplayError::TooManyTargets { max: targets.len() })?;
        targets.push((did, pasid, hwpt));
    }
    let backend = around_backend(model);
    let mut guest = Guest::new(stream.clone(), Width::Bits256, instance, backend, counters)?;
    for (did, pasid, hwpt) in targets {
        guest.attach(did, pasid, hwpt);
    }
    Ok(guest)
}
