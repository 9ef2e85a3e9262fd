mod command;

use super::shared::{Config, Entries, State, config_line};
use super::tlb::{Fault, Space, StageOne, StageTwo, Tlb};
use super::{CacheLine, Tag, unit};
use crate::model::config::PasidEntry;
use crate::model::tables::Format;
use crate::{Command, DeviceId, HardwareError, Pasid};

unit! {
    /// A VT-d unit in scalable mode (VT-d 3.4.3), with 4-level tables, ATS, and
    /// caching mode 0: what is not present is not cached.
    ///
    /// Context entries are not modelled: they never change, and commands for their
    /// cache have no effect.
    VtdUnit, VtdConfig
}

impl VtdUnit {
    /// Writes the PASID entry of a device; none is one that is not present. What is
    /// cached stays.
    pub fn set_pasid_entry(&self, device: DeviceId, pasid: Pasid, entry: Option<PasidEntry>) {
        let config = &mut self.shared.lock().config;
        config.entries.set((device, pasid), entry);
    }
}

/// PASID entries and the PASID-cache (VT-d 6.2.3).
#[derive(Debug, Default)]
struct VtdConfig {
    entries: Entries<(DeviceId, Pasid), PasidEntry>,
}

impl Config for VtdConfig {
    fn find(&mut self, _: &mut Tlb, device: DeviceId, pasid: Pasid) -> Result<Space, Fault> {
        let entry = self.entries.read((device, pasid))?;
        let did = entry.did.0;
        Ok(Space {
            two: StageTwo {
                tag: Tag::Stage2(did),
                format: Format::VtdSecondStage,
                root: entry.stage2.root,
            },
            one: entry.stage1.map(|root| StageOne {
                tag: Tag::Pasid(did, pasid),
                global: None,
                format: Format::X86,
                root: root.0,
                whole_pages: false,
            }),
        })
    }

    fn forget(&mut self) {
        self.entries.cached.clear();
    }

    fn lines(&self) -> Vec<CacheLine> {
        let cached = self.entries.cached.iter();
        let lines = cached.map(|(&(device, pasid), entry)| {
            let stage1 = entry.stage1.map_or(u64::MAX, |root| root.0);
            let words = [entry.did.0.into(), stage1, entry.stage2.root.0];
            config_line(device, Some(pasid), words)
        });
        lines.collect()
    }

    fn execute(state: &mut State<Self>, command: Command) -> Result<(), HardwareError> {
        command::execute(state, command)
    }
}

#[cfg(test)]
mod tests;
