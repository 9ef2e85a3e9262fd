//! Guests whose requests a real kernel executes.

use std::sync::Arc;

use hwptop_abi::{InstanceArg, Vendor};

use super::error::ReplayError;
use super::guest::Guest;
use super::iommu::Targets;
use super::shared::SharedGuest;
use super::stream::Stream;
use crate::iommufd::{Context, Error, Selftest, SelftestBackend, VfioBackend, VfioDevice};
use crate::{Backend, Counters, DeviceId};

/// The most devices of the mock that a stream gets: each is a device of the kernel's,
/// with a page table.
const MOCK_DEVICES_MAX: usize = 256;

/// A guest on the selftest's mock, with this `number`: for what the stream's commands
/// address there are nested HWPTs, a vIOMMU and vDEVICEs of the mock. No hardware is
/// behind it: its instance says modelled.
///
/// # Errors
/// [`ReplayError::Iommufd`] where the kernel has no selftest or refuses;
/// [`ReplayError::TooManyDevices`] above 256 of them.
pub fn selftest_guest(
    context: &Context,
    stream: &Stream,
    number: u16,
) -> Result<Guest<SelftestBackend>, ReplayError> {
    decorated_selftest_guest(context, stream, number, |backend| backend)
}

/// [`selftest_guest`], with something of the caller's around the backend.
///
/// # Errors
/// As [`selftest_guest`].
pub fn decorated_selftest_guest<B: Backend>(
    context: &Context,
    stream: &Stream,
    number: u16,
    around_backend: impl FnOnce(SelftestBackend) -> B,
) -> Result<Guest<B>, ReplayError> {
    let (backend, targets) = mock(context, stream)?;
    let instance = InstanceArg::new(number, stream.vendor(), true);
    guest(stream, instance, around_backend(backend), &targets)
}

/// As [`decorated_selftest_guest`], for a guest whose vCPUs share the queue.
///
/// # Errors
/// As [`selftest_guest`].
pub fn shared_selftest_guest<B: Backend>(
    context: &Context,
    stream: &Stream,
    number: u16,
    around_backend: impl FnOnce(SelftestBackend) -> B,
) -> Result<SharedGuest<B>, ReplayError> {
    let (backend, targets) = mock(context, stream)?;
    let instance = InstanceArg::new(number, stream.vendor(), true);
    shared(stream, instance, around_backend(backend), &targets)
}

/// A guest on a real IOMMU that offers nesting, with this `number`: what the stream's
/// commands address are objects of it. The stream must be of the IOMMU's vendor and
/// name one device at most, which is the one that is called so in the guest.
///
/// # Errors
/// [`ReplayError::Iommufd`] where the kernel refuses, [`ReplayError::TooManyDevices`]
/// where the stream names several devices, [`ReplayError::NoNesting`] for AMD-Vi.
pub fn vfio_guest(
    device: &VfioDevice,
    stream: &Stream,
    number: u16,
) -> Result<Guest<VfioBackend>, ReplayError> {
    decorated_vfio_guest(device, stream, number, |backend| backend)
}

/// [`vfio_guest`], with something of the caller's around the backend.
///
/// # Errors
/// As [`vfio_guest`].
pub fn decorated_vfio_guest<B: Backend>(
    device: &VfioDevice,
    stream: &Stream,
    number: u16,
    around_backend: impl FnOnce(VfioBackend) -> B,
) -> Result<Guest<B>, ReplayError> {
    let (backend, targets) = nested(device, stream)?;
    let instance = InstanceArg::new(number, stream.vendor(), false);
    guest(stream, instance, around_backend(backend), &targets)
}

/// As [`decorated_vfio_guest`], for a guest whose vCPUs share the queue.
///
/// # Errors
/// As [`vfio_guest`].
pub fn shared_vfio_guest<B: Backend>(
    device: &VfioDevice,
    stream: &Stream,
    number: u16,
    around_backend: impl FnOnce(VfioBackend) -> B,
) -> Result<SharedGuest<B>, ReplayError> {
    let (backend, targets) = nested(device, stream)?;
    let instance = InstanceArg::new(number, stream.vendor(), false);
    shared(stream, instance, around_backend(backend), &targets)
}

fn guest<B: Backend>(
    stream: &Stream,
    instance: InstanceArg,
    backend: B,
    targets: &Targets,
) -> Result<Guest<B>, ReplayError> {
    let counters = Arc::new(Counters::new(stream.vendor()));
    let mut guest = Guest::new(stream.clone(), instance, backend, counters)?;
    guest.iommu_mut().attach(targets);
    Ok(guest)
}

fn shared<B: Backend>(
    stream: &Stream,
    instance: InstanceArg,
    backend: B,
    targets: &Targets,
) -> Result<SharedGuest<B>, ReplayError> {
    let counters = Arc::new(Counters::new(stream.vendor()));
    let mut guest = SharedGuest::new(stream.clone(), instance, backend, counters)?;
    guest.iommu_mut().attach(targets);
    Ok(guest)
}

/// The objects of the IOMMU behind `device` that a stream needs.
fn nested(device: &VfioDevice, stream: &Stream) -> Result<(VfioBackend, Targets), ReplayError> {
    at_most(1, stream)?;
    let backend = match stream.vendor() {
        Vendor::SmmuV3 => device.vsmmu(names(stream)[0]),
        Vendor::Vtd => device.vtd_s1(stream.targets().len()),
        Vendor::AmdVi => return Err(ReplayError::NoNesting),
    };
    let backend = backend.map_err(ReplayError::Iommufd)?;
    let pairs = stream.targets().iter().zip(backend.hwpts());
    let targets = Targets {
        viommu: backend.viommu(),
        hwpts: pairs
            .map(|(&(did, pasid), &hwpt)| (did, pasid, hwpt))
            .collect(),
    };
    Ok((backend, targets))
}

/// Refuses a stream with more devices.
fn at_most(max: usize, stream: &Stream) -> Result<(), ReplayError> {
    let found = stream.devices().len();
    if found > max {
        return Err(ReplayError::TooManyDevices { found, max });
    }
    Ok(())
}

/// What the guest calls its devices: it has one at least.
fn names(stream: &Stream) -> &[DeviceId] {
    match stream.devices() {
        [] => &[DeviceId(0)],
        devices => devices,
    }
}

fn mock(context: &Context, stream: &Stream) -> Result<(SelftestBackend, Targets), ReplayError> {
    at_most(MOCK_DEVICES_MAX, stream)?;
    objects(context, stream).map_err(ReplayError::Iommufd)
}

fn objects(context: &Context, stream: &Stream) -> Result<(SelftestBackend, Targets), Error> {
    let selftest = Selftest::new(context)?;
    let mut targets = Targets::default();
    let mut objects = Vec::new();
    if matches!(stream.vendor(), Vendor::Vtd | Vendor::AmdVi) {
        for &(did, pasid) in stream.targets() {
            let hwpt = selftest.nested()?;
            targets.hwpts.push((did, pasid, hwpt.id()));
            objects.push(hwpt);
        }
    }
    let mut known = None;
    if matches!(stream.vendor(), Vendor::SmmuV3 | Vendor::AmdVi) {
        let viommu = selftest.viommu()?;
        let names = names(stream);
        for (at, &DeviceId(name)) in names.iter().enumerate() {
            let device = match at {
                0 => selftest.device().clone(),
                _ => selftest.new_device()?,
            };
            objects.push(device.device().vdevice(&viommu, u64::from(name))?);
        }
        targets.viommu = Some(viommu.id());
        known = Some((viommu.id(), names[0].0));
        objects.push(viommu);
    }
    Ok((SelftestBackend::new(context, known, objects), targets))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Capture;
    use crate::smmuv3::command;

    #[test]
    fn a_stream_with_more_devices_than_there_may_be_is_told_of_devices_only() {
        let commands = [1, 2].map(|sid| command::cfgi_cd_all(DeviceId(sid)).words());
        let stream = Stream::from_capture(&Capture::of(Vendor::SmmuV3, commands)).unwrap();
        assert!(at_most(2, &stream).is_ok());
        let error = at_most(1, &stream).unwrap_err().to_string();
        assert!(error.contains("names 2 devices"), "{error}");
        assert!(!error.contains("pairs"), "{error}");
    }
}
