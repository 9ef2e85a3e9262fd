use super::fault::CommandError;
use super::features::Features;
use super::kind::CommandType;
use crate::spec::smmuv3::{
    ADDRESS, LEAF, OPCODE, SID, SID_SHIFT, SSEC, SSID, SSID_SHIFT, SSV, atc_inv, cfgi, prefetch,
    pri_resp, stall, sync, tlbi,
};
use crate::{DeviceId, Pasid};

/// An address space id of the guest, 8 or 16 bits (`IDR0.ASID16`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Asid(pub u16);

/// The addresses of a TLB invalidation (Arm IHI 0070, 4.4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Span {
    /// First address, bits 11:0 are 0.
    pub addr: u64,
    /// Leaf: only the last level of the tables changed.
    pub leaf: bool,
    /// TG: 0 whatever leaf contains `addr`; else (`num` + 1) × 2^`scale` granules of
    /// 4 KiB (1), 16 KiB (2) or 64 KiB (3).
    pub tg: u8,
    /// TTL: the level of the leaf, 1 to 3, or 0 for any.
    pub ttl: u8,
    /// NUM, 0 to 31.
    pub num: u8,
    /// SCALE, 0 to 31; to 63 with `IDR5.DS`, where more than 39 is 39.
    pub scale: u8,
}

/// An MSI that completes a `CMD_SYNC`: a 32-bit write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Msi {
    /// Guest-physical, a multiple of 4, never 0.
    pub address: u64,
    /// What is written there, little-endian.
    pub data: u32,
    /// MSIAttr: memory type, as `STE.MemAttr`. Without effect on a VMM's write, which
    /// is coherent.
    pub attributes: u8,
    /// MSH: shareability. Without effect likewise.
    pub shareability: u8,
}

/// How a `CMD_SYNC` says that it completed (CS, Arm IHI 0070, 4.7.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Completion {
    /// SIG_NONE: by `SMMU_CMDQ_CONS` alone.
    SigNone,
    /// SIG_IRQ: by the wired interrupt, and by an MSI where it has an address and the
    /// SMMU has MSIs.
    SigIrq(Option<Msi>),
    /// SIG_SEV: by an event, where the SMMU has them.
    SigSev,
}

/// A decoded command, with the fields that are used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Command {
    /// `CMD_PREFETCH_CONFIG`: a hint, consumed.
    PrefetchConfig,
    /// `CMD_PREFETCH_ADDR`: a hint, consumed.
    PrefetchAddr,
    /// `CMD_CFGI_STE`: the stream table entry of this StreamID changed.
    CfgiSte(DeviceId),
    /// `CMD_CFGI_STE_RANGE` or `CMD_CFGI_ALL`: those of these StreamIDs changed.
    CfgiSteRange {
        /// The first.
        first: DeviceId,
        /// The last.
        last: DeviceId,
    },
    /// `CMD_CFGI_CD`: one context descriptor.
    CfgiCd {
        /// StreamID.
        sid: DeviceId,
        /// SubstreamID.
        ssid: Pasid,
        /// Leaf: the descriptor but not the level above it.
        leaf: bool,
    },
    /// `CMD_CFGI_CD_ALL`: every context descriptor of a stream.
    CfgiCdAll(DeviceId),
    /// `CMD_TLBI_NH_ALL`.
    TlbiNhAll,
    /// `CMD_TLBI_NH_ASID`: what is not global.
    TlbiNhAsid(Asid),
    /// `CMD_TLBI_NH_VA`: of an address space, and what is global.
    TlbiNhVa(Asid, Span),
    /// `CMD_TLBI_NH_VAA`: of every address space.
    TlbiNhVaa(Span),
    /// `CMD_TLBI_NSNH_ALL`: for a guest the same as [`Self::TlbiNhAll`].
    TlbiNsnhAll,
    /// `CMD_ATC_INV`.
    AtcInv {
        /// StreamID.
        sid: DeviceId,
        /// SubstreamID, where SSV says that it is one.
        ssid: Option<Pasid>,
        /// Global: of every SubstreamID.
        global: bool,
        /// An address in the range.
        addr: u64,
        /// Size: 2^`size` pages of 4 KiB, 0 to 52.
        size: u8,
    },
    /// `CMD_PRI_RESP`: the answer to a page request group.
    PriResp {
        /// StreamID.
        sid: DeviceId,
        /// SubstreamID, where SSV says that it is one.
        ssid: Option<Pasid>,
        /// PRGIndex, 9 bits.
        group: u16,
        /// Resp: 0 response failure, 1 invalid request, 2 success.
        response: u8,
    },
    /// `CMD_RESUME`: the answer to a stalled transaction.
    Resume {
        /// StreamID.
        sid: DeviceId,
        /// STAG: which transaction.
        stag: u16,
        /// Ac: try it again, else end it.
        retry: bool,
        /// Ab: end it with an abort.
        abort: bool,
    },
    /// `CMD_STALL_TERM`: every stalled transaction of a stream ends.
    StallTerm(DeviceId),
    /// `CMD_SYNC`.
    Sync(Completion),
}

impl Command {
    /// Its type.
    #[must_use]
    pub const fn kind(&self) -> CommandType {
        match self {
            Self::PrefetchConfig => CommandType::PrefetchConfig,
            Self::PrefetchAddr => CommandType::PrefetchAddr,
            Self::CfgiSte(_) => CommandType::CfgiSte,
            Self::CfgiSteRange { .. } => CommandType::CfgiSteRange,
            Self::CfgiCd { .. } => CommandType::CfgiCd,
            Self::CfgiCdAll(_) => CommandType::CfgiCdAll,
            Self::TlbiNhAll => CommandType::TlbiNhAll,
            Self::TlbiNhAsid(_) => CommandType::TlbiNhAsid,
            Self::TlbiNhVa(..) => CommandType::TlbiNhVa,
            Self::TlbiNhVaa(_) => CommandType::TlbiNhVaa,
            Self::TlbiNsnhAll => CommandType::TlbiNsnhAll,
            Self::AtcInv { .. } => CommandType::AtcInv,
            Self::PriResp { .. } => CommandType::PriResp,
            Self::Resume { .. } => CommandType::Resume,
            Self::StallTerm(_) => CommandType::StallTerm,
            Self::Sync(_) => CommandType::Sync,
        }
    }
}

/// Decodes one command (Arm IHI 0070, chapter 4) of a Non-secure queue of an SMMU with
/// `features`. What mainline's `arm_vsmmu_validate_user_cmd` would refuse is refused
/// here.
///
/// # Errors
/// [`CommandError::Ill`] where there is no such command without features that no
/// virtual SMMU has or this one does not offer, and where a field has a reserved value
/// or a reserved bit is set.
pub fn decode(words: [u64; 2], features: &Features) -> Result<Command, CommandError> {
    let [lo, hi] = words;
    // Which bits may be set, and what the command says where no other one is.
    let (allowed_lo, allowed_hi, command) = match lo & OPCODE {
        prefetch::CONFIG => (!SSEC, u64::MAX, Some(Command::PrefetchConfig)),
        prefetch::ADDR => (!SSEC, u64::MAX, Some(Command::PrefetchAddr)),
        cfgi::STE => (cfgi::LO, LEAF, Some(Command::CfgiSte(stream(lo)))),
        cfgi::STE_RANGE => (cfgi::LO, cfgi::RANGE, Some(stream_range(lo, hi))),
        cfgi::CD => (cfgi::LO | ssid_bits(SSID, features), LEAF, Some(cd(lo, hi))),
        cfgi::CD_ALL => (cfgi::LO, 0, Some(Command::CfgiCdAll(stream(lo)))),
        opcode @ (tlbi::NH_ALL | tlbi::NH_ASID | tlbi::NH_VA | tlbi::NH_VAA | tlbi::NSNH_ALL) => {
            decode_tlbi(opcode, lo, hi, features)
        }
        atc_inv::OP if features.ats => (
            OPCODE | SID | ssid_bits(SSV | SSID | atc_inv::GLOBAL, features),
            atc_inv::SIZE | ADDRESS,
            decode_atc_inv(lo, hi),
        ),
        pri_resp::OP if features.pri => (
            // Without substreams these are IGNORED (4.5.2).
            OPCODE | SID | SSV | SSID,
            pri_resp::PRG_INDEX | pri_resp::RESP,
            decode_pri_resp(lo & !SSV | ssid_bits(lo & SSV, features), hi),
        ),
        stall::RESUME if features.stall => (
            OPCODE | SID | stall::AC | stall::AB,
            stall::STAG,
            Some(resume(lo, hi)),
        ),
        stall::TERM if features.stall => (OPCODE | SID, 0, Some(Command::StallTerm(stream(lo)))),
        sync::OP => (
            OPCODE | sync::CS | sync::MSH | sync::MSI_ATTR | sync::MSI_DATA,
            sync::MSI_ADDRESS,
            decode_sync(lo, hi),
        ),
        _ => return Err(CommandError::Ill),
    };
    match command {
        Some(command) if lo & !allowed_lo == 0 && hi & !allowed_hi == 0 => Ok(command),
        _ => Err(CommandError::Ill),
    }
}

/// The bits of substreams, where there are any.
const fn ssid_bits(bits: u64, features: &Features) -> u64 {
    if features.ssidsize == 0 { 0 } else { bits }
}

const fn stream(lo: u64) -> DeviceId {
    DeviceId((lo >> SID_SHIFT) as u32)
}

const fn substream(lo: u64) -> Pasid {
    Pasid(((lo & SSID) >> SSID_SHIFT) as u32)
}

const fn valid_substream(lo: u64) -> Option<Pasid> {
    if lo & SSV == 0 {
        None
    } else {
        Some(substream(lo))
    }
}

/// An aligned range of 2^(Range+1) StreamIDs (4.3.2).
#[expect(
    clippy::cast_possible_truncation,
    reason = "Range is at most 31, StreamIDs have 32 bits"
)]
const fn stream_range(lo: u64, hi: u64) -> Command {
    let below = (2_u64 << (hi & cfgi::RANGE)) - 1;
    let sid = lo >> SID_SHIFT;
    Command::CfgiSteRange {
        first: DeviceId((sid & !below) as u32),
        last: DeviceId((sid | below) as u32),
    }
}

const fn cd(lo: u64, hi: u64) -> Command {
    Command::CfgiCd {
        sid: stream(lo),
        ssid: substream(lo),
        leaf: hi & LEAF != 0,
    }
}

fn decode_tlbi(opcode: u64, lo: u64, hi: u64, features: &Features) -> (u64, u64, Option<Command>) {
    let asid = Asid((lo >> tlbi::ASID_SHIFT) as u16);
    let (range_lo, range_hi) = match (features.ril, features.ds) {
        (false, _) => (0, 0),
        (true, false) => (tlbi::NUM | tlbi::SCALE, tlbi::TG | tlbi::TTL),
        (true, true) => (tlbi::NUM | tlbi::SCALE_DS, tlbi::TG | tlbi::TTL),
    };
    let allowed_hi = range_hi | LEAF | ADDRESS;
    let span = span(lo, hi, features.ds);
    let common = OPCODE | tlbi::VMID;
    match opcode {
        tlbi::NSNH_ALL => (OPCODE, 0, Some(Command::TlbiNsnhAll)),
        tlbi::NH_ALL => (common, 0, Some(Command::TlbiNhAll)),
        tlbi::NH_ASID => (common | features.asid(), 0, Some(Command::TlbiNhAsid(asid))),
        tlbi::NH_VA => (
            common | features.asid() | range_lo,
            allowed_hi,
            span.map(|span| Command::TlbiNhVa(asid, span)),
        ),
        _ => (common | range_lo, allowed_hi, span.map(Command::TlbiNhVaa)),
    }
}

/// The range fields; none where their combination is a reserved one (4.4.1.1,
/// mainline's `arm_vsmmu_validate_range`). Whether the fields exist is checked by the
/// bits that are allowed.
const fn span(lo: u64, hi: u64, ds: bool) -> Option<Span> {
    let num = ((lo & tlbi::NUM) >> tlbi::NUM_SHIFT) as u8;
    let scale = ((lo & tlbi::SCALE_DS) >> tlbi::SCALE_SHIFT) as u8;
    let tg = ((hi & tlbi::TG) >> tlbi::TG_SHIFT) as u8;
    let ttl = ((hi & tlbi::TTL) >> tlbi::TTL_SHIFT) as u8;
    let no_range = num == 0 && scale == 0;
    let reserved = match (tg, ttl) {
        (0, 0) => !no_range,
        (0, _) => true,
        (_, 0) => no_range,
        // A block of level 1 in tables of 16 KiB pages exists with DS only.
        (2, 1) => !ds,
        _ => false,
    };
    if reserved {
        return None;
    }
    Some(Span {
        addr: hi & ADDRESS,
        leaf: hi & LEAF != 0,
        tg,
        ttl,
        num,
        scale,
    })
}

const fn decode_atc_inv(lo: u64, hi: u64) -> Option<Command> {
    // More than everything is permitted to be illegal (4.5.1); mainline refuses it.
    if hi & atc_inv::SIZE > atc_inv::SIZE_ALL {
        return None;
    }
    Some(Command::AtcInv {
        sid: stream(lo),
        ssid: valid_substream(lo),
        global: lo & atc_inv::GLOBAL != 0,
        addr: hi & ADDRESS,
        size: (hi & atc_inv::SIZE) as u8,
    })
}

const fn decode_pri_resp(lo: u64, hi: u64) -> Option<Command> {
    let response = ((hi & pri_resp::RESP) >> pri_resp::RESP_SHIFT) as u8;
    if response == 3 {
        return None;
    }
    Some(Command::PriResp {
        sid: stream(lo),
        ssid: valid_substream(lo),
        group: (hi & pri_resp::PRG_INDEX) as u16,
        response,
    })
}

const fn resume(lo: u64, hi: u64) -> Command {
    Command::Resume {
        sid: stream(lo),
        stag: (hi & stall::STAG) as u16,
        retry: lo & stall::AC != 0,
        abort: lo & stall::AB != 0,
    }
}

const fn decode_sync(lo: u64, hi: u64) -> Option<Command> {
    let address = hi & sync::MSI_ADDRESS;
    let completion = match (lo & sync::CS) >> sync::CS_SHIFT {
        sync::SIG_NONE => Completion::SigNone,
        sync::SIG_IRQ if address == 0 => Completion::SigIrq(None),
        sync::SIG_IRQ => Completion::SigIrq(Some(Msi {
            address,
            data: (lo >> sync::MSI_DATA_SHIFT) as u32,
            attributes: ((lo & sync::MSI_ATTR) >> sync::MSI_ATTR_SHIFT) as u8,
            shareability: ((lo & sync::MSH) >> sync::MSH_SHIFT) as u8,
        })),
        sync::SIG_SEV => Completion::SigSev,
        _ => return None,
    };
    Some(Command::Sync(completion))
}

#[cfg(test)]
mod tests;
