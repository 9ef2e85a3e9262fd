//! How an instance learns of an attachment: what is written for the unit, and the
//! commands that make it read that.

use super::super::config::{Dte, Gpa, PasidEntry, Ste, SteStage1};
use super::attach::{Attached, Attachment};
use super::command::{Block, vtd};
use super::instance::Device;
use super::stage1::Stage1;
use super::types::ModelUnit;
use crate::amdvi::command as amdvi;
use crate::smmuv3::command as smmuv3;
use crate::vtd::command::{iotlb_domain, pasid_cache};
use crate::{Command, DomainId, HardwareQueue, ObjectId, Pasid, SubmitError};

/// Goes from one attachment to another, or to or from none. The old one is not used
/// any more when it returns.
pub(super) fn switch<Q: HardwareQueue>(
    device: &Device<Q>,
    pasid: Pasid,
    old: Option<&Attachment<Q>>,
    new: Option<&Attachment<Q>>,
) -> Result<(), SubmitError> {
    match &device.instance.unit {
        ModelUnit::Vtd(_) => {
            let torn_down = old.map_or(Ok(()), |old| tear_down_vtd(device, pasid, old));
            set(device, pasid, new);
            torn_down
        }
        ModelUnit::SmmuV3(_) => switch_smmuv3(device, pasid, old, new),
        ModelUnit::AmdVi(_) => {
            let torn_down = old.map_or(Ok(()), |old| tear_down_amdvi(device, pasid, old));
            torn_down.and(new.map_or(Ok(()), |new| {
                set(device, pasid, Some(new));
                submit(device, new.hwpt.hwpt(), &devtab(device))
            }))
        }
    }
}

/// Writes that the device has nothing, for a unit that does not listen.
pub(super) fn block<Q>(device: &Device<Q>, pasid: Pasid) {
    set(device, pasid, None);
}

fn submit<Q: HardwareQueue>(
    device: &Device<Q>,
    hwpt: ObjectId,
    commands: &[Command],
) -> Result<(), SubmitError> {
    device.instance.submit(hwpt, commands)
}

/// `intel_pasid_tear_down_entry`: PASID cache, IOTLB, device TLB, each with a sync of its
/// own. What follows it, the setup of an entry that is not present, needs no
/// invalidation (`pasid_flush_caches` without caching mode).
fn tear_down_vtd<Q: HardwareQueue>(
    device: &Device<Q>,
    pasid: Pasid,
    old: &Attachment<Q>,
) -> Result<(), SubmitError> {
    let (hwpt, did) = (old.hwpt.hwpt(), DomainId(old.id));
    set(device, pasid, None);
    submit(device, hwpt, &[pasid_cache(did, pasid)])?;
    submit(device, hwpt, &[iotlb_domain(did)])?;
    if device.caps.ats {
        let command = vtd::device_tlb(device.host_id, pasid, Block::WHOLE);
        submit(device, hwpt, &[command])?;
    }
    Ok(())
}

/// `arm_smmu_install_ste_for_dev` and `arm_smmu_attach_commit`: the STE, the ATC, and the
/// old VMID if nothing uses it any more on this instance.
fn switch_smmuv3<Q: HardwareQueue>(
    device: &Device<Q>,
    pasid: Pasid,
    old: Option<&Attachment<Q>>,
    new: Option<&Attachment<Q>>,
) -> Result<(), SubmitError> {
    let Some(hwpt) = new.or(old).map(|attachment| attachment.hwpt.hwpt()) else {
        return Ok(());
    };
    set(device, pasid, new);
    submit(device, hwpt, &[smmuv3::cfgi_ste(device.host_id, true)])?;
    let before = old.is_some_and(|old| old.ats);
    let after = new.is_some_and(|new| new.ats);
    if before {
        let Block { addr, order } = Block::WHOLE;
        let command = smmuv3::atc_inv(device.host_id, None, addr, order);
        submit(device, hwpt, &[command])?;
    }
    if before != after {
        set_ats(device, after);
    }
    let Some(old) = old.filter(|old| new.is_none_or(|new| new.id != old.id)) else {
        return Ok(());
    };
    // This attachment is still one of those that have the VMID.
    if last_behind(device, old) {
        submit(device, hwpt, &[smmuv3::tlbi_s12_vmall(old.id)])?;
    }
    Ok(())
}

/// Whether nothing else behind the instance has the tables of this attachment.
fn last_behind<Q>(device: &Device<Q>, old: &Attachment<Q>) -> bool {
    let tags = match &old.hwpt {
        Attached::Paging(paging) => paging.domain.tags.read(),
        Attached::Nested(nested) => nested.parent.tags.read(),
    };
    let instance = device.instance.arg;
    tags.iter()
        .filter(|tag| tag.instance.arg == instance)
        .count()
        <= 1
}

/// `detach_device`: the DTE, then everything of its domain. Linux 7.3 leaves the latter
/// out for nested domains; here their host domain id is as clean as the others when it
/// is given to somebody else.
fn tear_down_amdvi<Q: HardwareQueue>(
    device: &Device<Q>,
    pasid: Pasid,
    old: &Attachment<Q>,
) -> Result<(), SubmitError> {
    let hwpt = old.hwpt.hwpt();
    set(device, pasid, None);
    submit(device, hwpt, &devtab(device))?;
    let domain = amdvi::iommu_pages_all(DomainId(old.id));
    submit(device, hwpt, &with_atc(device, domain))
}

/// `device_flush_dte`.
fn devtab<Q>(device: &Device<Q>) -> Vec<Command> {
    with_atc(device, amdvi::devtab_entry(device.host_id))
}

/// The command, and behind it that for the device's whole ATC if it has one.
fn with_atc<Q>(device: &Device<Q>, command: Command) -> Vec<Command> {
    let mut commands = vec![command];
    if device.caps.ats {
        let Block { addr, order } = Block::WHOLE;
        let atc = amdvi::iotlb_pages(device.host_id, 0, None, addr, order.into());
        commands.push(atc);
    }
    commands
}

/// Whether the device keeps translations. On VT-d and AMD-Vi it does from when it is
/// bound, on SMMUv3 as long as its STE says so.
pub(super) fn set_ats<Q>(device: &Device<Q>, enabled: bool) {
    match &device.instance.unit {
        ModelUnit::Vtd(unit) => unit.set_ats(device.host_id, enabled),
        ModelUnit::SmmuV3(unit) => unit.set_ats(device.host_id, enabled),
        ModelUnit::AmdVi(unit) => unit.set_ats(device.host_id, enabled),
    }
}

fn set<Q>(device: &Device<Q>, pasid: Pasid, new: Option<&Attachment<Q>>) {
    let entry = new.map(|new| match &new.hwpt {
        Attached::Paging(paging) => (new.id, paging.domain.stage2(), None),
        Attached::Nested(nested) => (new.id, nested.parent.stage2(), Some(nested.stage1)),
    });
    match &device.instance.unit {
        ModelUnit::Vtd(unit) => {
            let entry = entry.map(|(id, stage2, stage1)| PasidEntry {
                did: DomainId(id),
                stage1: match stage1 {
                    Some(Stage1::Vtd(data)) => Some(Gpa(data.pgtbl_addr)),
                    _ => None,
                },
                stage2,
            });
            unit.set_pasid_entry(device.host_id, pasid, entry);
        }
        ModelUnit::SmmuV3(unit) => {
            let entry = entry.map(|(vmid, stage2, stage1)| Ste {
                vmid,
                stage1: match stage1 {
                    Some(Stage1::SmmuV3 { config, .. }) => config,
                    _ => SteStage1::Bypass,
                },
                stage2,
            });
            unit.set_ste(device.host_id, entry);
        }
        ModelUnit::AmdVi(unit) => {
            let entry = entry.map(|(id, stage2, stage1)| Dte {
                domain: DomainId(id),
                gcr3_table: match stage1 {
                    Some(Stage1::AmdVi(guest)) => guest.gcr3_table,
                    _ => None,
                },
                stage2,
            });
            unit.set_dte(device.host_id, entry);
        }
    }
}
