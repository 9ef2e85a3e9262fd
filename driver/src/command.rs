use crate::spec::vtd::{GRANULARITY_SHIFT, address, inv_wait, p_iotlb};
use crate::{DomainId, Pasid};

/// One command for a VT-d invalidation queue: a descriptor's low 128 bits (the
/// high half of a 256-bit descriptor is reserved and 0).
///
/// Only valid commands can be put together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Command([u64; 2]);

impl Command {
    /// `p_iotlb_inv_dsc`, page-selective-within-PASID (VT-d 6.5.2.4):
    /// 2^`order` pages of 4 KiB from `addr`, which is aligned down to that size.
    /// `order` is at most 63; `leaf` keeps the paging-structure caches.
    #[must_use]
    pub const fn pasid_iotlb_pages(
        did: DomainId,
        pasid: Pasid,
        addr: u64,
        order: u8,
        leaf: bool,
    ) -> Self {
        let order = if order > 63 { 63 } else { order };
        let hi =
            address::align_down(addr, order) | (leaf as u64) << address::IH_SHIFT | order as u64;
        Self([p_iotlb_lo(did, pasid, p_iotlb::G_PAGE), hi])
    }

    /// `p_iotlb_inv_dsc`, PASID-selective-within-domain (VT-d 6.5.2.4).
    #[must_use]
    pub const fn pasid_iotlb_all(did: DomainId, pasid: Pasid) -> Self {
        Self([p_iotlb_lo(did, pasid, p_iotlb::G_PASID), 0])
    }

    /// `inv_wait_dsc` (VT-d 6.5.2.8) that writes `data` to the guest-physical
    /// `status_addr`, which is aligned down to 4 bytes. With the fence flag and
    /// without interrupt, as Linux sends it.
    #[must_use]
    pub const fn wait(status_addr: u64, data: u32) -> Self {
        let lo =
            inv_wait::TYPE | inv_wait::SW | inv_wait::FN | (data as u64) << inv_wait::DATA_SHIFT;
        Self([lo, status_addr & !inv_wait::RSVD_HI])
    }

    /// The two 64-bit words, low word first.
    #[must_use]
    pub const fn words(self) -> [u64; 2] {
        self.0
    }

    /// Whether the command is a sync (wait descriptor).
    #[must_use]
    pub const fn is_sync(self) -> bool {
        self.0[0] & 0xe0f == inv_wait::TYPE
    }

    pub(crate) const fn from_ring(words: [u64; 2]) -> Self {
        Self(words)
    }
}

const fn p_iotlb_lo(did: DomainId, pasid: Pasid, granularity: u64) -> u64 {
    p_iotlb::TYPE
        | granularity << GRANULARITY_SHIFT
        | (did.0 as u64) << p_iotlb::DID_SHIFT
        | ((pasid.0 & Pasid::MAX.0) as u64) << p_iotlb::PASID_SHIFT
}
