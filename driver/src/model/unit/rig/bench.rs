//! A unit in front of a guest's tables: a change must not be seen before the command that
//! is for it.

use vm_memory::GuestMemoryMmap;

use super::{A, B, C, Change, NEW, OLD, Probe, Rig, X, look, run};
use crate::model::config::{Iova, Pa};
use crate::model::tables::{Format, Table};
use crate::model::unit::TranslationFault;
use crate::{DeviceId, Pasid, Unit};

/// Root tables that lead the probes to a page of the guest.
#[derive(Clone, Copy)]
pub(in crate::model::unit) struct Tables {
    pub(in crate::model::unit) two: Table,
    pub(in crate::model::unit) ones: [Table; 4],
}

/// A vendor's unit, and what is tested of it.
pub(in crate::model::unit) trait Subject: Unit + Sized {
    /// Formats of stages 1 and 2.
    const FORMATS: [Format; 2];
    const PROBES: &'static [Probe];
    /// The pages of stage 1 behind the probes: which of the tables, and the address.
    const PAGES: &'static [(usize, u64)];
    /// Commands that make a unit, but no device, forget everything.
    const FORGET: &'static [[u64; 2]];

    fn new(memory: GuestMemoryMmap) -> Self;

    /// Configures the devices, where it `changed` in other places and with other tags.
    fn configure(&self, rig: &Rig, tables: Tables, changed: bool);

    /// What is to be done when the pages of stage 1 were written.
    fn finish(_: &Rig, _: Tables) {}

    fn translate(
        &self,
        device: DeviceId,
        pasid: Pasid,
        iova: Iova,
        write: bool,
    ) -> Result<Pa, TranslationFault>;

    fn set_ats(&self, device: DeviceId);

    fn clear(&self);
}

/// What is the same of every vendor's unit in a [`Subject`].
macro_rules! inherent {
    ($unit:ty) => {
        fn new(memory: vm_memory::GuestMemoryMmap) -> Self {
            <$unit>::new(memory)
        }

        fn translate(
            &self,
            device: crate::DeviceId,
            pasid: crate::Pasid,
            iova: crate::model::config::Iova,
            write: bool,
        ) -> Result<crate::model::config::Pa, crate::model::unit::TranslationFault> {
            <$unit>::translate(self, device, pasid, iova, write)
        }

        fn set_ats(&self, device: crate::DeviceId) {
            <$unit>::set_ats(self, device, true);
        }

        fn clear(&self) {
            <$unit>::clear(self);
        }
    };
}
pub(in crate::model::unit) use inherent;

pub(in crate::model::unit) struct Bench<U> {
    pub(in crate::model::unit) rig: Rig,
    pub(in crate::model::unit) unit: U,
    pub(in crate::model::unit) tables: Tables,
}

impl<U: Subject> Bench<U> {
    pub(in crate::model::unit) fn new() -> Self {
        let mut rig = Rig::new();
        let unit = U::new(rig.memory.clone());
        let tables = tables::<U>(&mut rig, OLD);
        unit.configure(&rig, tables, false);
        Self { rig, unit, tables }
    }

    /// With ATCs in all devices.
    pub(in crate::model::unit) fn with_ats() -> Self {
        let bench = Self::new();
        for device in [A, B, C] {
            bench.unit.set_ats(device);
        }
        bench
    }

    /// Tables that lead the probes to the new page.
    pub(in crate::model::unit) fn new_tables(&mut self) -> Tables {
        tables::<U>(&mut self.rig, NEW)
    }

    pub(in crate::model::unit) fn change(&mut self, change: Change) {
        let Tables { two, ones } = self.tables;
        match change {
            Change::Leaf | Change::Table => {
                for &(table, addr) in U::PAGES {
                    self.rig.change_one(ones[table], addr, change);
                }
                U::finish(&self.rig, self.tables);
                self.rig.change_two(two, X, change);
            }
            Change::StageTwo => self.rig.change_two(two, OLD, change),
            Change::Config => {
                let tables = self.new_tables();
                self.unit.configure(&self.rig, tables, true);
            }
        }
    }

    pub(in crate::model::unit) fn look(&self) -> String {
        self.look_at(U::PROBES)
    }

    pub(in crate::model::unit) fn look_at(&self, probes: &[Probe]) -> String {
        look(probes, |device, pasid, iova, write| {
            self.unit.translate(device, pasid, iova, write)
        })
    }

    pub(in crate::model::unit) fn run(&self, commands: &[[u64; 2]]) {
        run(&self.unit, commands).unwrap();
    }
}

fn tables<U: Subject>(rig: &mut Rig, to: u64) -> Tables {
    let [one, two] = U::FORMATS;
    let two = rig.stage_two(two);
    rig.map_two(two, X, to);
    let ones = [(); 4].map(|()| rig.stage_one(one));
    for &(table, addr) in U::PAGES {
        rig.map_one(ones[table], addr, to, 12);
    }
    let tables = Tables { two, ones };
    U::finish(rig, tables);
    tables
}

/// What the probes see after a change and then `commands`.
pub(in crate::model::unit) fn after<U: Subject>(change: Change, commands: &[[u64; 2]]) -> String {
    let mut bench = Bench::<U>::new();
    let old = "O".repeat(U::PROBES.len());
    assert_eq!(bench.look(), old);
    bench.change(change);
    assert_eq!(bench.look(), old, "the caches are real");
    bench.run(commands);
    bench.look()
}

/// As [`after`], with ATCs: the unit forgets everything, the devices do not. `probes` are
/// looked at.
pub(in crate::model::unit) fn after_atc<U: Subject>(
    probes: &[Probe],
    commands: &[[u64; 2]],
) -> String {
    let mut bench = Bench::<U>::with_ats();
    let old = "O".repeat(probes.len());
    assert_eq!(bench.look_at(probes), old);
    bench.change(Change::Leaf);
    bench.run(U::FORGET);
    assert_eq!(bench.look_at(probes), old, "ATCs are real");
    bench.run(commands);
    bench.look_at(probes)
}

/// What the probes see after a change where nothing is cached.
pub(in crate::model::unit) fn uncached<U: Subject>(change: Change) -> String {
    let mut bench = Bench::<U>::new();
    bench.look();
    bench.change(change);
    bench.unit.clear();
    bench.look()
}
