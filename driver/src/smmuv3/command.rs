//! Commands that software puts into an SMMUv3 command queue (Arm IHI 0070, chapter 4).
//! Only valid commands can be put together.

use super::decode::Asid;
use crate::spec::smmuv3::{ADDRESS, OPCODE, SID_SHIFT, SSID_SHIFT, SSV, atc_inv, cfgi, sync, tlbi};
use crate::{Command, DeviceId, Pasid};

/// `CMD_CFGI_STE` (4.3.1).
#[must_use]
pub const fn cfgi_ste(sid: DeviceId, leaf: bool) -> Command {
    Command::from_words([cfgi::STE | stream(sid), leaf as u64])
}

/// `CMD_CFGI_ALL` (4.3.6).
#[must_use]
pub const fn cfgi_all() -> Command {
    Command::from_words([cfgi::STE_RANGE, cfgi::RANGE_ALL])
}

/// `CMD_CFGI_CD` (4.3.3).
#[must_use]
pub const fn cfgi_cd(sid: DeviceId, substream_id: Pasid, leaf: bool) -> Command {
    Command::from_words([
        cfgi::CD | stream(sid) | substream(substream_id),
        leaf as u64,
    ])
}

/// `CMD_CFGI_CD_ALL` (4.3.4).
#[must_use]
pub const fn cfgi_cd_all(sid: DeviceId) -> Command {
    Command::from_words([cfgi::CD_ALL | stream(sid), 0])
}

/// `CMD_TLBI_NH_ALL` (4.4.2.1), VMID 0.
#[must_use]
pub const fn tlbi_nh_all() -> Command {
    tlbi_nh_all_of(0)
}

/// `CMD_TLBI_NH_ALL` (4.4.2.1) of a VMID.
#[must_use]
pub const fn tlbi_nh_all_of(vmid: u16) -> Command {
    Command::from_words([tlbi::NH_ALL | vmid_bits(vmid), 0])
}

/// `CMD_TLBI_NH_ASID` (4.4.2.2), VMID 0.
#[must_use]
pub const fn tlbi_nh_asid(asid: Asid) -> Command {
    Command::from_words([tlbi::NH_ASID | (asid.0 as u64) << tlbi::ASID_SHIFT, 0])
}

/// `CMD_TLBI_NH_VA` (4.4.2.4) without range fields, VMID 0: whatever leaf contains
/// `addr`, whose bits 11:0 are ignored.
#[must_use]
pub const fn tlbi_nh_va(asid: Asid, addr: u64, leaf: bool) -> Command {
    let lo = tlbi::NH_VA | (asid.0 as u64) << tlbi::ASID_SHIFT;
    Command::from_words([lo, addr & ADDRESS | leaf as u64])
}

/// `CMD_TLBI_NH_VAA` (4.4.2.3) without range fields, VMID 0.
#[must_use]
pub const fn tlbi_nh_vaa(addr: u64, leaf: bool) -> Command {
    Command::from_words([tlbi::NH_VAA, addr & ADDRESS | leaf as u64])
}

/// `CMD_TLBI_S2_IPA` (4.4.3.1): the first of those that cover `pages` pages of 4 KiB, at
/// least one, and how many it covers. `leaf`: tables did not change.
///
/// A range of pages has 5 significant bits (`NUM` + 1 times 2^`SCALE`). TTL stays 0,
/// because pages of every size may lie in it, and so one page must not be written as a
/// range: NUM, SCALE and TTL of 0 are reserved then.
pub(crate) const fn tlbi_s2_ipa(vmid: u16, ipa: u64, pages: u64, leaf: bool) -> (Command, u64) {
    let lo = tlbi::S2_IPA | vmid_bits(vmid);
    let hi = ipa & ADDRESS | leaf as u64;
    let scale = pages.trailing_zeros();
    let num = pages >> scale & (tlbi::NUM >> tlbi::NUM_SHIFT);
    if scale == 0 && num == 1 {
        return (Command::from_words([lo, hi]), 1);
    }
    let lo = lo | (num - 1) << tlbi::NUM_SHIFT | (scale as u64) << tlbi::SCALE_SHIFT;
    (Command::from_words([lo, hi | tlbi::TG_4K]), num << scale)
}

/// `CMD_TLBI_S12_VMALL` (4.4.3.2).
#[must_use]
pub const fn tlbi_s12_vmall(vmid: u16) -> Command {
    Command::from_words([tlbi::S12_VMALL | vmid_bits(vmid), 0])
}

/// `CMD_TLBI_NSNH_ALL` (4.4.4.1).
#[must_use]
pub const fn tlbi_nsnh_all() -> Command {
    Command::from_words([tlbi::NSNH_ALL, 0])
}

/// `CMD_ATC_INV` (4.5.1): 2^`size` pages of 4 KiB, at most 2^52, around `addr`. Without
/// SubstreamID it reaches what is cached with and without one.
#[must_use]
pub const fn atc_inv(sid: DeviceId, substream_id: Option<Pasid>, addr: u64, size: u8) -> Command {
    let lo = atc_inv::OP | stream(sid);
    let lo = match substream_id {
        Some(id) => lo | SSV | substream(id),
        None => lo,
    };
    let size = if size as u64 > atc_inv::SIZE_ALL {
        atc_inv::SIZE_ALL
    } else {
        size as u64
    };
    Command::from_words([lo, addr & ADDRESS | size])
}

/// `CMD_SYNC` (4.7.3) that signals by `SMMU_CMDQ_CONS` alone.
#[must_use]
pub const fn sync_none() -> Command {
    Command::from_words([sync::OP, 0])
}

/// `CMD_SYNC` (4.7.3) that writes `data` to the guest-physical `address`, which is
/// aligned down to 4 bytes; 0 is no write. Inner shareable, write-back, as Linux sends
/// it.
#[must_use]
pub const fn sync_msi(address: u64, data: u32) -> Command {
    let lo = sync::OP
        | sync::SIG_IRQ << sync::CS_SHIFT
        | sync::MSH_INNER
        | sync::MSI_ATTR_WRITE_BACK
        | (data as u64) << sync::MSI_DATA_SHIFT;
    Command::from_words([lo, address & sync::MSI_ADDRESS])
}

/// Whether the command is a sync.
#[must_use]
pub const fn is_sync(command: Command) -> bool {
    command.words()[0] & OPCODE == sync::OP
}

const fn stream(sid: DeviceId) -> u64 {
    (sid.0 as u64) << SID_SHIFT
}

const fn vmid_bits(vmid: u16) -> u64 {
    (vmid as u64) << tlbi::VMID_SHIFT
}

const fn substream(ssid: Pasid) -> u64 {
    ((ssid.0 & Pasid::MAX.0) as u64) << SSID_SHIFT
}

#[cfg(test)]
mod tests;
