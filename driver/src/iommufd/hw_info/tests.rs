use iommufd_bindings::{iommu_hw_info_amd, iommu_hw_info_arm_smmuv3, iommu_hw_info_vtd};

use super::{AMD, ARM_SMMUV3, HwInfo, HwKind, INTEL_VTD, WORDS, decode};
use std::mem::offset_of;

fn words() -> [u32; WORDS] {
    std::array::from_fn(|at| 0x100 + u32::try_from(at).unwrap())
}

/// The word at an offset in bytes.
fn at(offset: usize) -> u32 {
    words()[offset / 4]
}

fn wide(offset: usize) -> u64 {
    u64::from(at(offset)) | u64::from(at(offset + 4)) << 32
}

#[test]
fn registers_are_read_from_where_the_kernels_structs_have_them() {
    let vtd = HwKind::Vtd {
        cap: wide(offset_of!(iommu_hw_info_vtd, cap_reg)),
        ecap: wide(offset_of!(iommu_hw_info_vtd, ecap_reg)),
    };
    assert_eq!(decode(INTEL_VTD, &words()), vtd);
    let first = offset_of!(iommu_hw_info_arm_smmuv3, idr);
    let smmuv3 = HwKind::SmmuV3 {
        idr: std::array::from_fn(|n| at(first + 4 * n)),
    };
    assert_eq!(decode(ARM_SMMUV3, &words()), smmuv3);
    let amdvi = HwKind::AmdVi {
        efr: wide(offset_of!(iommu_hw_info_amd, efr)),
        efr2: wide(offset_of!(iommu_hw_info_amd, efr2)),
    };
    assert_eq!(decode(AMD, &words()), amdvi);
    assert_eq!(decode(77, &words()), HwKind::Other(77));
}

#[test]
fn nesting_is_promised_by_ecap_nest_and_by_both_stages_of_an_smmu() {
    let promises = |kind| {
        let info = HwInfo {
            kind,
            capabilities: 0,
            pasid_bits: 0,
        };
        info.promises_nesting()
    };
    let vtd = |ecap| promises(HwKind::Vtd { cap: 0, ecap });
    assert!(vtd(1 << 26));
    assert!(!vtd(!(1 << 26)));
    let smmuv3 = |idr0| {
        promises(HwKind::SmmuV3 {
            idr: [idr0, 0, 0, 0, 0, 0],
        })
    };
    assert!(smmuv3(0b11));
    assert!(!smmuv3(0b01));
    assert!(!smmuv3(0b10));
    assert!(!promises(HwKind::None));
}
