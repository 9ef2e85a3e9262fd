//! What a guest's entry says, checked as the vendor's driver checks it.

use super::super::config::{Gpa, SteStage1};
use super::error::{Call, UapiError};
use crate::errno;
use crate::spec::amdvi::dte;
use crate::spec::smmuv3::ste;
use crate::uapi::{AmdGuest, ArmSmmuV3, VtdS1};

const CALL: Call = Call::HWPT_ALLOC;

/// Stage 1 of a nested HWPT.
#[derive(Clone, Copy, Debug)]
pub(super) enum Stage1 {
    /// Checked when it is attached (`intel_pasid_setup_nested`).
    Vtd(VtdS1),
    SmmuV3 {
        config: SteStage1,
        /// `STE.EATS`: the guest invalidates ATCs.
        ats: bool,
    },
    AmdVi(GuestDte),
}

/// What counts of a guest's DTE.
#[derive(Clone, Copy, Debug)]
pub(super) struct GuestDte {
    /// The guest's domain id.
    pub(super) domain: u16,
    pub(super) gcr3_table: Option<Gpa>,
}

/// `STRTAB_STE_0_NESTING_ALLOWED`.
const STE_ALLOWED_0: u64 = ste::V | ste::CONFIG | ste::S1FMT | ste::S1_CONTEXT_PTR | ste::S1CDMAX;
/// `STRTAB_STE_1_NESTING_ALLOWED`.
const STE_ALLOWED_1: u64 =
    ste::S1DSS | ste::S1CIR | ste::S1COR | ste::S1CSH | ste::S1STALLD | ste::EATS;

/// `arm_smmu_validate_vste`. The modelled unit reads linear CD tables only.
pub(super) fn smmuv3(data: ArmSmmuV3) -> Result<Stage1, UapiError> {
    let [low, high] = data.ste;
    let bad = CALL.error(errno::EIO, "the STE is not legal");
    if low & ste::V == 0 {
        // The host's STE aborts, so that the guest gets its C_BAD_STE.
        return Ok(Stage1::SmmuV3 {
            config: SteStage1::Abort,
            ats: false,
        });
    }
    if low & !STE_ALLOWED_0 != 0 || high & !STE_ALLOWED_1 != 0 {
        return Err(bad);
    }
    let config = match low & ste::CONFIG {
        ste::CONFIG_ABORT => SteStage1::Abort,
        ste::CONFIG_BYPASS => SteStage1::Bypass,
        ste::CONFIG_S1_TRANS => SteStage1::Translate {
            cd_table: Gpa(low & ste::S1_CONTEXT_PTR),
            cd_max_log2: (low >> ste::S1CDMAX_SHIFT) as u8,
        },
        _ => return Err(bad),
    };
    let eats = high & ste::EATS;
    if eats != ste::EATS_ABT && eats != ste::EATS_TRANS {
        return Err(bad);
    }
    let translates = matches!(config, SteStage1::Translate { .. });
    if translates && low & ste::S1FMT != 0 {
        return Err(CALL.error(
            errno::EOPNOTSUPP,
            "CD tables of two levels are not modelled",
        ));
    }
    Ok(Stage1::SmmuV3 {
        config,
        ats: translates && eats == ste::EATS_TRANS,
    })
}

/// `validate_gdte_nested`. The modelled unit has guest tables of 4 levels and GCR3 tables
/// of one.
pub(super) fn amdvi(data: AmdGuest) -> Result<Stage1, UapiError> {
    let [first, second, third, _] = data.dte;
    if first & (dte::MODE | dte::HOST_ROOT) != 0 {
        return Err(CALL.error(errno::EINVAL, "Mode and host page table root must be 0"));
    }
    let gcr3 = dte::gcr3_table(first, second);
    let translates = first & dte::V != 0 && first & dte::GV != 0;
    if translates && gcr3 == 0 {
        return Err(CALL.error(errno::EINVAL, "the GCR3 table is at 0"));
    }
    let unsupported = match third & dte::GUEST_PAGING_MODE {
        dte::GUEST_PAGING_4_LEVELS => false,
        dte::GUEST_PAGING_5_LEVELS => true,
        _ => return Err(CALL.error(errno::EINVAL, "GuestPagingMode is reserved")),
    };
    if first & dte::GLX == dte::GLX_RESERVED {
        return Err(CALL.error(errno::EINVAL, "GLX is reserved"));
    }
    if unsupported || translates && first & dte::GLX != 0 {
        return Err(CALL.error(
            errno::EOPNOTSUPP,
            "the unit has guest tables of 4 levels and GCR3 tables of 1",
        ));
    }
    let domain = (second & dte::DOMAIN_ID) as u16;
    Ok(Stage1::AmdVi(GuestDte {
        domain,
        gcr3_table: translates.then_some(Gpa(gcr3)),
    }))
}
