#![expect(unsafe_code, reason = "the kernel's type of the IOMMU is in a union")]

use iommufd_bindings::{
    iommu_hw_info, iommu_hw_info_type_IOMMU_HW_INFO_TYPE_AMD as AMD,
    iommu_hw_info_type_IOMMU_HW_INFO_TYPE_ARM_SMMUV3 as ARM_SMMUV3,
    iommu_hw_info_type_IOMMU_HW_INFO_TYPE_INTEL_VTD as INTEL_VTD,
    iommu_hw_info_type_IOMMU_HW_INFO_TYPE_NONE as NONE,
};

use super::error::{Error, Step};
use super::selftest::HW_INFO_SELFTEST;
use super::{Device, size};

/// 32-bit words that any vendor's information has room in: the longest of Linux 7.3 is
/// `struct iommu_hw_info_arm_smmuv3` with 10.
const WORDS: usize = 32;

/// What the IOMMU behind a device is, in the kernel's words (`IOMMU_GET_HW_INFO`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HwKind {
    /// One that tells nothing about itself.
    None,
    /// `struct iommu_hw_info_vtd`: the capability registers (VT-d 11.4.2, 11.4.3).
    Vtd {
        /// CAP_REG.
        cap: u64,
        /// ECAP_REG.
        ecap: u64,
    },
    /// `struct iommu_hw_info_arm_smmuv3`: `SMMU_IDR0` to `IDR5` (SMMUv3 6.3).
    SmmuV3 {
        /// The registers.
        idr: [u32; 6],
    },
    /// `struct iommu_hw_info_amd`: extended features (AMD-Vi 3.4.9).
    AmdVi {
        /// EFR.
        efr: u64,
        /// EFR2.
        efr2: u64,
    },
    /// The selftest's mock.
    Selftest,
    /// One that this crate does not know.
    Other(u32),
}

/// What the kernel says of the IOMMU behind a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HwInfo {
    /// Whose it is, and its registers.
    pub kind: HwKind,
    /// `IOMMU_HW_CAP_*`.
    pub capabilities: u64,
    /// Width of PASIDs in bits, 0 without them.
    pub pasid_bits: u8,
}

impl HwInfo {
    /// Whether the registers promise nesting: VT-d `ECAP.NEST`, SMMUv3 `IDR0.S1P` and
    /// `S2P`. The kernel has more conditions: only to try tells.
    #[must_use]
    pub const fn promises_nesting(&self) -> bool {
        match self.kind {
            HwKind::Vtd { ecap, .. } => ecap & 1 << 26 != 0,
            HwKind::SmmuV3 { idr } => idr[0] & 0b11 == 0b11,
            HwKind::Selftest => true,
            // Linux 7.3 has no nested invalidation for AMD-Vi.
            HwKind::AmdVi { .. } | HwKind::None | HwKind::Other(_) => false,
        }
    }
}

impl Device {
    /// What the IOMMU behind the device is.
    ///
    /// # Errors
    /// [`Step::HwInfo`].
    pub fn hw_info(&self) -> Result<HwInfo, Error> {
        let mut words = [0_u32; WORDS];
        let mut command = iommu_hw_info {
            size: size::<iommu_hw_info>(),
            dev_id: self.id().0,
            data_len: size::<[u32; WORDS]>(),
            data_uptr: words.as_mut_ptr().expose_provenance() as u64,
            ..Default::default()
        };
        self.context
            .iommufd()
            .get_hw_info(&mut command)
            .map_err(Error::during(Step::HwInfo))?;
        // SAFETY: both variants of the union are the same 32 bits.
        let kind = unsafe { command.__bindgen_anon_1.out_data_type };
        Ok(HwInfo {
            kind: decode(kind, &words),
            capabilities: command.out_capabilities,
            pasid_bits: command.out_max_pasid_log2,
        })
    }
}

/// Words of a vendor's struct, of which the first two are flags and reserved.
fn decode(kind: u32, words: &[u32; WORDS]) -> HwKind {
    let wide = |at: usize| u64::from(words[at]) | u64::from(words[at + 1]) << 32;
    match kind {
        NONE => HwKind::None,
        INTEL_VTD => HwKind::Vtd {
            cap: wide(2),
            ecap: wide(4),
        },
        ARM_SMMUV3 => HwKind::SmmuV3 {
            idr: std::array::from_fn(|at| words[2 + at]),
        },
        AMD => HwKind::AmdVi {
            efr: wide(0),
            efr2: wide(2),
        },
        HW_INFO_SELFTEST => HwKind::Selftest,
        other => HwKind::Other(other),
    }
}

#[cfg(test)]
mod tests;
