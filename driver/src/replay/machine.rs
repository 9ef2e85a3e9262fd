use std::sync::Arc;

use hwptop_abi::{InstanceArg, Vendor};

use super::dialect;
use super::error::ReplayError;
use super::guest::Guest;
use super::host::{self, Host};
use super::iommu::Targets;
use super::memory::LARGEST_QUEUE_BYTES;
use super::shared::SharedGuest;
use super::stream::Stream;
use crate::model::iommufd::{Iommufd, ModelUnit};
use crate::{AmdRing, Backend, Counters, HardwareQueue, SmmuV3Ring, TimingProfile, Unit, VtdRing};

/// The backend of a modelled guest: a kernel in front of its vendor's ring.
pub type ModelledBackend<Q = Box<dyn HardwareQueue>> = Iommufd<Q>;

/// A guest on a modelled instance with this `number`, of the stream's vendor, with
/// what the stream's commands address. On VT-d it uses 256-bit descriptors, as Linux
/// does in scalable mode.
///
/// # Errors
/// Where memory or the hardware's thread cannot be had.
pub fn modelled_guest(
    stream: &Stream,
    number: u16,
    profile: &TimingProfile,
) -> Result<Guest<ModelledBackend>, ReplayError> {
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
    around_queue: impl FnOnce(Box<dyn HardwareQueue>) -> Q,
    around_backend: impl FnOnce(ModelledBackend<Q>) -> B,
) -> Result<Guest<B>, ReplayError> {
    let machine = Machine::new(stream, number, profile, around_queue)?;
    let backend = around_backend(machine.backend);
    let mut guest = Guest::new(stream.clone(), machine.instance, backend, machine.counters)?;
    guest.iommu_mut().attach(&machine.targets);
    Ok(guest)
}

/// As [`decorated_guest`], for a guest whose vCPUs share the queue.
///
/// # Errors
/// As [`modelled_guest`].
pub fn shared_guest<Q: HardwareQueue, B: Backend>(
    stream: &Stream,
    number: u16,
    profile: &TimingProfile,
    around_queue: impl FnOnce(Box<dyn HardwareQueue>) -> Q,
    around_backend: impl FnOnce(ModelledBackend<Q>) -> B,
) -> Result<SharedGuest<B>, ReplayError> {
    let machine = Machine::new(stream, number, profile, around_queue)?;
    let backend = around_backend(machine.backend);
    let mut guest = SharedGuest::new(stream.clone(), machine.instance, backend, machine.counters)?;
    guest.iommu_mut().attach(&machine.targets);
    Ok(guest)
}

/// A guest with the largest queue on a backend of the caller's, to which what the
/// stream addresses are objects from 1 on; a vIOMMU comes first.
///
/// # Errors
/// Where memory cannot be had.
pub fn guest_on<B: Backend>(stream: &Stream, backend: B) -> Result<Guest<B>, ReplayError> {
    let instance = InstanceArg::new(0, stream.vendor(), true);
    let counters = Arc::new(Counters::new(stream.vendor()));
    let queue = (dialect::width(stream.vendor()), LARGEST_QUEUE_BYTES);
    let mut guest = Guest::with_queue(stream.clone(), queue, instance, backend, counters)?;
    guest.iommu_mut().attach_numbered(stream);
    Ok(guest)
}

/// A modelled instance, and the objects that a stream needs on it.
struct Machine<Q> {
    instance: InstanceArg,
    backend: ModelledBackend<Q>,
    counters: Arc<Counters>,
    targets: Targets,
}

impl<Q: HardwareQueue> Machine<Q> {
    fn new(
        stream: &Stream,
        number: u16,
        profile: &TimingProfile,
        around_queue: impl FnOnce(Box<dyn HardwareQueue>) -> Q,
    ) -> Result<Self, ReplayError> {
        let instance = InstanceArg::new(number, stream.vendor(), true);
        let counters = Arc::new(Counters::new(stream.vendor()));
        let (unit, memory) = host::unit(stream.vendor())?;
        let ring = ring(instance, profile, &unit, &counters)?;
        let host = Host::new(stream, instance, (unit, memory), around_queue(ring))
            .map_err(ReplayError::Setup)?;
        Ok(Self {
            instance,
            backend: host.iommufd,
            counters,
            targets: host.targets,
        })
    }
}

/// The ring of the vendor, in front of the unit.
fn ring(
    instance: InstanceArg,
    profile: &TimingProfile,
    unit: &ModelUnit,
    counters: &Arc<Counters>,
) -> Result<Box<dyn HardwareQueue>, ReplayError> {
    let (profile, counters) = (profile.clone(), Arc::clone(counters));
    let unit: Arc<dyn Unit> = match unit {
        ModelUnit::Vtd(unit) => Arc::clone(unit) as _,
        ModelUnit::SmmuV3(unit) => Arc::clone(unit) as _,
        ModelUnit::AmdVi(unit) => Arc::clone(unit) as _,
    };
    let ring: std::io::Result<Box<dyn HardwareQueue>> = match instance.vendor() {
        Ok(Vendor::SmmuV3) => {
            SmmuV3Ring::spawn(instance, profile, unit, counters).map(|ring| Box::new(ring) as _)
        }
        Ok(Vendor::AmdVi) => {
            AmdRing::spawn(instance, profile, unit, counters).map(|ring| Box::new(ring) as _)
        }
        Ok(Vendor::Vtd) | Err(_) => {
            VtdRing::spawn(instance, profile, unit, counters).map(|ring| Box::new(ring) as _)
        }
    };
    ring.map_err(ReplayError::Spawn)
}
