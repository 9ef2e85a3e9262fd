use super::super::config::{Pa, Stage2};
use super::super::tables::{Format, Mapping, Table, TableError};
use super::host::Host;
use super::stage2;
use super::tags::{HostIds, Tags};
use crate::{HardwareQueue, ObjectId, SubmitError, Vendor};

/// Bits of an input address, in the formats of all three vendors.
pub(super) const ADDRESS_BITS: u32 = 48;

/// The largest page: 1 GiB.
const PAGE_LOG2_MAX: u8 = 30;

/// What is behind a paging HWPT: a stage 2 table and who may have cached it.
pub(super) struct Domain<Q> {
    pub(super) hwpt: ObjectId,
    pub(super) vendor: Vendor,
    pub(super) nest_parent: bool,
    table: Table,
    /// Of attachments to the HWPT itself and to those nested on it.
    pub(super) tags: Tags<Q>,
    pub(super) ids: HostIds<Q>,
}

/// Why a range stays in the table or in caches.
#[derive(Clone, Copy)]
pub(super) enum UnmapError {
    /// The table could not be written.
    Table,
    Hardware(SubmitError),
}

impl<Q> Domain<Q> {
    pub(super) fn new(
        host: &Host,
        hwpt: ObjectId,
        vendor: Vendor,
        nest_parent: bool,
    ) -> Result<Self, TableError> {
        let format = match vendor {
            Vendor::Vtd => Format::VtdSecondStage,
            Vendor::SmmuV3 => Format::LpaeStage2,
            Vendor::AmdVi => Format::AmdV1,
        };
        Ok(Self {
            hwpt,
            vendor,
            nest_parent,
            table: Table::new(format, &host.memory, &mut host.pages())?,
            tags: Tags::new(),
            ids: HostIds::new(),
        })
    }

    pub(super) const fn stage2(&self) -> Stage2 {
        Stage2 {
            root: Pa(self.table.root),
        }
    }

    /// Writes a range of 4 KiB pages with the largest pages that fit. What was not
    /// present is cached nowhere, so that nothing needs to be invalidated. For the same
    /// reason a table that is empty by now stays, and gets smaller pages.
    ///
    /// On an error a part of the range may be written.
    pub(super) fn map(
        &self,
        host: &Host,
        from: u64,
        to: u64,
        length: u64,
        writable: bool,
    ) -> Result<(), TableError> {
        let mut pages = host.pages();
        let mut done = 0;
        let mut largest = PAGE_LOG2_MAX;
        while done < length {
            let size_log2 = block((from + done) | (to + done), length - done, largest);
            let mapping = Mapping {
                from: from + done,
                to: to + done,
                size_log2,
                writable,
            };
            match self.table.map(&host.memory, &mut pages, mapping) {
                Err(TableError::Occupied) if size_log2 > 12 => largest = size_log2 - 9,
                mapped => {
                    mapped?;
                    done += 1 << size_log2;
                    largest = PAGE_LOG2_MAX;
                }
            }
        }
        Ok(())
    }

    /// Clears a range that is a whole number of mappings. Returns the table pages that
    /// became free.
    fn clear(&self, host: &Host, from: u64, length: u64) -> Result<Vec<u64>, TableError> {
        let _writer = host.pages();
        let mut freed = Vec::new();
        let mut done = 0;
        while done < length {
            let size_log2 = block(from + done, length - done, 39);
            freed.extend(self.table.unmap(&host.memory, from + done, size_log2)?);
            done += 1 << size_log2;
        }
        Ok(freed)
    }

    /// Gives the table's pages back. Nothing is attached any more.
    pub(super) fn free(&self, host: &Host) {
        if let Ok(mut freed) = self.clear(host, 0, 1 << ADDRESS_BITS) {
            freed.push(self.table.root);
            host.free(freed);
        }
    }
}

impl<Q: HardwareQueue> Domain<Q> {
    /// Clears a range that is a whole number of mappings, and returns when nobody can
    /// use it any more.
    ///
    /// Where the hardware does not confirm that, the table pages that became free are
    /// never used again: it may still walk them.
    pub(super) fn unmap(&self, host: &Host, from: u64, length: u64) -> Result<(), UnmapError> {
        let freed = self
            .clear(host, from, length)
            .map_err(|_| UnmapError::Table)?;
        stage2::flush(self, from, length, freed.is_empty()).map_err(UnmapError::Hardware)?;
        host.free(freed);
        Ok(())
    }
}

/// The largest block of 4 KiB, 2 MiB, 1 GiB or 512 GiB, up to 2^`max`, that is aligned
/// at `address` and not longer than `length`.
const fn block(address: u64, length: u64, max: u8) -> u8 {
    let mut size_log2 = max;
    while size_log2 > 12 {
        let size = 1 << size_log2;
        if address & (size - 1) == 0 && size <= length {
            break;
        }
        size_log2 -= 9;
    }
    size_log2
}
