mod command;

use std::collections::BTreeMap;

use super::shared::{Config, Entries, State, config_line};
use super::tlb::{Fault, Space, StageOne, StageTwo, Tlb};
use super::{CacheLine, FaultReason, Tag, unit};
use crate::model::config::Dte;
use crate::model::tables::Format;
use crate::spec::amdvi::gcr3;
use crate::{Command, DeviceId, HardwareError, Pasid};

unit! {
    /// An AMD-Vi unit: v2 guest tables over v1 host tables, ATS. Requests without
    /// PASID go through guest PASID 0 where there is a GCR3 table (`DTE.GIOV` 1).
    AmdViUnit, AmdViConfig
}

impl AmdViUnit {
    /// Writes the DTE of a device; none is one that is not valid. What is cached
    /// stays.
    pub fn set_dte(&self, device: DeviceId, entry: Option<Dte>) {
        self.shared.lock().config.dtes.set(device, entry);
    }
}

/// What the unit keeps of a GCR3 table's entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Gcr3 {
    domain: u16,
    /// Guest-physical.
    root: u64,
}

/// The device table, and the caches of DTEs and of entries of GCR3 tables.
#[derive(Debug, Default)]
struct AmdViConfig {
    dtes: Entries<DeviceId, Dte>,
    gcr3s: BTreeMap<(DeviceId, Pasid), Gcr3>,
}

impl AmdViConfig {
    fn gcr3(
        &mut self,
        tlb: &mut Tlb,
        two: &StageTwo,
        key: (DeviceId, Pasid),
        (domain, table): (u16, u64),
    ) -> Result<Gcr3, Fault> {
        if let Some(gcr3) = self.gcr3s.get(&key) {
            return Ok(*gcr3);
        }
        if key.1.0 >= gcr3::PASIDS {
            return Err(Fault::configuration(FaultReason::NotPresent));
        }
        let entry = tlb.load(two, table.wrapping_add(u64::from(key.1.0) * gcr3::BYTES))?;
        if entry & gcr3::V == 0 {
            return Err(Fault::configuration(FaultReason::NotPresent));
        }
        let gcr3 = Gcr3 {
            domain,
            root: entry & gcr3::ROOT,
        };
        self.gcr3s.insert(key, gcr3);
        Ok(gcr3)
    }
}

impl Config for AmdViConfig {
    fn find(&mut self, tlb: &mut Tlb, device: DeviceId, pasid: Pasid) -> Result<Space, Fault> {
        let dte = self.dtes.read(device)?;
        let domain = dte.domain.0;
        let two = StageTwo {
            tag: Tag::Stage2(domain),
            format: Format::AmdV1,
            root: dte.stage2.root,
        };
        let one = match dte.gcr3_table {
            None if pasid != Pasid::RID => {
                return Err(Fault::configuration(FaultReason::NotPresent));
            }
            None => None,
            Some(table) => {
                let gcr3 = self.gcr3(tlb, &two, (device, pasid), (domain, table.0))?;
                Some(StageOne {
                    tag: Tag::Pasid(domain, pasid),
                    global: None,
                    format: Format::X86,
                    root: gcr3.root,
                    whole_pages: false,
                })
            }
        };
        Ok(Space { two, one })
    }

    fn forget(&mut self) {
        self.dtes.cached.clear();
        self.gcr3s.clear();
    }

    fn lines(&self) -> Vec<CacheLine> {
        let dtes = self.dtes.cached.iter().map(|(&device, dte)| {
            let table = dte.gcr3_table.map_or(u64::MAX, |table| table.0);
            let words = [dte.domain.0.into(), table, dte.stage2.root.0];
            config_line(device, None, words)
        });
        let gcr3s = self.gcr3s.iter().map(|(&(device, pasid), gcr3)| {
            config_line(device, Some(pasid), [gcr3.domain.into(), gcr3.root, 0])
        });
        dtes.chain(gcr3s).collect()
    }

    fn execute(state: &mut State<Self>, command: Command) -> Result<(), HardwareError> {
        command::execute(state, command)
    }
}

#[cfg(test)]
mod tests;
