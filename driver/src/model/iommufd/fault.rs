//! What a unit does with an access that it does not let through: an event, and who hears
//! of it.

use super::super::config::{Iova, Pa, SteStage1};
use super::super::unit::{FaultReason, Stage, TranslationFault};
use super::Iommufd;
use super::attach::{Attached, Attachment};
use super::error::{Call, UapiError};
use super::stage1::Stage1;
use super::types::VeventqType;
use crate::spec::smmuv3::{SID_SHIFT, SSID_SHIFT, SSV, event};
use crate::{HardwareQueue, ObjectId, Pasid};

impl<Q: HardwareQueue> Iommufd<Q> {
    /// An access of a device, without PASID for [`Pasid::RID`], and where it goes. Where an
    /// SMMUv3 faults in what is the guest's, the CD or stage 1, the event is reported to
    /// the guest's vEVENTQ (`arm_smmu_handle_event`, `struct iommu_vevent_arm_smmuv3`); with
    /// nobody to hear it, nothing happens. Linux 7.3 has no vEVENTQs for VT-d and AMD-Vi.
    ///
    /// # Errors
    /// `ENOENT`: no such device. Inside: the access is not let through.
    pub fn translate(
        &self,
        dev_id: ObjectId,
        pasid: Pasid,
        iova: Iova,
        write: bool,
    ) -> Result<Result<Pa, TranslationFault>, UapiError> {
        let device = self.objects.device(Call::ACCESS, dev_id)?;
        let unit = &device.instance.unit;
        let translated = unit.translate(device.host_id, pasid, iova, write);
        if let Err(fault) = translated {
            let state = device.lock();
            let attachment = state.attached.get(&Pasid::RID);
            let record = attachment.and_then(|attachment| record(attachment, fault, write));
            drop(state);
            if let Some(record) = record {
                // An event that no guest listens to ends in the host's log.
                self.report_event(dev_id, VeventqType::ARM_SMMUV3, record)
                    .ok();
            }
        }
        Ok(translated)
    }
}

/// The event record of an SMMUv3; none where it makes none, or one that is not the guest's.
fn record<Q>(attachment: &Attachment<Q>, fault: TranslationFault, write: bool) -> Option<[u64; 4]> {
    let Attached::Nested(nested) = &attachment.hwpt else {
        return None;
    };
    let Stage1::SmmuV3 { config, .. } = nested.stage1 else {
        return None;
    };
    let id = event_id(config, fault)?;
    let pasid = match fault.pasid {
        Pasid::RID => 0,
        Pasid(pasid) => SSV | u64::from(pasid) << SSID_SHIFT,
    };
    let first = id | pasid | u64::from(fault.device.0) << SID_SHIFT;
    if fault.stage == Stage::Configuration {
        return Some([first, 0, 0, 0]);
    }
    if attachment.ats {
        // The answer to a translation request says that there is no access, and no event
        // is recorded (SMMUv3 3.9.1).
        return None;
    }
    let read = if write { 0 } else { event::RNW };
    Some([first, event::CLASS_IN | read, fault.iova.0, 0])
}

/// SMMUv3 7.3. A table or CD that is where no memory is (F_WALK_EABT, F_CD_FETCH) is not
/// among what `arm_smmu_handle_event` forwards, and an STE that aborts makes no event
/// (5.2, Config).
fn event_id(config: SteStage1, fault: TranslationFault) -> Option<u64> {
    match (fault.stage, fault.reason) {
        (Stage::Two, _) | (_, FaultReason::NoMemory | FaultReason::Abort) => None,
        (Stage::One, FaultReason::Permission) => Some(event::F_PERMISSION),
        // F_ADDR_SIZE is about output addresses only.
        (Stage::One, _) => Some(event::F_TRANSLATION),
        (Stage::Configuration, _) => match config {
            SteStage1::Abort => None,
            SteStage1::Translate { cd_max_log2, .. }
                if fault.pasid.0.checked_shr(cd_max_log2.into()).unwrap_or(0) == 0 =>
            {
                Some(event::C_BAD_CD)
            }
            SteStage1::Bypass | SteStage1::Translate { .. } => Some(event::C_BAD_SUBSTREAMID),
        },
    }
}
