/// The format of a page table: 4 levels of 512 entries, 48 bits of input address.
///
/// Levels are counted from 1, the tables of 4 KiB pages, to 4, the root; VMSAv8-64
/// counts the same levels from 3 down to 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// VT-d first stage (VT-d 9.8) and AMD v2 guest tables: the format of x86-64.
    /// Devices are users: a page without U/S is denied to them. Accessed and
    /// dirty flags are left alone.
    X86,
    /// VT-d second stage (VT-d 9.9).
    VtdSecondStage,
    /// VMSAv8-64 stage 1, 4 KiB granule, starting at level 0 (Arm ARM D8.3).
    /// Devices are unprivileged.
    LpaeStage1,
    /// VMSAv8-64 stage 2, 4 KiB granule, starting at level 0 (Arm ARM D8.3).
    LpaeStage2,
    /// AMD v1 host tables, mode 4 (AMD-Vi 2.2.3).
    AmdV1,
}

/// Levels of every format.
pub(super) const LEVELS: u8 = 4;

/// What an entry of a table means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Entry {
    /// Nothing.
    Absent,
    /// A value that the format does not have.
    Malformed,
    /// Another table, `level` below the one that the entry is in.
    Table {
        address: u64,
        level: u8,
        allow: Allow,
    },
    /// A page of 2^`size_log2` bytes.
    Page {
        address: u64,
        size_log2: u8,
        allow: Allow,
        global: bool,
    },
}

/// What an entry allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Allow {
    pub(super) read: bool,
    pub(super) write: bool,
}

/// log2 of the bytes that an entry of a table of `level` stands for.
pub(super) const fn entry_log2(level: u8) -> u8 {
    3 + 9 * level
}

/// Offset of the entry for `addr` in a table of `level`, in bytes.
pub(super) const fn entry_offset(level: u8, addr: u64) -> u64 {
    (addr >> entry_log2(level) & 0x1ff) * 8
}

/// Bits 51:12, the address of x86, VT-d and AMD entries.
const ADDRESS: u64 = 0x000f_ffff_ffff_f000;

/// VT-d 9.8, AMD64 volume 2, 5.3.
mod x86 {
    pub(super) const P: u64 = 1;
    pub(super) const RW: u64 = 1 << 1;
    pub(super) const US: u64 = 1 << 2;
    /// Page size, at levels 2 and 3; PAT at level 1.
    pub(super) const PS: u64 = 1 << 7;
    /// PAT of a large page.
    pub(super) const PAT: u64 = 1 << 12;
}

/// VT-d 9.9. An entry without R and W is not present.
mod second {
    pub(super) const R: u64 = 1;
    pub(super) const W: u64 = 1 << 1;
    pub(super) const PS: u64 = 1 << 7;
}

/// Arm ARM D8.3, both stages.
mod lpae {
    /// Bits 1:0. A table, or at the last level a page.
    pub(super) const TABLE_OR_PAGE: u64 = 3;
    pub(super) const BLOCK: u64 = 1;
    pub(super) const TYPE: u64 = 3;
    /// Bits 47:12.
    pub(super) const ADDRESS: u64 = 0x0000_ffff_ffff_f000;
    pub(super) const AF: u64 = 1 << 10;
    /// Inner shareable.
    pub(super) const SH: u64 = 3 << 8;
    /// Stage 1, AP[1]: unprivileged access.
    pub(super) const AP1: u64 = 1 << 6;
    /// Stage 1, AP[2]: read-only.
    pub(super) const AP2: u64 = 1 << 7;
    /// Stage 1: not global.
    pub(super) const NG: u64 = 1 << 11;
    /// Stage 1, APTable[0]: no unprivileged access below.
    pub(super) const APTABLE0: u64 = 1 << 61;
    /// Stage 1, APTable[1]: no write access below.
    pub(super) const APTABLE1: u64 = 1 << 62;
    /// Stage 2, S2AP[0].
    pub(super) const S2_READ: u64 = 1 << 6;
    /// Stage 2, S2AP[1].
    pub(super) const S2_WRITE: u64 = 1 << 7;
    /// Stage 2: normal memory, write-back.
    pub(super) const MEMATTR: u64 = 0xf << 2;
}

/// AMD-Vi 2.2.3.
mod amd {
    pub(super) const PR: u64 = 1;
    pub(super) const NEXT_LEVEL_SHIFT: u32 = 9;
    pub(super) const NEXT_LEVEL: u64 = 7;
    /// Next level: a page of the entry's own size.
    pub(super) const DEFAULT_SIZE: u64 = 0;
    /// Next level: a page whose size is in the address.
    pub(super) const ENCODED_SIZE: u64 = 7;
    /// Force coherent.
    pub(super) const FC: u64 = 1 << 60;
    pub(super) const IR: u64 = 1 << 61;
    pub(super) const IW: u64 = 1 << 62;
}

impl Format {
    /// Whether `addr` has a place in the table.
    pub(super) const fn covers(self, addr: u64) -> bool {
        match self {
            // Canonical: bits 63:48 repeat bit 47.
            Self::X86 => matches!(addr >> 47, 0 | 0x1_ffff),
            Self::VtdSecondStage | Self::LpaeStage1 | Self::LpaeStage2 | Self::AmdV1 => {
                addr >> 48 == 0
            }
        }
    }

    /// What `word` means in a table of `level`.
    pub(super) const fn decode(self, level: u8, word: u64) -> Entry {
        match self {
            Self::X86 => decode_x86(level, word),
            Self::VtdSecondStage => decode_second(level, word),
            Self::LpaeStage1 | Self::LpaeStage2 => self.decode_lpae(level, word),
            Self::AmdV1 => decode_amd(level, word),
        }
    }

    const fn decode_lpae(self, level: u8, word: u64) -> Entry {
        let first = matches!(self, Self::LpaeStage1);
        match (word & lpae::TYPE, level) {
            (lpae::TABLE_OR_PAGE, 2..) => Entry::Table {
                address: word & lpae::ADDRESS,
                level: level - 1,
                allow: Allow {
                    read: !first || word & lpae::APTABLE0 == 0,
                    write: !first || word & (lpae::APTABLE0 | lpae::APTABLE1) == 0,
                },
            },
            (lpae::TABLE_OR_PAGE, _) | (lpae::BLOCK, 2 | 3) if word & lpae::AF != 0 => {
                let allow = if first {
                    let read = word & lpae::AP1 != 0;
                    Allow {
                        read,
                        write: read && word & lpae::AP2 == 0,
                    }
                } else {
                    Allow {
                        read: word & lpae::S2_READ != 0,
                        write: word & lpae::S2_WRITE != 0,
                    }
                };
                Entry::Page {
                    address: word & lpae::ADDRESS & !low_bits(level),
                    size_log2: entry_log2(level),
                    allow,
                    global: first && word & lpae::NG == 0,
                }
            }
            // Reserved descriptors are as invalid as a clear bit 0; without AF the
            // fault is one of the access flag, which is not cached either.
            _ => Entry::Absent,
        }
    }

    /// The entry for a page in a table of `level`.
    pub(super) const fn page(self, level: u8, address: u64, writable: bool) -> u64 {
        let large = level > 1;
        address
            | match self {
                Self::X86 => x86::P | x86::US | flag(writable, x86::RW) | flag(large, x86::PS),
                Self::VtdSecondStage => {
                    second::R | flag(writable, second::W) | flag(large, second::PS)
                }
                Self::LpaeStage1 => {
                    lpae_type(large)
                        | lpae::SH
                        | lpae::AF
                        | lpae::AP1
                        | lpae::NG
                        | flag(!writable, lpae::AP2)
                }
                Self::LpaeStage2 => {
                    lpae_type(large)
                        | lpae::MEMATTR
                        | lpae::SH
                        | lpae::AF
                        | lpae::S2_READ
                        | flag(writable, lpae::S2_WRITE)
                }
                Self::AmdV1 => {
                    amd::PR
                        | amd::DEFAULT_SIZE << amd::NEXT_LEVEL_SHIFT
                        | amd::FC
                        | amd::IR
                        | flag(writable, amd::IW)
                }
            }
    }

    /// The entry for a table of `level`.
    pub(super) const fn table(self, level: u8, address: u64) -> u64 {
        address
            | match self {
                Self::X86 => x86::P | x86::RW | x86::US,
                Self::VtdSecondStage => second::R | second::W,
                Self::LpaeStage1 | Self::LpaeStage2 => lpae::TABLE_OR_PAGE,
                Self::AmdV1 => {
                    amd::PR | (level as u64) << amd::NEXT_LEVEL_SHIFT | amd::IR | amd::IW
                }
            }
    }
}

const fn decode_x86(level: u8, word: u64) -> Entry {
    if word & x86::P == 0 {
        return Entry::Absent;
    }
    let user = word & x86::US != 0;
    let allow = Allow {
        read: user,
        write: user && word & x86::RW != 0,
    };
    let large = level > 1 && word & x86::PS != 0;
    let word = if large { word & !x86::PAT } else { word };
    decode_common(level, word & ADDRESS, large, allow)
}

const fn decode_second(level: u8, word: u64) -> Entry {
    let allow = Allow {
        read: word & second::R != 0,
        write: word & second::W != 0,
    };
    if !allow.read && !allow.write {
        return Entry::Absent;
    }
    decode_common(
        level,
        word & ADDRESS,
        level > 1 && word & second::PS != 0,
        allow,
    )
}

/// A present entry of x86-64 or of VT-d's second stage.
const fn decode_common(level: u8, address: u64, large: bool, allow: Allow) -> Entry {
    if level > 1 && !large {
        return Entry::Table {
            address,
            level: level - 1,
            allow,
        };
    }
    if level == LEVELS || address & low_bits(level) != 0 {
        return Entry::Malformed;
    }
    Entry::Page {
        address,
        size_log2: entry_log2(level),
        allow,
        global: false,
    }
}

const fn decode_amd(level: u8, word: u64) -> Entry {
    if word & amd::PR == 0 {
        return Entry::Absent;
    }
    let allow = Allow {
        read: word & amd::IR != 0,
        write: word & amd::IW != 0,
    };
    let address = word & ADDRESS;
    let size_log2 = match word >> amd::NEXT_LEVEL_SHIFT & amd::NEXT_LEVEL {
        amd::DEFAULT_SIZE => entry_log2(level),
        // The lowest clear bit is the highest of those that the size takes.
        #[expect(clippy::cast_possible_truncation, reason = "at most 64")]
        amd::ENCODED_SIZE => (address | 0xfff).trailing_ones() as u8 + 1,
        #[expect(clippy::cast_possible_truncation, reason = "at most 6")]
        next if (next as u8) < level => {
            return Entry::Table {
                address,
                level: next as u8,
                allow,
            };
        }
        _ => return Entry::Malformed,
    };
    if size_log2 < entry_log2(level) || size_log2 >= entry_log2(level + 1) {
        return Entry::Malformed;
    }
    let encoded = word >> amd::NEXT_LEVEL_SHIFT & amd::NEXT_LEVEL == amd::ENCODED_SIZE;
    let mask = (1 << size_log2) - 1;
    if !encoded && address & mask != 0 {
        return Entry::Malformed;
    }
    Entry::Page {
        address: address & !mask,
        size_log2,
        allow,
        global: false,
    }
}

/// Bits of an address within what an entry of `level` stands for.
const fn low_bits(level: u8) -> u64 {
    (1 << entry_log2(level)) - 1
}

const fn flag(set: bool, bit: u64) -> u64 {
    if set { bit } else { 0 }
}

const fn lpae_type(block: bool) -> u64 {
    if block {
        lpae::BLOCK
    } else {
        lpae::TABLE_OR_PAGE
    }
}
