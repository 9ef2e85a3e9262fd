use super::format::{Entry, LEVELS, entry_log2, entry_offset};
use super::{Format, Words};

/// A table page that a walk has come to, with what the entries on the way to it
/// allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Node {
    /// Address of the table, in bytes: where its words are.
    pub address: u64,
    /// 4 for the root to 1 for tables of 4 KiB pages (VMSAv8-64 counts 0 to 3).
    pub level: u8,
    /// No entry on the way denies reads.
    pub read: bool,
    /// No entry on the way denies writes.
    pub write: bool,
}

/// The end of a walk: where a page leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Leaf {
    /// Address of the page, in bytes, aligned to its size.
    pub address: u64,
    /// The page has 2^this bytes.
    pub size_log2: u8,
    /// Reads are allowed.
    pub read: bool,
    /// Writes are allowed.
    pub write: bool,
    /// The same for every ASID (VMSAv8-64 stage 1: nG is 0).
    pub global: bool,
}

/// Why a walk found no page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, thiserror::Error)]
#[error("{reason} at level {level}")]
pub struct WalkFault<E> {
    /// Level of the entry, 4 to 1 as in [`Node::level`]; 4 also where the address
    /// has too many bits.
    pub level: u8,
    /// What is wrong with it.
    pub reason: WalkFaultReason<E>,
}

impl Node {
    /// A root table at `address`: level 4, nothing denied.
    #[must_use]
    pub const fn root(address: u64) -> Self {
        Self {
            address,
            level: LEVELS,
            read: true,
            write: true,
        }
    }

    /// log2 of the bytes of input addresses that the table stands for: 21 for a
    /// table of 4 KiB pages, 48 for a root.
    #[must_use]
    pub const fn span_log2(self) -> u8 {
        entry_log2(self.level + 1)
    }
}

/// What stops a walk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, thiserror::Error)]
pub enum WalkFaultReason<E> {
    /// The input address has more than 48 bits (or is not canonical).
    #[error("input address out of range")]
    AddressSize,
    /// The entry is not present, or its access flag is clear.
    #[error("no page")]
    NotPresent,
    /// The entry has a value that the format does not have.
    #[error("malformed entry")]
    Malformed,
    /// No memory where the table should be.
    #[error("no memory")]
    NoMemory,
    /// The address of the table could not be resolved.
    #[error("table not reachable: {0}")]
    Table(E),
}

/// Looks up `addr` from `start` on: the root, or a table that an earlier walk told.
///
/// `resolve` turns the address of a table as it is in an entry into where its words
/// are (for stage 1: through stage 2). `tell` learns each table below `start`.
///
/// # Errors
/// There is no page for `addr`.
pub fn walk<W: Words, E>(
    format: Format,
    start: Node,
    addr: u64,
    words: &W,
    mut resolve: impl FnMut(u64) -> Result<u64, E>,
    mut tell: impl FnMut(Node),
) -> Result<Leaf, WalkFault<E>> {
    let mut node = start;
    let fault = |level, reason| WalkFault { level, reason };
    if !format.covers(addr) {
        return Err(fault(LEVELS, WalkFaultReason::AddressSize));
    }
    loop {
        let level = node.level;
        let word = words
            .load(node.address.wrapping_add(entry_offset(level, addr)))
            .ok_or(fault(level, WalkFaultReason::NoMemory))?;
        match format.decode(level, word) {
            Entry::Absent => return Err(fault(level, WalkFaultReason::NotPresent)),
            Entry::Malformed => return Err(fault(level, WalkFaultReason::Malformed)),
            Entry::Table {
                address,
                level: next,
                allow,
            } => {
                // Levels can be left out where their bits of the address are 0
                // (AMD-Vi 2.2.3).
                let kept = entry_log2(next + 1);
                if addr >> kept & ((1 << (entry_log2(level) - kept)) - 1) != 0 {
                    return Err(fault(level, WalkFaultReason::NotPresent));
                }
                node = Node {
                    address: resolve(address)
                        .map_err(|error| fault(level, WalkFaultReason::Table(error)))?,
                    level: next,
                    read: node.read && allow.read,
                    write: node.write && allow.write,
                };
                tell(node);
            }
            Entry::Page {
                address,
                size_log2,
                allow,
                global,
            } => {
                return Ok(Leaf {
                    address,
                    size_log2,
                    read: node.read && allow.read,
                    write: node.write && allow.write,
                    global,
                });
            }
        }
    }
}
