mod command;

use std::collections::BTreeMap;

use super::shared::{Config, Entries, State, config_line};
use super::tlb::{Fault, Space, StageOne, StageTwo, Tlb};
use super::{CacheLine, FaultReason, Tag, unit};
use crate::model::config::{Ste, SteStage1};
use crate::model::tables::Format;
use crate::spec::smmuv3::cd;
use crate::{Command, DeviceId, HardwareError, Pasid};

unit! {
    /// An SMMUv3 unit: stage 1 over stage 2, ATS, one security state.
    ///
    /// A CD must have the form that the model's tables have: AA64, T0SZ 16, a 4 KiB
    /// granule, TTB0 enabled; any other is a configuration fault.
    SmmuV3Unit, SmmuV3Config
}

impl SmmuV3Unit {
    /// Writes the STE of a device; none is one that is not valid. What is cached
    /// stays.
    pub fn set_ste(&self, device: DeviceId, entry: Option<Ste>) {
        self.shared.lock().config.stes.set(device, entry);
    }
}

/// What the unit needs of a CD.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Cd {
    asid: u16,
    /// Guest-physical.
    ttb0: u64,
}

/// The stream table, and the caches of STEs and CDs (SMMUv3 16.2.1).
#[derive(Debug, Default)]
struct SmmuV3Config {
    stes: Entries<DeviceId, Ste>,
    cds: BTreeMap<(DeviceId, Pasid), Cd>,
}

impl SmmuV3Config {
    fn cd(
        &mut self,
        tlb: &mut Tlb,
        two: &StageTwo,
        key: (DeviceId, Pasid),
        cd_table: u64,
    ) -> Result<Cd, Fault> {
        if let Some(cd) = self.cds.get(&key) {
            return Ok(*cd);
        }
        let address = cd_table.wrapping_add(u64::from(key.1.0) * cd::BYTES);
        let first = tlb.load(two, address)?;
        if first & cd::V == 0 {
            return Err(Fault::configuration(FaultReason::NotPresent));
        }
        let form = cd::T0SZ | cd::TG0 | cd::EPD0 | cd::AA64;
        if first & form != cd::T0SZ_48_BITS | cd::TG0_4K | cd::AA64 {
            return Err(Fault::configuration(FaultReason::Malformed));
        }
        let cd = Cd {
            asid: (first >> cd::ASID_SHIFT) as u16,
            ttb0: tlb.load(two, address.wrapping_add(8))? & cd::TTB0,
        };
        self.cds.insert(key, cd);
        Ok(cd)
    }
}

impl Config for SmmuV3Config {
    fn find(&mut self, tlb: &mut Tlb, device: DeviceId, pasid: Pasid) -> Result<Space, Fault> {
        let ste = self.stes.read(device)?;
        let two = StageTwo {
            tag: Tag::Stage2(ste.vmid),
            format: Format::LpaeStage2,
            root: ste.stage2.root,
        };
        let one = match ste.stage1 {
            SteStage1::Abort => return Err(Fault::configuration(FaultReason::Abort)),
            // A SubstreamID without stage 1 is C_BAD_SUBSTREAMID (SMMUv3 7.3.4).
            SteStage1::Bypass if pasid != Pasid::RID => {
                return Err(Fault::configuration(FaultReason::NotPresent));
            }
            SteStage1::Bypass => None,
            SteStage1::Translate {
                cd_table,
                cd_max_log2,
            } => {
                if pasid.0.checked_shr(cd_max_log2.into()).unwrap_or(0) != 0 {
                    return Err(Fault::configuration(FaultReason::NotPresent));
                }
                let cd = self.cd(tlb, &two, (device, pasid), cd_table.0)?;
                Some(StageOne {
                    tag: Tag::Asid(ste.vmid, cd.asid),
                    global: Some(Tag::Global(ste.vmid)),
                    format: Format::LpaeStage1,
                    root: cd.ttb0,
                    whole_pages: true,
                })
            }
        };
        Ok(Space { two, one })
    }

    fn forget(&mut self) {
        self.stes.cached.clear();
        self.cds.clear();
    }

    fn lines(&self) -> Vec<CacheLine> {
        let stes = self.stes.cached.iter().map(|(&device, ste)| {
            let stage1 = match ste.stage1 {
                SteStage1::Abort => 0,
                SteStage1::Bypass => 1,
                // CD tables are aligned to 64 bytes (SMMUv3 5.2).
                SteStage1::Translate {
                    cd_table,
                    cd_max_log2,
                } => cd_table.0 | (u64::from(cd_max_log2) + 2),
            };
            config_line(device, None, [ste.vmid.into(), stage1, ste.stage2.root.0])
        });
        let cds = self.cds.iter().map(|(&(device, pasid), cd)| {
            config_line(device, Some(pasid), [cd.asid.into(), cd.ttb0, 0])
        });
        stes.chain(cds).collect()
    }

    fn execute(state: &mut State<Self>, command: Command) -> Result<(), HardwareError> {
        command::execute(state, command)
    }
}

#[cfg(test)]
mod tests;
