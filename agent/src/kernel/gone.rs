//! Slots of processes that are gone, for others.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io, mem,
    path::Path,
    time::{Duration, Instant},
};

use aya::{
    Pod,
    maps::{Array, HashMap, Map, MapError, PerCpuArray, PerCpuValues, Queue},
    util::nr_cpus,
};
use hwptop_abi::{RequestCell, StageCell};

use super::{
    attach::Kernel,
    plain::{Key, Request, Submission},
    read::{absent, add},
};
use crate::totals::{SourceError, Stages};

/// For how long a process that is gone or an object that was destroyed is still kept apart, so that
/// its last figures can be looked at and fetched, where nobody says: beside [`READS`].
pub(super) const KEPT: Duration = Duration::from_mins(1);

/// So many reads at least.
const READS: u32 = 3;

/// What keys counted that have no slot any more, by the number of their instance in the maps.
pub(super) type Retired = BTreeMap<u32, Stages>;

/// The number of the initial pid namespace's file, `PROC_PID_INIT_INO`: the kernel's programs
/// number processes as it does.
const INITIAL_PIDS: &str = "pid:[4026531836]";

/// The programs' only variable: how often what they remember of slots came to be in doubt.
const ENDED: &str = ".bss";

/// Processes that are gone and still kept apart, with the reads that found them so, and when
/// the first did.
#[derive(Debug, Default)]
pub(super) struct Gone(BTreeMap<u32, (u32, Instant)>);

impl Gone {
    /// Those of the `gone` that more than so many reads have found so, one after the other, and
    /// for so long.
    fn due(
        &mut self,
        gone: &BTreeSet<u32>,
        (reads, time): (u32, Duration),
        now: Instant,
    ) -> BTreeSet<u32> {
        // A process that has got the number of one that was gone goes on under it.
        self.0.retain(|tgid, _| gone.contains(tgid));
        for tgid in gone {
            self.0.entry(*tgid).or_insert((0, now)).0 += 1;
        }
        let is_due = |_: &u32, (found, since): &mut (u32, Instant)| {
            *found > reads && now.duration_since(*since) >= time
        };
        self.0
            .extract_if(.., is_due)
            .map(|(tgid, _)| tgid)
            .collect()
    }
}

/// The slots of keys, as they are taken back.
pub(super) trait Slots {
    /// What a slot has counted.
    fn counted(&self, slot: u32) -> Result<Stages, SourceError>;
    /// Takes the slot from its key.
    fn part(&mut self, key: &Key) -> Result<(), SourceError>;
    /// Empties a slot that no key has, and gives it to whoever comes next.
    fn free(&mut self, slot: u32) -> Result<(), SourceError>;
}

/// Takes a slot back. Its counts are with the key up to the moment in which they are with
/// what is retired: none is lost, and none is there twice, wherever it fails.
fn retire(
    slots: &mut impl Slots,
    retired: &mut Retired,
    key: &Key,
    slot: u32,
) -> Result<(), SourceError> {
    let counted = slots.counted(slot)?;
    slots.part(key)?;
    add(retired.entry(key.0.instance).or_default(), &counted);
    slots.free(slot)
}

impl Slots for Kernel {
    fn counted(&self, slot: u32) -> Result<Stages, SourceError> {
        self.slot(slot)
    }

    fn part(&mut self, key: &Key) -> Result<(), SourceError> {
        let mut slots: HashMap<_, Key, u32> = self.map_mut("SLOT_OF")?;
        slots.remove(key).map_err(SourceError::of_map("SLOT_OF"))
    }

    fn free(&mut self, slot: u32) -> Result<(), SourceError> {
        self.forget_known_slots()?;
        let mut requests: PerCpuArray<_, Request> = self.map_mut("REQUESTS")?;
        on_all_cpus(Request(RequestCell::ZERO))
            .and_then(|none| requests.set(slot, none, 0))
            .map_err(SourceError::of_map("REQUESTS"))?;
        let mut submissions: PerCpuArray<_, Submission> = self.map_mut("SUBMISSIONS")?;
        on_all_cpus(Submission(StageCell::ZERO))
            .and_then(|none| submissions.set(slot, none, 0))
            .map_err(SourceError::of_map("SUBMISSIONS"))?;
        let mut free: Queue<_, u32> = self.map_mut("FREE_SLOTS")?;
        free.push(slot, 0)
            .map_err(SourceError::of_map("FREE_SLOTS"))
    }
}

impl Kernel {
    /// Takes the slots back from processes and objects that have been gone for as long as they are
    /// kept, or at once where most are taken. What they counted goes to what is not kept apart.
    pub(super) fn retire_the_gone(&mut self) -> Result<(), SourceError> {
        self.free_the_parted()?;
        let mut keys = self.slots_of_keys()?;
        let kept = if is_short(keys.len(), self.slots - self.instances) {
            (0, Duration::ZERO)
        } else {
            (READS, self.kept)
        };
        if self.part_from_the_ended(&keys, kept)? {
            keys = self.slots_of_keys()?;
        }
        if numbers_every_process() {
            self.retire_processes(&keys, kept)?;
        }
        Ok(())
    }

    /// No program can be about to count in the slot of a process that is gone: only its own threads
    /// did.
    fn retire_processes(
        &mut self,
        keys: &[(Key, u32)],
        kept: (u32, Duration),
    ) -> Result<(), SourceError> {
        let all: BTreeSet<u32> = keys.iter().map(|(key, _)| key.0.tgid).collect();
        let file = |tgid: &u32| Path::new(&format!("/proc/{tgid}")).try_exists();
        let is_gone = |tgid: &u32| matches!(file(tgid), Ok(false));
        let gone = all.into_iter().filter(is_gone).collect();
        let due = self.gone.due(&gone, kept, Instant::now());
        let mut retired = mem::take(&mut self.retired);
        let done = keys
            .iter()
            .filter(|(key, _)| due.contains(&key.0.tgid))
            .try_for_each(|(key, slot)| retire(self, &mut retired, key, *slot));
        self.retired = retired;
        done
    }

    /// What threads remember of their slots holds no longer: another process may come to have
    /// the number of one that is gone. The kernel's own count may lose what it adds meanwhile,
    /// but never comes to be what it was.
    pub(super) fn forget_known_slots(&mut self) -> Result<(), SourceError> {
        let mut ended: Array<_, u64> = self.map_mut(ENDED)?;
        let known = ended.get(&0, 0).map_err(SourceError::of_map(ENDED))?;
        ended
            .set(0, known.wrapping_add(1 << 32), 0)
            .map_err(SourceError::of_map(ENDED))
    }

    pub(super) fn map_mut<'a, M: TryFrom<&'a mut Map, Error = MapError>>(
        &'a mut self,
        map: &'static str,
    ) -> Result<M, SourceError> {
        let found = self.loaded.map_mut(map).ok_or_else(|| absent(map))?;
        M::try_from(found).map_err(SourceError::of_map(map))
    }
}

fn on_all_cpus<T: Pod>(value: T) -> Result<PerCpuValues<T>, MapError> {
    let cpus = nr_cpus().map_err(|(_, error)| MapError::from(error))?;
    Ok(PerCpuValues::try_from(vec![value; cpus])?)
}

/// Whether fewer than a quarter of the slots for keys are left. Until then, what a process did
/// that is gone can still be looked at.
fn is_short(taken: usize, room: u32) -> bool {
    4 * taken > 3 * room as usize
}

/// Whether `/proc` has every process, under the number that the kernel's programs know.
fn numbers_every_process() -> bool {
    let is_initial = match fs::read_link("/proc/self/ns/pid") {
        Ok(namespace) => namespace == Path::new(INITIAL_PIDS),
        // A kernel without CONFIG_PID_NS.
        Err(error) => error.kind() == io::ErrorKind::NotFound,
    };
    // A `/proc` that hides other users' processes hides the first one.
    is_initial && Path::new("/proc/1").exists()
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use hwptop_abi::SlotKey;

    use super::*;

    #[test]
    fn a_process_that_is_gone_is_kept_for_so_many_reads_and_so_long() {
        let mut gone = Gone::default();
        let (none, one) = (BTreeSet::new(), BTreeSet::from([7]));
        let kept @ (reads, time) = (READS, KEPT);
        let start = Instant::now();
        for read in 0..reads {
            let now = start + time * read;
            assert_eq!(gone.due(&one, kept, now), none, "too few reads");
        }
        assert_eq!(gone.due(&one, kept, start + time * 9 / 10), none);
        assert_eq!(gone.due(&one, kept, start + time), one);
        // Its keys are gone now; were they not, it would be kept again.
        assert_eq!(gone.due(&one, kept, start + time), none);
        assert_eq!(gone.due(&one, (0, Duration::ZERO), start + time), one);
    }

    #[test]
    fn a_number_that_comes_back_is_no_longer_gone() {
        let mut gone = Gone::default();
        let (none, one) = (BTreeSet::new(), BTreeSet::from([7]));
        let (kept, now) = ((1, Duration::ZERO), Instant::now());
        assert_eq!(gone.due(&one, kept, now), none);
        assert_eq!(gone.due(&none, kept, now), none);
        assert_eq!(gone.due(&one, kept, now), none);
        assert_eq!(gone.due(&one, kept, now), one);
    }

    #[test]
    fn slots_are_taken_back_when_three_quarters_are_in_use() {
        assert!(!is_short(0, 31) && !is_short(23, 31) && is_short(24, 31) && is_short(31, 31));
    }

    /// One key with a slot that counted three requests; a call fails when its turn has come.
    struct Failing {
        at: u32,
        calls: Cell<u32>,
        has_key: bool,
    }

    impl Failing {
        fn turn(&self) -> Result<(), SourceError> {
            self.calls.set(self.calls.get() + 1);
            let fails = self.calls.get() == self.at;
            if fails { Err(absent("A_MAP")) } else { Ok(()) }
        }
    }

    impl Slots for Failing {
        fn counted(&self, _: u32) -> Result<Stages, SourceError> {
            self.turn()?;
            let mut stages = Stages::default();
            stages[0].0.seen = 3;
            Ok(stages)
        }

        fn part(&mut self, _: &Key) -> Result<(), SourceError> {
            self.turn()?;
            self.has_key = false;
            Ok(())
        }

        fn free(&mut self, _: u32) -> Result<(), SourceError> {
            self.turn()
        }
    }

    #[test]
    fn wherever_a_map_fails_what_was_counted_is_there_once() {
        let key = Key(SlotKey {
            tgid: 7,
            instance: 1,
            ..SlotKey::default()
        });
        for at in 0..=3 {
            let mut slots = Failing {
                at,
                calls: Cell::new(0),
                has_key: true,
            };
            let mut retired = Retired::new();
            let done = retire(&mut slots, &mut retired, &key, 5);
            assert_eq!(done.is_ok(), at == 0);
            let with_key = if slots.has_key { 3 } else { 0 };
            let elsewhere = retired.get(&1).map_or(0, |stages| stages[0].0.seen);
            assert_eq!(with_key + elsewhere, 3, "failure at call {at}");
        }
    }
}
