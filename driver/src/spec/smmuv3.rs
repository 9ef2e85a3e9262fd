//! Arm SMMUv3 (Arm IHI 0070): commands (chapter 4), the structures that they are about
//! (chapter 5), and the registers of the command queue (6.3.9, 6.3.19, 6.3.20, 6.3.26 to
//! 6.3.28).
//!
//! A command has 128 bits. Bit positions of the first word are those of the command
//! (63:0), those of the second are counted from its own bit 0 (command bits 127:64).
//! `LO` and `HI` masks hold the bits that a command may have set; every other bit is
//! reserved (RES0) and refused, as 4.1.5 permits.

/// Bytes of a command, as a power of two.
pub(crate) const COMMAND_LOG2: u32 = 4;

/// Bits 7:0 of every command.
pub(crate) const OPCODE: u64 = 0xff;
/// Bit 10, SSec (4.1.6): a Secure stream, which the Non-secure queue must not name.
pub(crate) const SSEC: u64 = 1 << 10;
/// Bit 11, SSV (4.1.6): SubstreamID is valid.
pub(crate) const SSV: u64 = 1 << 11;
/// Bits 31:12, SubstreamID (4.1.6).
pub(crate) const SSID_SHIFT: u32 = 12;
pub(crate) const SSID: u64 = 0xf_ffff << SSID_SHIFT;
/// Bits 63:32, StreamID: of commands (4.1.6) and of events (7.3).
pub(crate) const SID_SHIFT: u32 = 32;
pub(crate) const SID: u64 = 0xffff_ffff << SID_SHIFT;
/// Second word, bit 0: only the last level changed (CFGI and TLBI).
pub(crate) const LEAF: u64 = 1;
/// Second word, bits 63:12: an address.
pub(crate) const ADDRESS: u64 = !0xfff;

pub(crate) mod cd;
pub(crate) mod event;
pub(crate) mod ste;

/// 4.2 Prefetch. A prefetch is a hint that ends at the VMM, so no field but SSec is
/// looked at.
pub(crate) mod prefetch {
    pub(crate) const CONFIG: u64 = 0x01;
    pub(crate) const ADDR: u64 = 0x02;
}

/// 4.3 Configuration structure invalidation.
///
/// | bits  | field                                                         |
/// |-------|---------------------------------------------------------------|
/// | 10    | SSec                                                          |
/// | 31:12 | SubstreamID (`CFGI_CD` only)                                  |
/// | 63:32 | StreamID                                                      |
/// | second word 0   | Leaf (`CFGI_STE`, `CFGI_CD`)                        |
/// | second word 4:0 | Range (`CFGI_STE_RANGE`): 2^(Range+1) StreamIDs     |
///
/// `CFGI_ALL` is `CFGI_STE_RANGE` with Range = 31 (4.3.6).
pub(crate) mod cfgi {
    pub(crate) const STE: u64 = 0x03;
    pub(crate) const STE_RANGE: u64 = 0x04;
    pub(crate) const CD: u64 = 0x05;
    pub(crate) const CD_ALL: u64 = 0x06;
    pub(crate) const RANGE: u64 = 0x1f;
    pub(crate) const RANGE_ALL: u64 = 31;
    pub(crate) const LO: u64 = super::OPCODE | super::SID;
}

/// 4.4 TLB invalidation.
///
/// | bits  | field                                                         |
/// |-------|---------------------------------------------------------------|
/// | 16:12 | NUM                                                           |
/// | 25:20 | SCALE; bit 25 is reserved without `IDR5.DS`                   |
/// | 47:32 | VMID                                                          |
/// | 63:48 | ASID; bits 63:56 are reserved without `IDR0.ASID16`           |
/// | second word 0     | Leaf                                              |
/// | second word 9:8   | TTL                                               |
/// | second word 11:10 | TG: 0 any granule, no range; 1 4 KiB; 2 16 KiB; 3 64 KiB |
/// | second word 63:12 | Address                                           |
///
/// With TG, (NUM + 1) × 2^SCALE granules from Address (4.4.1.1). TTL is the level of the
/// leaf; 0 is any.
pub(crate) mod tlbi {
    pub(crate) const NH_ALL: u64 = 0x10;
    pub(crate) const NH_ASID: u64 = 0x11;
    pub(crate) const NH_VA: u64 = 0x12;
    pub(crate) const NH_VAA: u64 = 0x13;
    pub(crate) const S12_VMALL: u64 = 0x28;
    pub(crate) const S2_IPA: u64 = 0x2a;
    pub(crate) const NSNH_ALL: u64 = 0x30;
    pub(crate) const NUM_SHIFT: u32 = 12;
    pub(crate) const NUM: u64 = 0x1f << NUM_SHIFT;
    pub(crate) const SCALE_SHIFT: u32 = 20;
    pub(crate) const SCALE: u64 = 0x1f << SCALE_SHIFT;
    pub(crate) const SCALE_DS: u64 = 0x3f << SCALE_SHIFT;
    pub(crate) const VMID_SHIFT: u32 = 32;
    pub(crate) const VMID: u64 = 0xffff << VMID_SHIFT;
    pub(crate) const ASID_SHIFT: u32 = 48;
    pub(crate) const ASID8: u64 = 0xff << ASID_SHIFT;
    pub(crate) const ASID16: u64 = 0xffff << ASID_SHIFT;
    pub(crate) const TTL_SHIFT: u32 = 8;
    pub(crate) const TTL: u64 = 3 << TTL_SHIFT;
    pub(crate) const TTL_ANY: u64 = 0;
    pub(crate) const TTL_1: u64 = 1 << TTL_SHIFT;
    pub(crate) const TTL_2: u64 = 2 << TTL_SHIFT;
    pub(crate) const TG_SHIFT: u32 = 10;
    pub(crate) const TG: u64 = 3 << TG_SHIFT;
    pub(crate) const TG_NO_RANGE: u64 = 0;
    pub(crate) const TG_4K: u64 = 1 << TG_SHIFT;
    pub(crate) const TG_16K: u64 = 2 << TG_SHIFT;
}

/// 4.5.1 CMD_ATC_INV.
///
/// | bits  | field                                                         |
/// |-------|---------------------------------------------------------------|
/// | 9     | Global                                                        |
/// | 11    | SSV                                                           |
/// | 31:12 | SubstreamID                                                   |
/// | 63:32 | StreamID                                                      |
/// | second word 5:0   | Size: 2^Size pages of 4 KiB, at most 52           |
/// | second word 63:12 | Address, aligned down to that size                |
///
/// Without SSV the request has no PASID, and reaches what the device has cached with and
/// without one; Global is ignored then. (Linux: "ATS and PASID" in
/// `arm_smmu_atc_inv_to_cmd`.)
pub(crate) mod atc_inv {
    pub(crate) const OP: u64 = 0x40;
    pub(crate) const GLOBAL: u64 = 1 << 9;
    pub(crate) const SIZE: u64 = 0x3f;
    pub(crate) const SIZE_ALL: u64 = 52;
}

/// 4.5.2 CMD_PRI_RESP.
///
/// | bits  | field                                                         |
/// |-------|---------------------------------------------------------------|
/// | 11    | SSV                                                           |
/// | 31:12 | SubstreamID                                                   |
/// | 63:32 | StreamID                                                      |
/// | second word 8:0   | PRGIndex                                          |
/// | second word 13:12 | Resp: 0 failure, 1 invalid request, 2 success     |
pub(crate) mod pri_resp {
    pub(crate) const OP: u64 = 0x41;
    pub(crate) const PRG_INDEX: u64 = 0x1ff;
    pub(crate) const RESP_SHIFT: u32 = 12;
    pub(crate) const RESP: u64 = 3 << RESP_SHIFT;
}

/// 4.7.1 CMD_RESUME and 4.7.2 CMD_STALL_TERM.
///
/// | bits  | field                                                         |
/// |-------|---------------------------------------------------------------|
/// | 10    | SSec                                                          |
/// | 12    | Ac: 1 retry, 0 terminate (`RESUME`)                           |
/// | 13    | Ab: terminate with abort (`RESUME`)                           |
/// | 63:32 | StreamID                                                      |
/// | second word 15:0 | STAG (`RESUME`)                                    |
pub(crate) mod stall {
    pub(crate) const RESUME: u64 = 0x44;
    pub(crate) const TERM: u64 = 0x45;
    pub(crate) const AC: u64 = 1 << 12;
    pub(crate) const AB: u64 = 1 << 13;
    pub(crate) const STAG: u64 = 0xffff;
}

/// 4.7.3 CMD_SYNC.
///
/// | bits  | field                                                         |
/// |-------|---------------------------------------------------------------|
/// | 13:12 | CS: 0 SIG_NONE, 1 SIG_IRQ, 2 SIG_SEV                          |
/// | 23:22 | MSH: shareability of the MSI write                            |
/// | 27:24 | MSIAttr: memory type of the MSI write                         |
/// | 63:32 | MSIData                                                       |
/// | second word 55:2 | MSIAddress; 0 is no MSI                            |
pub(crate) mod sync {
    pub(crate) const OP: u64 = 0x46;
    pub(crate) const CS_SHIFT: u32 = 12;
    pub(crate) const CS: u64 = 3 << CS_SHIFT;
    pub(crate) const SIG_NONE: u64 = 0;
    pub(crate) const SIG_IRQ: u64 = 1;
    pub(crate) const SIG_SEV: u64 = 2;
    pub(crate) const MSH_SHIFT: u32 = 22;
    pub(crate) const MSH: u64 = 3 << MSH_SHIFT;
    pub(crate) const MSH_INNER: u64 = 3 << MSH_SHIFT;
    pub(crate) const MSI_ATTR_SHIFT: u32 = 24;
    pub(crate) const MSI_ATTR: u64 = 0xf << MSI_ATTR_SHIFT;
    pub(crate) const MSI_ATTR_WRITE_BACK: u64 = 0xf << MSI_ATTR_SHIFT;
    pub(crate) const MSI_DATA_SHIFT: u32 = 32;
    pub(crate) const MSI_DATA: u64 = 0xffff_ffff << MSI_DATA_SHIFT;
    pub(crate) const MSI_ADDRESS: u64 = 0x00ff_ffff_ffff_fffc;
}

/// 6.3.9 `SMMU_CR0`, the bit of the command queue.
pub(crate) mod cr0 {
    pub(crate) const CMDQEN: u32 = 1 << 3;
}

/// 6.3.19 `SMMU_GERROR` and 6.3.20 `SMMU_GERRORN`, the bits of the command queue. An
/// error is active while its bit differs between the two.
pub(crate) mod gerror {
    pub(crate) const CMDQ_ERR: u32 = 1;
    pub(crate) const MSI_CMDQ_ABT_ERR: u32 = 1 << 4;
}

/// 6.3.26 `SMMU_CMDQ_BASE`.
///
/// | bits  | field                                                         |
/// |-------|---------------------------------------------------------------|
/// | 4:0   | LOG2SIZE: 2^LOG2SIZE commands, capped at `IDR1.CMDQS`         |
/// | 55:5  | ADDR, aligned down to the larger of the queue and 32 bytes    |
/// | 62    | RA: a hint                                                    |
pub(crate) mod cmdq_base {
    pub(crate) const LOG2SIZE: u64 = 0x1f;
    pub(crate) const ADDR: u64 = 0x00ff_ffff_ffff_ffe0;
    pub(crate) const RA: u64 = 1 << 62;
}

/// 6.3.27 `SMMU_CMDQ_PROD` and 6.3.28 `SMMU_CMDQ_CONS`: an index of LOG2SIZE bits, the
/// wrap flag above it, and in `CONS` the error in bits 30:24.
pub(crate) mod cmdq_index {
    pub(crate) const MASK: u32 = 0xf_ffff;
    /// The largest `IDR1.CMDQS`: an index and its wrap flag fill the mask.
    pub(crate) const LOG2SIZE_MAX: u32 = 19;
    pub(crate) const ERR_SHIFT: u32 = 24;
}
