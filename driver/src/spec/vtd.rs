//! Intel VT-d, revision 4.1: invalidation descriptors (section 6.5.2) and the
//! registers of the queued invalidation interface (section 11.4.9).
//!
//! Bit positions of the first word are those of the descriptor (63:0), those of
//! the second are counted from its own bit 0 (descriptor bits 127:64). Bits
//! 255:128 of a 256-bit descriptor are reserved in every type below.
//!
//! `RSVD_*` masks hold only bits that are reserved in every revision of the
//! specification that has the type; where revisions differ, a guest is believed.

/// Bits 3:0 and 11:9: the descriptor's type, low four and high three bits.
pub(crate) const fn descriptor_type(lo: u64) -> u64 {
    lo & 0xf | lo >> 5 & 0x70
}

/// Bits 5:4: the granularity of every cache invalidation but that of the
/// interrupt entry cache.
pub(crate) const GRANULARITY_SHIFT: u32 = 4;
pub(crate) const GRANULARITY_MASK: u64 = 3;

/// DID, in bits 31:16 of every type that has one.
pub(crate) const DID_SHIFT: u32 = 16;

/// Widths of the fields that several types have.
pub(crate) const DID_MASK: u64 = 0xffff;
pub(crate) const SID_MASK: u64 = 0xffff;
pub(crate) const PASID_MASK: u64 = 0xf_ffff;

/// Address field shared by the IOTLB descriptors: second word.
///
/// | bits  | field                                              |
/// |-------|----------------------------------------------------|
/// | 5:0   | AM: 2^AM pages of 4 KiB                            |
/// | 6     | IH: only leaf entries changed                      |
/// | 11:7  | reserved                                           |
/// | 63:12 | ADDR, bits below the range are ignored             |
pub(crate) mod address {
    pub(crate) const AM_MASK: u64 = 0x3f;
    pub(crate) const IH_SHIFT: u32 = 6;
    pub(crate) const IH: u64 = 1 << IH_SHIFT;
    pub(crate) const RSVD: u64 = 0xf80;
    pub(crate) const ADDR_MASK: u64 = !0xfff;

    /// The first address of the 2^`order` pages that `addr` lies in.
    pub(crate) const fn align_down(addr: u64, order: u8) -> u64 {
        // 2^52 pages and more are the whole 64-bit space.
        if order >= 52 {
            0
        } else {
            addr & (u64::MAX << (12 + order))
        }
    }
}

/// 6.5.2.1 Context-cache Invalidate Descriptor (`cc_inv_dsc`), type 1.
///
/// | bits  | field                                               |
/// |-------|-----------------------------------------------------|
/// | 5:4   | G: 1 global, 2 domain-selective, 3 device-selective |
/// | 31:16 | DID                                                 |
/// | 47:32 | SID                                                 |
/// | 49:48 | FM: function mask                                   |
pub(crate) mod cc_inv {
    pub(crate) const TYPE: u64 = 1;
    pub(crate) const G_GLOBAL: u64 = 1;
    pub(crate) const G_DOMAIN: u64 = 2;
    pub(crate) const G_DEVICE: u64 = 3;
    pub(crate) const SID_SHIFT: u32 = 32;
    pub(crate) const FM_SHIFT: u32 = 48;
    pub(crate) const FM_MASK: u64 = 3;
    pub(crate) const RSVD: [u64; 2] = [0xfffc_0000_0000_f1c0, u64::MAX];
}

/// 6.5.2.2 PASID-cache Invalidate Descriptor (`pc_inv_dsc`), type 7.
///
/// | bits  | field                                                          |
/// |-------|----------------------------------------------------------------|
/// | 5:4   | G: 0 domain-selective, 1 PASID-selective-within-domain, 3 global |
/// | 31:16 | DID                                                            |
/// | 51:32 | PASID                                                          |
pub(crate) mod pc_inv {
    pub(crate) const TYPE: u64 = 7;
    pub(crate) const G_DOMAIN: u64 = 0;
    pub(crate) const G_PASID: u64 = 1;
    pub(crate) const G_GLOBAL: u64 = 3;
    pub(crate) const PASID_SHIFT: u32 = 32;
    pub(crate) const RSVD: [u64; 2] = [0xfff0_0000_0000_f1c0, u64::MAX];
}

/// 6.5.2.3 IOTLB Invalidate Descriptor (`iotlb_inv_dsc`), type 2.
///
/// | bits  | field                                                            |
/// |-------|------------------------------------------------------------------|
/// | 5:4   | G: 1 global, 2 domain-selective, 3 page-selective-within-domain  |
/// | 6     | DW: drain writes                                                 |
/// | 7     | DR: drain reads                                                  |
/// | 31:16 | DID                                                              |
/// | second word | [`address`]                                                |
pub(crate) mod iotlb {
    pub(crate) const TYPE: u64 = 2;
    pub(crate) const G_GLOBAL: u64 = 1;
    pub(crate) const G_DOMAIN: u64 = 2;
    pub(crate) const G_PAGE: u64 = 3;
    pub(crate) const DW: u64 = 1 << 6;
    pub(crate) const DR: u64 = 1 << 7;
    pub(crate) const RSVD: [u64; 2] = [0xffff_ffff_0000_f100, super::address::RSVD];
}

/// 6.5.2.4 PASID-based IOTLB Invalidate Descriptor (`p_iotlb_inv_dsc`), type 6.
///
/// | bits  | field                                                              |
/// |-------|--------------------------------------------------------------------|
/// | 5:4   | G: 2 PASID-selective-within-domain, 3 page-selective-within-PASID  |
/// | 31:16 | DID                                                                |
/// | 51:32 | PASID                                                              |
/// | second word | [`address`]                                                  |
pub(crate) mod p_iotlb {
    pub(crate) const TYPE: u64 = 6;
    pub(crate) const G_PASID: u64 = 2;
    pub(crate) const G_PAGE: u64 = 3;
    pub(crate) const PASID_SHIFT: u32 = 32;
    pub(crate) const RSVD: [u64; 2] = [0xfff0_0000_0000_f1c0, super::address::RSVD];
}

/// 6.5.2.5 Device-TLB Invalidate Descriptor (`dev_tlb_inv_dsc`), type 3.
///
/// | bits  | field                                                     |
/// |-------|-----------------------------------------------------------|
/// | 15:12 | PFSID 3:0 (reserved where `ECAP_REG.DIT` does not exist)  |
/// | 20:16 | MIP: max invalidations pending                            |
/// | 47:32 | SID                                                       |
/// | 63:52 | PFSID 15:4                                                |
/// | second word 0 | S: size, see [`device_address`]                   |
/// | second word 63:12 | ADDR                                          |
///
/// The request has no PASID, and reaches what the device has cached with and without one.
pub(crate) mod dev_tlb_inv {
    pub(crate) const TYPE: u64 = 3;
    pub(crate) const MIP_SHIFT: u32 = 16;
    pub(crate) const SID_SHIFT: u32 = 32;
    pub(crate) const S: u64 = 1;
    pub(crate) const RSVD: [u64; 2] = [0x000f_0000_ffe0_01f0, 0xffe];
}

/// 6.5.2.6 PASID-based Device-TLB Invalidate Descriptor (`p_dev_tlb_inv_dsc`),
/// type 8.
///
/// | bits  | field                                                             |
/// |-------|-------------------------------------------------------------------|
/// | 8:4   | MIP: max invalidations pending                                    |
/// | 15:12 | PFSID 3:0                                                         |
/// | 31:16 | SID                                                               |
/// | 51:32 | PASID                                                             |
/// | 63:52 | PFSID 15:4                                                        |
/// | second word 0 | G: every PASID of the device (not in every revision)      |
/// | second word 11 | S: size, see [`device_address`]                          |
/// | second word 63:12 | ADDR                                                  |
pub(crate) mod p_dev_tlb_inv {
    pub(crate) const TYPE: u64 = 8;
    pub(crate) const MIP_SHIFT: u32 = 4;
    pub(crate) const SID_SHIFT: u32 = 16;
    pub(crate) const PASID_SHIFT: u32 = 32;
    pub(crate) const G: u64 = 1;
    pub(crate) const S: u64 = 1 << 11;
    pub(crate) const RSVD: [u64; 2] = [0, 0x7fe];
}

/// What both device-TLB descriptors have alike. Without S the range is one page;
/// with it, the lowest 0 of ADDR says how large the range is: bit 12 two pages, bit
/// 13 four, and so on.
pub(crate) mod device_address {
    pub(crate) const MIP_MASK: u64 = 0x1f;
    pub(crate) const ADDR_MASK: u64 = !0xfff;

    /// ADDR of the 2^`order` pages around `addr`, without S; as for Linux
    /// (`qi_desc_dev_iotlb`) 2^52 pages are all bits but 63.
    pub(crate) const fn block(addr: u64, order: u8) -> u64 {
        match order {
            0 => addr & ADDR_MASK,
            1..52 => addr & u64::MAX << (12 + order) | ((1 << (11 + order)) - 1) & ADDR_MASK,
            _ => u64::MAX >> 1 & ADDR_MASK,
        }
    }

    /// PFSID, in bits 63:52 (15:4) and 15:12 (3:0) of the first word.
    #[expect(clippy::cast_possible_truncation, reason = "16 bits are left")]
    pub(crate) const fn pfsid(lo: u64) -> u16 {
        (lo >> 48 & 0xfff0 | lo >> 12 & 0xf) as u16
    }
}

/// 6.5.2.7 Interrupt Entry Cache Invalidate Descriptor (`iec_inv_dsc`), type 4.
///
/// | bits  | field                             |
/// |-------|-----------------------------------|
/// | 4     | G: 0 global, 1 index-selective    |
/// | 31:27 | IM: 2^IM entries                  |
/// | 47:32 | IIDX: interrupt index             |
pub(crate) mod iec_inv {
    pub(crate) const TYPE: u64 = 4;
    pub(crate) const G_INDEX: u64 = 1 << 4;
    pub(crate) const IM_SHIFT: u32 = 27;
    pub(crate) const IM_MASK: u64 = 0x1f;
    pub(crate) const IIDX_SHIFT: u32 = 32;
    pub(crate) const RSVD: [u64; 2] = [0xffff_0000_07ff_f1e0, u64::MAX];
}

/// 6.5.2.8 Invalidation Wait Descriptor (`inv_wait_dsc`), type 5.
///
/// | bits  | field                                                 |
/// |-------|-------------------------------------------------------|
/// | 4     | IF: interrupt on completion                           |
/// | 5     | SW: write the status data                             |
/// | 6     | FN: fence                                             |
/// | 7     | PD: page-request drain (reserved before revision 3.0) |
/// | 63:32 | status data                                           |
/// | second word 63:2 | status address, 4-byte aligned             |
pub(crate) mod inv_wait {
    pub(crate) const TYPE: u64 = 5;
    pub(crate) const IF: u64 = 1 << 4;
    pub(crate) const SW: u64 = 1 << 5;
    pub(crate) const FN: u64 = 1 << 6;
    pub(crate) const PD: u64 = 1 << 7;
    pub(crate) const DATA_SHIFT: u32 = 32;
    pub(crate) const RSVD: [u64; 2] = [0xffff_f100, 3];
}

/// 11.4.9.3 Invalidation Queue Address Register (`IQA_REG`).
///
/// | bits  | field                                                       |
/// |-------|-------------------------------------------------------------|
/// | 2:0   | QS: 2^QS pages of 4 KiB                                     |
/// | 11    | DW: 0 descriptors of 128 bits, 1 of 256 bits                |
/// | 63:12 | IQA: base, aligned to the size of the queue                 |
pub(crate) mod iqa {
    pub(crate) const QS_MASK: u64 = 7;
    pub(crate) const DW: u64 = 1 << 11;
    pub(crate) const BASE_MASK: u64 = !0xfff;
}

/// 11.4.9.1 and 11.4.9.2 Invalidation Queue Head and Tail Register (`IQH_REG`,
/// `IQT_REG`): bits 18:4 are an offset into the queue in units of 16 bytes
/// whatever the width; with 256-bit descriptors bit 4 is 0.
pub(crate) mod iqt {
    pub(crate) const OFFSET_MASK: u64 = 0x7_fff0;
}

/// 11.4.7.1 Fault Status Register (`FSTS_REG`), the bits of the queue.
pub(crate) mod fsts {
    /// Invalidation Queue Error, written 1 to clear.
    pub(crate) const IQE: u32 = 1 << 4;
    /// Invalidation Completion Error, written 1 to clear.
    pub(crate) const ICE: u32 = 1 << 5;
    /// Invalidation Time-out Error, written 1 to clear.
    pub(crate) const ITE: u32 = 1 << 6;
}

/// 11.4.9.9 Invalidation Queue Error Record Register (`IQERCD_REG`).
///
/// | bits  | field                                  |
/// |-------|----------------------------------------|
/// | 3:0   | IQEI                                   |
/// | 47:32 | ITESID: the device that timed out      |
/// | 63:48 | ICESID: the device that answered wrong |
pub(crate) mod iqercd {
    pub(crate) const ITESID_SHIFT: u32 = 32;
    pub(crate) const ICESID_SHIFT: u32 = 48;
}
