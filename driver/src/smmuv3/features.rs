use crate::spec::smmuv3::{cmdq_index, tlbi};

/// What the virtual SMMU offers its guest, as its ID registers say it (Arm IHI 0070,
/// 6.3.1 to 6.3.6). Chosen when it is created; must not exceed what the physical SMMU
/// behind the vIOMMU has, else the kernel refuses what this lets pass.
///
/// Stage 1 only (`IDR0.S2P` = 0), neither EL2 (`IDR0.Hyp` = 0) nor Secure state, no
/// MPAM (`IDR3.MPAM` = 0) and no DPT (`IDR3.DPT` = 0).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "one per bit of the ID registers"
)]
pub struct Features {
    /// `IDR3.RIL`: range invalidation and level hint.
    pub ril: bool,
    /// `IDR5.DS`: 52-bit addresses with 4 KiB and 16 KiB granules; SCALE has 6 bits.
    pub ds: bool,
    /// `IDR0.ASID16`: ASIDs have 16 bits, else 8.
    pub asid16: bool,
    /// `IDR0.ATS`: `CMD_ATC_INV` is legal.
    pub ats: bool,
    /// `IDR0.PRI`: `CMD_PRI_RESP` is legal.
    pub pri: bool,
    /// `IDR0.STALL_MODEL` other than 1: `CMD_RESUME` and `CMD_STALL_TERM` are legal.
    pub stall: bool,
    /// `IDR0.MSI`: `CMD_SYNC` can complete with an MSI.
    pub msi: bool,
    /// `IDR0.SEV`: `CMD_SYNC` can complete with an event.
    pub sev: bool,
    /// `IDR1.SSIDSIZE`: bits of a SubstreamID, 0 to 20; 0 is no substreams.
    pub ssidsize: u8,
    /// `IDR1.CMDQS`: log2 of the most commands that a queue can have, 0 to 19.
    pub cmdqs: u8,
    /// `IDR5.GRAN4K`, `GRAN16K` and `GRAN64K`.
    pub granules: Granules,
}

/// Which translation granules the virtual SMMU offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Granules {
    /// 4 KiB only: every guest table has it.
    Only4K,
    /// Others too: how large the page behind an address is cannot be told from a
    /// command without range fields, which is then never merged with others.
    Several,
}

impl Features {
    /// What Linux uses of an SMMUv3.2 with 4 KiB tables, and everything that ends at
    /// the VMM.
    pub const ALL_4K: Self = Self {
        ril: true,
        ds: false,
        asid16: true,
        ats: true,
        pri: true,
        stall: true,
        msi: true,
        sev: true,
        ssidsize: 20,
        cmdqs: 19,
        granules: Granules::Only4K,
    };

    /// The largest LOG2SIZE.
    pub(super) fn log2size_max(&self) -> u32 {
        u32::from(self.cmdqs).min(cmdq_index::LOG2SIZE_MAX)
    }

    /// The bits of an ASID that are not reserved.
    pub(super) const fn asid(&self) -> u64 {
        if self.asid16 {
            tlbi::ASID16
        } else {
            tlbi::ASID8
        }
    }

    /// Whether an address without range fields can only stand for tables of 4 KiB
    /// pages, and a range command can say the same.
    pub(super) const fn plain_is_4k(&self) -> bool {
        self.ril && matches!(self.granules, Granules::Only4K)
    }
}
