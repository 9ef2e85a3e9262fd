//! AMD IOMMU, publication 48882 revision 3: commands (section 2.4), the structures that
//! they are about (section 2.2), events (section 2.5) and the MMIO registers of commands
//! and events (section 3.4).
//!
//! Bit positions of the first word are those of the command (63:0), those of the
//! second are counted from its own bit 0 (command bits 127:64). Bits 63:60 of the
//! first word are the opcode.
//!
//! `RSVD_*` masks hold only bits that are reserved in every revision of the
//! specification that has the command; where revisions differ, a guest is believed.

pub(crate) mod dte;
pub(crate) mod gcr3;

/// Bytes of a command and of an event.
pub(crate) const ENTRY_BYTES: u32 = 16;

pub(crate) const OPCODE_SHIFT: u32 = 60;

/// Bits 15:0 of the first word in every command and event that has one.
pub(crate) const DEVICE_ID_MASK: u64 = 0xffff;

/// A PASID that stands in one piece.
pub(crate) const PASID_MASK: u64 = 0xf_ffff;

/// 2.4.1 COMPLETION_WAIT.
///
/// | bits  | field                                              |
/// |-------|----------------------------------------------------|
/// | 0     | s: write the store data                            |
/// | 1     | i: set `ComWaitInt`                                |
/// | 2     | f: later commands wait until this one has finished |
/// | 51:3  | store address, 8-byte aligned                      |
/// | second word | store data                                   |
pub(crate) mod completion_wait {
    pub(crate) const OPCODE: u64 = 1;
    pub(crate) const S: u64 = 1;
    pub(crate) const I: u64 = 1 << 1;
    pub(crate) const F: u64 = 1 << 2;
    pub(crate) const ADDRESS_MASK: u64 = 0x000f_ffff_ffff_fff8;
    pub(crate) const RSVD_LO: u64 = 0x0ff0_0000_0000_0000;
}

/// 2.4.2 INVALIDATE_DEVTAB_ENTRY: bits 15:0 are the device.
pub(crate) mod invalidate_devtab_entry {
    pub(crate) const OPCODE: u64 = 2;
    pub(crate) const RSVD_LO: u64 = 0x0fff_ffff_ffff_0000;
}

/// 2.4.3 INVALIDATE_IOMMU_PAGES.
///
/// | bits  | field               |
/// |-------|---------------------|
/// | 19:0  | PASID, where GN = 1 |
/// | 47:32 | domain              |
/// | second word | [`pages`]     |
pub(crate) mod invalidate_iommu_pages {
    pub(crate) const OPCODE: u64 = 3;
    pub(crate) const DOMAIN_SHIFT: u32 = 32;
    pub(crate) const DOMAIN: u64 = 0xffff << DOMAIN_SHIFT;
    pub(crate) const RSVD_LO: u64 = 0x0fff_0000_fff0_0000;
    pub(crate) const RSVD_HI: u64 = 0xff8;
}

/// 2.4.4 INVALIDATE_IOTLB_PAGES.
///
/// | bits  | field                                                            |
/// |-------|------------------------------------------------------------------|
/// | 15:0  | device                                                           |
/// | 23:16 | PASID 15:8, where GN = 1                                         |
/// | 31:24 | Maxpend                                                          |
/// | 47:32 | queue                                                            |
/// | 55:48 | PASID 7:0                                                        |
/// | 59:56 | PASID 19:16                                                      |
/// | second word | [`pages`] without PDE; 5:4 type (reserved before revision 3) |
///
/// With GN = 0 the request has no PASID, and reaches what the device has cached with and
/// without one (Linux relies on it in `device_flush_dte`).
pub(crate) mod invalidate_iotlb_pages {
    pub(crate) const OPCODE: u64 = 4;
    pub(crate) const MAX_PEND_SHIFT: u32 = 24;
    pub(crate) const QUEUE_SHIFT: u32 = 32;
    pub(crate) const QUEUE: u64 = 0xffff << QUEUE_SHIFT;
    /// What a guest says of its device's TLB: PASID and Maxpend.
    pub(crate) const PASID_AND_MAX_PEND: u64 = 0x0fff_0000_ffff_0000;
    pub(crate) const TYPE_SHIFT: u32 = 4;
    pub(crate) const TYPE_MASK: u64 = 3;
    pub(crate) const TYPE: u64 = TYPE_MASK << TYPE_SHIFT;
    pub(crate) const RSVD_HI: u64 = 0xfca;

    pub(crate) const fn pasid(lo: u64) -> u64 {
        lo >> 48 & 0xff | lo >> 8 & 0xff00 | lo >> 40 & 0xf_0000
    }

    /// The PASID where it stands in the first word.
    pub(crate) const fn pasid_bits(pasid: u32) -> u64 {
        let pasid = pasid as u64;
        (pasid & 0xff) << 48 | (pasid & 0xff00) << 8 | (pasid & 0xf_0000) << 40
    }
}

/// 2.4.5 INVALIDATE_INTERRUPT_TABLE: bits 15:0 are the device.
pub(crate) mod invalidate_interrupt_table {
    pub(crate) const OPCODE: u64 = 5;
    pub(crate) const RSVD_LO: u64 = 0x0fff_ffff_ffff_0000;
}

/// 2.4.6 PREFETCH_IOMMU_PAGES.
///
/// | bits  | field                                                     |
/// |-------|-----------------------------------------------------------|
/// | 15:0  | device                                                    |
/// | 31:24 | count                                                     |
/// | 51:32 | PASID, where GN = 1                                       |
/// | second word | [`pages`] without PDE; 4 Inval: invalidate them first |
pub(crate) mod prefetch_iommu_pages {
    pub(crate) const OPCODE: u64 = 6;
    pub(crate) const COUNT_SHIFT: u32 = 24;
    pub(crate) const PASID_SHIFT: u32 = 32;
    pub(crate) const INVAL: u64 = 1 << 4;
    pub(crate) const RSVD_LO: u64 = 0x0ff0_0000_00ff_0000;
    pub(crate) const RSVD_HI: u64 = 0xfea;
}

/// 2.4.7 COMPLETE_PPR_REQUEST.
///
/// | bits  | field                                                        |
/// |-------|--------------------------------------------------------------|
/// | 15:0  | device                                                       |
/// | 51:32 | PASID, where GN = 1                                          |
/// | second word 2     | GN                                               |
/// | second word 47:32 | completion tag: the request's tag and the response |
pub(crate) mod complete_ppr_request {
    pub(crate) const OPCODE: u64 = 7;
    pub(crate) const PASID_SHIFT: u32 = 32;
    pub(crate) const TAG_SHIFT: u32 = 32;
    pub(crate) const RSVD_LO: u64 = 0x0ff0_0000_ffff_0000;
    pub(crate) const RSVD_HI: u64 = 0xffff_0000_ffff_fffb;
}

/// 2.4.8 INVALIDATE_IOMMU_ALL: nothing but the opcode.
pub(crate) mod invalidate_iommu_all {
    pub(crate) const OPCODE: u64 = 8;
    pub(crate) const RSVD_LO: u64 = 0x0fff_ffff_ffff_ffff;
}

/// The second word of the commands about pages.
///
/// | bits  | field                                                                 |
/// |-------|-----------------------------------------------------------------------|
/// | 0     | S: more than one page of 4 KiB                                        |
/// | 1     | PDE: page directory entries too                                       |
/// | 2     | GN: a guest's translation, of a PASID                                 |
/// | 63:12 | address; where S = 1 its lowest 0 bit from bit 12 up says the size:   |
/// |       | bit n stands for 2^(n+1) bytes                                        |
pub(crate) mod pages {
    pub(crate) const S: u64 = 1;
    pub(crate) const PDE: u64 = 1 << 1;
    pub(crate) const GN: u64 = 1 << 2;
    pub(crate) const ADDRESS_MASK: u64 = !0xfff;
    /// S and the address that together mean every address (2.4.3).
    pub(crate) const ALL: u64 = 0x7fff_ffff_ffff_f000 | S;
    /// 2^40 pages are 2^52 bytes. Linux asks for everything instead of more
    /// (`build_inv_address`), since the specification names address bits up to 51
    /// only where it explains sizes.
    const ORDER_MAX: u32 = 40;

    /// S and address of 2^`order` pages around `addr`, or of everything.
    pub(crate) const fn block(addr: u64, order: u32) -> u64 {
        match order {
            0 => addr & ADDRESS_MASK,
            1..=ORDER_MAX => {
                let start = addr & u64::MAX << (12 + order);
                start | ((1 << (order - 1)) - 1) << 12 | S
            }
            _ => ALL,
        }
    }

    /// First and last page of 4 KiB; none where it is every address.
    pub(crate) const fn span(hi: u64) -> Option<(u64, u64)> {
        let page = hi >> 12;
        if hi & S == 0 {
            return Some((page, page));
        }
        let ones = page.trailing_ones();
        // Bits 62:12 are all 1.
        if ones >= 51 {
            return None;
        }
        let below = (1 << ones) - 1;
        Some((page & !below, page | 1 << ones))
    }
}

/// 2.5 Events: bits 63:60 of the first word are the code, bits 15:0 the device.
pub(crate) mod event {
    pub(crate) const CODE_SHIFT: u32 = 60;
    /// Of COMMAND_HARDWARE_ERROR, bits 58:57 (2.5.7).
    pub(crate) const TYPE_SHIFT: u32 = 57;
}

/// Command Buffer and Event Log Base Address Register (0008h, 0010h).
///
/// | bits  | field                                                      |
/// |-------|------------------------------------------------------------|
/// | 51:12 | base                                                       |
/// | 59:56 | length: 2^n entries, 8 to 15; less is reserved             |
pub(crate) mod base {
    pub(crate) const ADDRESS_MASK: u64 = 0x000f_ffff_ffff_f000;
    pub(crate) const LEN_SHIFT: u32 = 56;
    pub(crate) const LEN_MASK: u64 = 0xf;
    pub(crate) const LEN_MIN: u64 = 8;
    pub(crate) const WRITABLE: u64 = ADDRESS_MASK | LEN_MASK << LEN_SHIFT;
}

/// Head and tail pointer registers (2000h to 2018h): bits 18:4 are an offset in
/// units of 16 bytes.
pub(crate) mod pointer {
    pub(crate) const OFFSET_MASK: u64 = 0x7_fff0;
}

/// IOMMU Control Register (0018h), the bits of command buffer and event log.
pub(crate) mod control {
    pub(crate) const IOMMU_EN: u64 = 1;
    pub(crate) const EVENT_LOG_EN: u64 = 1 << 2;
    pub(crate) const EVENT_INT_EN: u64 = 1 << 3;
    pub(crate) const COM_WAIT_INT_EN: u64 = 1 << 4;
    pub(crate) const CMD_BUF_EN: u64 = 1 << 12;
}

/// IOMMU Status Register (2020h), the bits of command buffer and event log.
pub(crate) mod status {
    /// Written 1 to clear, as the next two.
    pub(crate) const EVENT_OVERFLOW: u64 = 1;
    pub(crate) const EVENT_LOG_INT: u64 = 1 << 1;
    pub(crate) const COM_WAIT_INT: u64 = 1 << 2;
    pub(crate) const CLEARABLE: u64 = EVENT_OVERFLOW | EVENT_LOG_INT | COM_WAIT_INT;
    pub(crate) const EVENT_LOG_RUN: u64 = 1 << 3;
    pub(crate) const CMD_BUF_RUN: u64 = 1 << 4;
}
