use super::fault::CommandError;
use crate::command_types::command_types;
use crate::spec::amdvi::{
    DEVICE_ID_MASK, OPCODE_SHIFT, PASID_MASK, complete_ppr_request, completion_wait,
    invalidate_devtab_entry, invalidate_interrupt_table, invalidate_iommu_all,
    invalidate_iommu_pages, invalidate_iotlb_pages, pages, prefetch_iommu_pages,
};
use crate::{DeviceId, DomainId, Pasid};

command_types! {
    /// The types of commands (48882, 2.4), in the order of [`CommandType::ALL`].
    CommandType {
        /// `COMPLETION_WAIT`, opcode 1.
        CompletionWait = "completion-wait",
        /// `INVALIDATE_DEVTAB_ENTRY`, opcode 2.
        InvalidateDevtabEntry = "devtab-entry",
        /// `INVALIDATE_IOMMU_PAGES`, opcode 3.
        InvalidateIommuPages = "iommu-pages",
        /// `INVALIDATE_IOTLB_PAGES`, opcode 4.
        InvalidateIotlbPages = "iotlb-pages",
        /// `INVALIDATE_INTERRUPT_TABLE`, opcode 5.
        InvalidateInterruptTable = "interrupt-table",
        /// `PREFETCH_IOMMU_PAGES`, opcode 6.
        PrefetchIommuPages = "prefetch",
        /// `COMPLETE_PPR_REQUEST`, opcode 7.
        CompletePprRequest = "complete-ppr",
        /// `INVALIDATE_IOMMU_ALL`, opcode 8.
        InvalidateIommuAll = "iommu-all",
    }
}

/// The pages that a command is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Pages {
    /// As in the command: bits 11:0 are 0; where `size` is set the lowest 0 bit from
    /// bit 12 up says how many pages there are, and 0x7fff_ffff_ffff_f000 is every
    /// address.
    pub address: u64,
    /// S: more than one page of 4 KiB.
    pub size: bool,
    /// GN: translations of this PASID; none for those without.
    pub pasid: Option<Pasid>,
}

/// A decoded command, with the fields that are used. Devices and domains are the
/// guest's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Command {
    /// The sync.
    CompletionWait {
        /// s: where to write what.
        store: Option<(u64, u64)>,
        /// i: set `ComWaitInt`.
        interrupt: bool,
        /// f: later commands wait until this one has finished.
        flush: bool,
    },
    /// The device's DTE changed: the VMM's business, it shadows device table
    /// entries.
    InvalidateDevtabEntry(DeviceId),
    /// Translations of one domain.
    InvalidateIommuPages {
        /// Which.
        domain: DomainId,
        /// Which of its pages.
        pages: Pages,
        /// PDE: page directory entries too.
        pde: bool,
    },
    /// Translations in one device's TLB.
    InvalidateIotlbPages {
        /// Which.
        device: DeviceId,
        /// Which of its pages.
        pages: Pages,
        /// The invalidation queue that the device shares with others.
        queue: u16,
        /// Invalidations that this queue may have in flight.
        max_pend: u8,
        /// 0 in commands of revisions before 3.
        kind: u8,
    },
    /// The device's interrupt remapping table changed: the VMM's business.
    InvalidateInterruptTable(DeviceId),
    /// A hint that pages will be used.
    PrefetchIommuPages {
        /// By which device.
        device: DeviceId,
        /// Which.
        pages: Pages,
        /// How many translations.
        count: u8,
        /// Inval: what is cached for the pages is to go first.
        invalidate: bool,
    },
    /// The answer to a page request: the VMM's business, it took the request in.
    CompletePprRequest {
        /// Of which device.
        device: DeviceId,
        /// Of which address space.
        pasid: Option<Pasid>,
        /// The request's tag (9:0) and the response code (15:12).
        tag: u16,
    },
    /// Everything that the IOMMU caches, but nothing in devices.
    InvalidateIommuAll,
}

impl Command {
    /// Its type.
    #[must_use]
    pub const fn kind(&self) -> CommandType {
        match self {
            Self::CompletionWait { .. } => CommandType::CompletionWait,
            Self::InvalidateDevtabEntry(_) => CommandType::InvalidateDevtabEntry,
            Self::InvalidateIommuPages { .. } => CommandType::InvalidateIommuPages,
            Self::InvalidateIotlbPages { .. } => CommandType::InvalidateIotlbPages,
            Self::InvalidateInterruptTable(_) => CommandType::InvalidateInterruptTable,
            Self::PrefetchIommuPages { .. } => CommandType::PrefetchIommuPages,
            Self::CompletePprRequest { .. } => CommandType::CompletePprRequest,
            Self::InvalidateIommuAll => CommandType::InvalidateIommuAll,
        }
    }
}

/// Decodes one command (48882, 2.4).
///
/// # Errors
/// [`CommandError::Illegal`] where there is no such opcode, or where a bit is set
/// that every revision of the specification reserves. INSERT_GUEST_EVENT (9) and
/// RESET_VMMIO (10) count as absent: they are for a hypervisor with vIOMMU hardware.
pub const fn decode(words: [u64; 2]) -> Result<Command, CommandError> {
    let [lo, hi] = words;
    let device = DeviceId((lo & DEVICE_ID_MASK) as u32);
    // Which bits are reserved, and what the rest says where none of them is set.
    let (rsvd_lo, rsvd_hi, command) = match lo >> OPCODE_SHIFT {
        completion_wait::OPCODE => (completion_wait::RSVD_LO, 0, decode_wait(lo, hi)),
        invalidate_devtab_entry::OPCODE => (
            invalidate_devtab_entry::RSVD_LO,
            u64::MAX,
            Command::InvalidateDevtabEntry(device),
        ),
        invalidate_iommu_pages::OPCODE => (
            invalidate_iommu_pages::RSVD_LO,
            invalidate_iommu_pages::RSVD_HI,
            Command::InvalidateIommuPages {
                domain: DomainId((lo >> invalidate_iommu_pages::DOMAIN_SHIFT & 0xffff) as u16),
                pages: decode_pages(hi, lo),
                pde: hi & pages::PDE != 0,
            },
        ),
        invalidate_iotlb_pages::OPCODE => (
            0,
            invalidate_iotlb_pages::RSVD_HI,
            decode_iotlb_pages(lo, hi, device),
        ),
        invalidate_interrupt_table::OPCODE => (
            invalidate_interrupt_table::RSVD_LO,
            u64::MAX,
            Command::InvalidateInterruptTable(device),
        ),
        prefetch_iommu_pages::OPCODE => (
            prefetch_iommu_pages::RSVD_LO,
            prefetch_iommu_pages::RSVD_HI,
            Command::PrefetchIommuPages {
                device,
                pages: decode_pages(hi, lo >> prefetch_iommu_pages::PASID_SHIFT),
                count: (lo >> prefetch_iommu_pages::COUNT_SHIFT & 0xff) as u8,
                invalidate: hi & prefetch_iommu_pages::INVAL != 0,
            },
        ),
        complete_ppr_request::OPCODE => (
            complete_ppr_request::RSVD_LO,
            complete_ppr_request::RSVD_HI,
            Command::CompletePprRequest {
                device,
                pasid: pasid(hi, lo >> complete_ppr_request::PASID_SHIFT),
                tag: (hi >> complete_ppr_request::TAG_SHIFT & 0xffff) as u16,
            },
        ),
        invalidate_iommu_all::OPCODE => (
            invalidate_iommu_all::RSVD_LO,
            u64::MAX,
            Command::InvalidateIommuAll,
        ),
        _ => return Err(CommandError::Illegal),
    };
    if lo & rsvd_lo | hi & rsvd_hi == 0 {
        Ok(command)
    } else {
        Err(CommandError::Illegal)
    }
}

const fn decode_wait(lo: u64, data: u64) -> Command {
    let store = if lo & completion_wait::S == 0 {
        None
    } else {
        Some((lo & completion_wait::ADDRESS_MASK, data))
    };
    Command::CompletionWait {
        store,
        interrupt: lo & completion_wait::I != 0,
        flush: lo & completion_wait::F != 0,
    }
}

const fn decode_iotlb_pages(lo: u64, hi: u64, device: DeviceId) -> Command {
    Command::InvalidateIotlbPages {
        device,
        pages: decode_pages(hi, invalidate_iotlb_pages::pasid(lo)),
        queue: (lo >> invalidate_iotlb_pages::QUEUE_SHIFT & 0xffff) as u16,
        max_pend: (lo >> invalidate_iotlb_pages::MAX_PEND_SHIFT & 0xff) as u8,
        kind: (hi >> invalidate_iotlb_pages::TYPE_SHIFT & invalidate_iotlb_pages::TYPE_MASK) as u8,
    }
}

/// `number` has the PASID in its lowest bits.
const fn decode_pages(hi: u64, number: u64) -> Pages {
    Pages {
        address: hi & pages::ADDRESS_MASK,
        size: hi & pages::S != 0,
        pasid: pasid(hi, number),
    }
}

const fn pasid(hi: u64, number: u64) -> Option<Pasid> {
    if hi & pages::GN == 0 {
        None
    } else {
        Some(Pasid((number & PASID_MASK) as u32))
    }
}

#[cfg(test)]
mod tests;
