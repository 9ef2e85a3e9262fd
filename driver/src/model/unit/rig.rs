//! What the tests of the three units share: memory with tables in it, and a look at
//! what a unit makes of them.

pub(super) mod bench;

use vm_memory::{GuestAddress, GuestMemoryMmap};

use super::TranslationFault;
use crate::model::config::{Gpa, Iova, Pa, Stage2};
use crate::model::tables::{Format, Mapping, PageAllocator, Shifted, Table, Words};
use crate::{Command, DeviceId, HardwareError, Pasid};

/// Host-physical address of the guest's address 0.
const GUEST: u64 = 0x80_0000;
const GUEST_BYTES: u64 = 0x20_0000;

/// Guest pages that the probed addresses lead to, before and after a change.
pub(super) const OLD: u64 = 0x1000;
pub(super) const NEW: u64 = 0x2000;

/// Probed addresses, each behind a last-level table of its own.
pub(super) const X: u64 = 0x20_1000;
pub(super) const Y: u64 = 0x60_1000;
pub(super) const Z: u64 = 0xa0_1000;

pub(super) const A: DeviceId = DeviceId(0x10);
pub(super) const B: DeviceId = DeviceId(0x20);
pub(super) const C: DeviceId = DeviceId(0x30);

/// How software changes what the probed addresses lead to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// The entry of the page.
    Leaf,
    /// The last-level table: the old one stays as it was, unlinked.
    Table,
    /// The entry of stage 2 for the page that stage 1 leads to.
    StageTwo,
    /// The configuration, to other tables under other tags; the old ones stay.
    Config,
}

/// A host's memory, and a guest in it.
pub(super) struct Rig {
    pub(super) memory: GuestMemoryMmap,
    host_pages: PageAllocator,
    guest_pages: PageAllocator,
}

impl Rig {
    pub(super) fn new() -> Self {
        let memory = GuestMemoryMmap::from_ranges(&[(GuestAddress(0), 0xa0_0000)]).unwrap();
        Self {
            memory,
            host_pages: PageAllocator::new(0x1000..GUEST),
            guest_pages: PageAllocator::new(0x10_0000..GUEST_BYTES),
        }
    }

    pub(super) fn guest(&self) -> Shifted<&GuestMemoryMmap> {
        Shifted {
            host: &self.memory,
            base: GUEST,
            len: GUEST_BYTES,
        }
    }

    /// A stage 2 that maps the guest's memory in pages of 4 KiB.
    pub(super) fn stage_two(&mut self, format: Format) -> Table {
        let table = Table::new(format, &self.memory, &mut self.host_pages).unwrap();
        for gpa in (0..GUEST_BYTES).step_by(0x1000) {
            self.map_two(table, gpa, gpa);
        }
        table
    }

    pub(super) fn stage_one(&mut self, format: Format) -> Table {
        let guest = Shifted {
            host: &self.memory,
            base: GUEST,
            len: GUEST_BYTES,
        };
        Table::new(format, &guest, &mut self.guest_pages).unwrap()
    }

    pub(super) fn map_one(&mut self, table: Table, from: u64, to: u64, size_log2: u8) {
        let guest = Shifted {
            host: &self.memory,
            base: GUEST,
            len: GUEST_BYTES,
        };
        let mapping = Mapping {
            from,
            to,
            size_log2,
            writable: true,
        };
        table.map(&guest, &mut self.guest_pages, mapping).unwrap();
    }

    /// Maps `from` to the host's page that holds the guest's page `to`.
    pub(super) fn map_two(&mut self, table: Table, from: u64, to: u64) {
        let mapping = Mapping {
            from,
            to: GUEST + to,
            size_log2: 12,
            writable: true,
        };
        table
            .map(&self.memory, &mut self.host_pages, mapping)
            .unwrap();
    }

    /// Points a probed address of a stage 1 to [`NEW`].
    pub(super) fn change_one(&mut self, table: Table, addr: u64, change: Change) {
        if change == Change::Table {
            let unlinked = table.unmap(&self.guest(), addr & !0x1f_ffff, 21).unwrap();
            assert_eq!(unlinked.len(), 1);
        }
        self.map_one(table, addr, NEW, 12);
    }

    /// Points a probed address of a stage 2 to [`NEW`].
    pub(super) fn change_two(&mut self, table: Table, addr: u64, change: Change) {
        if change == Change::Table {
            let unlinked = table.unmap(&self.memory, addr & !0x1f_ffff, 21).unwrap();
            assert_eq!(unlinked.len(), 1);
        }
        self.map_two(table, addr, NEW);
    }

    /// Writes a word of the guest's memory.
    pub(super) fn write(&self, gpa: u64, value: u64) {
        assert!(self.guest().store(gpa, value));
    }
}

pub(super) const fn root_two(table: Table) -> Stage2 {
    Stage2 {
        root: Pa(table.root),
    }
}

pub(super) const fn root_one(table: Table) -> Gpa {
    Gpa(table.root)
}

/// A transaction that a test looks at: device, PASID and address.
pub(super) type Probe = (DeviceId, u32, u64);

/// For each probe whether it leads to the old (`O`) or the new (`N`) page, or
/// faults (`F`).
pub(super) fn look(
    probes: &[Probe],
    translate: impl Fn(DeviceId, Pasid, Iova, bool) -> Result<Pa, TranslationFault>,
) -> String {
    let look = |&(device, pasid, addr): &Probe| match translate(
        device,
        Pasid(pasid),
        Iova(addr + 0x123),
        true,
    ) {
        Ok(Pa(pa)) if pa == GUEST + OLD + 0x123 => 'O',
        Ok(Pa(pa)) if pa == GUEST + NEW + 0x123 => 'N',
        Ok(pa) => panic!("{pa:?} was never mapped"),
        Err(_) => 'F',
    };
    probes.iter().map(look).collect()
}

/// Executes commands that are words of the specification.
pub(super) fn run(unit: &impl crate::Unit, commands: &[[u64; 2]]) -> Result<(), HardwareError> {
    commands
        .iter()
        .try_for_each(|&words| unit.execute(Command::from_words(words)))
}
