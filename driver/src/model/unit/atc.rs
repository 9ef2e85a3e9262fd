use std::collections::BTreeMap;

use super::cache::{Cache, Shape, Span};
use super::tlb::Translation;
use crate::{DeviceId, HardwareError, Pasid};

/// The ATCs of the devices that have one (PCIe 10.1).
#[derive(Debug, Default)]
pub(super) struct Atcs {
    /// Devices with an ATC, and whether they answer invalidations.
    devices: BTreeMap<DeviceId, bool>,
    pub(super) lines: Cache<(DeviceId, Pasid), Translation>,
}

impl Atcs {
    pub(super) fn set(&mut self, device: DeviceId, enabled: bool) {
        if enabled {
            self.devices.insert(device, true);
        } else {
            self.devices.remove(&device);
        }
        self.remove(device, None, Span::ALL);
    }

    pub(super) fn fail(&mut self, device: DeviceId) {
        if let Some(answers) = self.devices.get_mut(&device) {
            *answers = false;
        }
    }

    pub(super) fn has(&self, device: DeviceId) -> bool {
        self.devices.contains_key(&device)
    }

    /// Keeps what a translation completion said. One that allows nothing is not
    /// kept (PCIe 10.2.3.5).
    pub(super) fn insert(&mut self, device: DeviceId, pasid: Pasid, addr: u64, found: Translation) {
        if found.leaf.read || found.leaf.write {
            let shape = Shape::square(found.leaf.size_log2);
            self.lines.insert((device, pasid), shape, addr, found);
        }
    }

    /// Sends the device an invalidation of a PASID, or of all of them. A device
    /// without ATC has nothing to invalidate.
    pub(super) fn invalidate(
        &mut self,
        device: DeviceId,
        pasid: Option<Pasid>,
        span: Span,
    ) -> Result<(), HardwareError> {
        match self.devices.get(&device) {
            Some(false) => Err(HardwareError::AtcTimeout(device)),
            Some(true) => {
                self.remove(device, pasid, span);
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn remove(&mut self, device: DeviceId, pasid: Option<Pasid>, span: Span) {
        let (first, last) = pasid.map_or((Pasid(0), Pasid::MAX), |pasid| (pasid, pasid));
        self.lines
            .remove((device, first)..=(device, last), span, |_| true);
    }
}
