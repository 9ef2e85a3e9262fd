use super::super::command::SMMUV3_BATCH;
use super::super::viommu::Viommu;
use super::send;
use crate::spec::smmuv3::{ADDRESS, LEAF, OPCODE, SID, SID_SHIFT, SSID, SSV, atc_inv, cfgi, tlbi};
use crate::{ArmSmmuV3Invalidate, Command, HardwareQueue, InvalidateError, ObjectId, errno};

/// `arm_vsmmu_cache_invalidate`.
pub(super) fn invalidate<Q: HardwareQueue>(
    viommu: &Viommu<Q>,
    target: ObjectId,
    entries: &[ArmSmmuV3Invalidate],
) -> Result<(), InvalidateError> {
    let convert = |entry: &ArmSmmuV3Invalidate| convert(viommu, entry.cmd).ok_or(errno::EIO);
    let guest = |device| viommu.devices.guest(device);
    send::<SMMUV3_BATCH, _, _>(&viommu.instance, target, entries, convert, guest)
}

/// What a queue that is assigned to the guest ([`super::super::HwQueueHandle`]) executes
/// for a command of the guest's: that with the vIOMMU's VMID and the host's StreamID.
/// None for one that the guest must not send there.
pub(in super::super) fn assigned<Q>(viommu: &Viommu<Q>, words: [u64; 2]) -> Option<Command> {
    is_assignable(words)
        .then(|| convert(viommu, words))
        .flatten()
}

/// Whether a queue that is assigned to a guest takes the command, syncs apart, if the
/// device that it names is the guest's. Configuration stays with the VMM. (Of these a
/// guest's Linux puts TLBI_NH_ALL and TLBI_NH_VAA into its other queue:
/// `tegra241_guest_vcmdq_supports_cmd`.)
pub(crate) fn is_assignable([lo, hi]: [u64; 2]) -> bool {
    let by_guest = matches!(
        lo & OPCODE,
        tlbi::NH_ALL | tlbi::NH_ASID | tlbi::NH_VA | tlbi::NH_VAA | atc_inv::OP
    );
    by_guest && is_legal(lo, hi)
}

/// `arm_vsmmu_convert_user_cmd`: none for a command that a guest may not send.
fn convert<Q>(viommu: &Viommu<Q>, [lo, hi]: [u64; 2]) -> Option<Command> {
    if !is_legal(lo, hi) {
        return None;
    }
    let vmid = u64::from(viommu.vmid) << tlbi::VMID_SHIFT;
    let words = match lo & OPCODE {
        // The guest's own "everything" is everything of its VMID.
        tlbi::NSNH_ALL => [tlbi::NH_ALL | vmid, 0],
        atc_inv::OP | cfgi::CD | cfgi::CD_ALL => {
            let device = viommu.devices.host((lo & SID) >> SID_SHIFT)?;
            [lo & !SID | u64::from(device.0) << SID_SHIFT, hi]
        }
        _ => [lo & !tlbi::VMID | vmid, hi],
    };
    Some(Command::from_words(words))
}

fn is_legal(lo: u64, hi: u64) -> bool {
    allowed(lo, hi).is_some_and(|(allowed_lo, allowed_hi)| {
        lo & !(allowed_lo | OPCODE) == 0 && hi & !allowed_hi == 0
    })
}

/// `arm_vsmmu_validate_user_cmd`: the bits beside the opcode that a guest may set. The
/// modelled units have ranges, ATS, 16-bit ASIDs and SubstreamIDs, but not
/// `SMMU_IDR5.DS`.
///
/// Everything else is refused here, before it could stop the queue that all guests
/// share with a CERROR_ILL.
fn allowed(lo: u64, hi: u64) -> Option<(u64, u64)> {
    const RANGE_LO: u64 = tlbi::NUM | tlbi::SCALE | tlbi::VMID;
    const RANGE_HI: u64 = LEAF | tlbi::TTL | tlbi::TG | ADDRESS;
    match lo & OPCODE {
        tlbi::NSNH_ALL => Some((0, 0)),
        tlbi::NH_ALL => Some((tlbi::VMID, 0)),
        tlbi::NH_ASID => Some((tlbi::VMID | tlbi::ASID16, 0)),
        tlbi::NH_VA => range_is_valid(lo, hi).then_some((RANGE_LO | tlbi::ASID16, RANGE_HI)),
        tlbi::NH_VAA => range_is_valid(lo, hi).then_some((RANGE_LO, RANGE_HI)),
        atc_inv::OP => (hi & atc_inv::SIZE <= atc_inv::SIZE_ALL)
            .then_some((SSV | SSID | atc_inv::GLOBAL | SID, atc_inv::SIZE | ADDRESS)),
        cfgi::CD => Some((SSID | SID, LEAF)),
        cfgi::CD_ALL => Some((SID, 0)),
        _ => None,
    }
}

/// `arm_vsmmu_validate_range`: no value of NUM, SCALE, TTL and TG that is reserved.
const fn range_is_valid(lo: u64, hi: u64) -> bool {
    let range = lo & (tlbi::NUM | tlbi::SCALE_DS) != 0;
    let (ttl, tg) = (hi & tlbi::TTL, hi & tlbi::TG);
    if tg == tlbi::TG_NO_RANGE {
        return !range && ttl == tlbi::TTL_ANY;
    }
    // A level 1 block of 16 KiB granules needs DS.
    !(tg == tlbi::TG_16K && ttl == tlbi::TTL_1) && (range || ttl != tlbi::TTL_ANY)
}
