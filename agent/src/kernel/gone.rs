//! Slots of processes that are gone, for others.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::Path,
};

use aya::{
    Pod,
    maps::{Array, HashMap, Map, MapError, PerCpuArray, PerCpuValues, Queue},
    util::nr_cpus,
};
use hwptop_abi::{BUCKETS, RequestCell, StageCell};

use super::{
    attach::Kernel,
    plain::{Key, Request, Submission},
    read::{absent, add},
};
use crate::totals::{SourceError, Stages};

/// For how many reads a process that is gone is still kept apart, so that its last figures can
/// be looked at: a minute of snapshots at one a second.
const READS_KEPT: u32 = 60;

/// What keys counted that have no slot any more, by the number of their instance in the maps.
pub(super) type Retired = BTreeMap<u32, Stages>;

/// The number of the initial pid namespace's file, `PROC_PID_INIT_INO`: the kernel's programs
/// number processes as it does.
const INITIAL_PIDS: &str = "pid:[4026531836]";

/// The programs' only variable: how often what they remember of slots came to be in doubt.
const ENDED: &str = ".bss";

const NO_REQUEST: RequestCell = RequestCell {
    seen: 0,
    items: 0,
    errors: 0,
    op_errors: 0,
    request_ns: 0,
    op_ns: 0,
    ops_lost: 0,
    unsplit_ns: 0,
    request: [0; BUCKETS],
    op: [0; BUCKETS],
    rest: [0; BUCKETS],
};

/// Processes that are gone and still kept apart, with the reads since that was seen.
#[derive(Debug, Default)]
pub(super) struct Gone(BTreeMap<u32, u32>);

impl Gone {
    /// Those of the `gone` that more than `kept` reads have found so, one after the other.
    fn due(&mut self, gone: &BTreeSet<u32>, kept: u32) -> BTreeSet<u32> {
        // A process that has got the number of one that was gone goes on under it.
        self.0.retain(|tgid, _| gone.contains(tgid));
        for tgid in gone {
            *self.0.entry(*tgid).or_default() += 1;
        }
        let due = self.0.extract_if(.., |_, reads| *reads > kept);
        due.map(|(tgid, _)| tgid).collect()
    }
}

impl Kernel {
    /// Takes the slots back from processes that have been gone for [`READS_KEPT`] reads, or at
    /// once where most are taken. No program can be about to count in such a slot: only the
    /// process' own threads did. What it counted goes to what is not kept apart.
    pub(super) fn retire_the_gone(&mut self) -> Result<(), SourceError> {
        if !numbers_every_process() {
            return Ok(());
        }
        let keys = self.slots_of_keys()?;
        let all: BTreeSet<u32> = keys.iter().map(|(key, _)| key.0.tgid).collect();
        let file = |tgid: &u32| Path::new(&format!("/proc/{tgid}")).try_exists();
        let is_gone = |tgid: &u32| matches!(file(tgid), Ok(false));
        let gone = all.into_iter().filter(is_gone).collect();
        let kept = if is_short(keys.len(), self.slots - self.instances) {
            0
        } else {
            READS_KEPT
        };
        let due = self.gone.due(&gone, kept);
        for (key, slot) in keys.iter().filter(|(key, _)| due.contains(&key.0.tgid)) {
            let counted = self.slot(*slot)?;
            self.free(key, *slot)?;
            add(self.retired.entry(key.0.instance).or_default(), &counted);
        }
        Ok(())
    }

    /// Empties the slot before anyone else can get it.
    fn free(&mut self, key: &Key, slot: u32) -> Result<(), SourceError> {
        let mut slots: HashMap<_, Key, u32> = self.map_mut("SLOT_OF")?;
        slots.remove(key).map_err(SourceError::of_map("SLOT_OF"))?;
        self.forget_known_slots()
            .map_err(SourceError::of_map(ENDED))?;
        let mut requests: PerCpuArray<_, Request> = self.map_mut("REQUESTS")?;
        on_all_cpus(Request(NO_REQUEST))
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

    /// What threads remember of their slots holds no longer: another process may come to have
    /// the number of one that is gone. The kernel's own count may lose what it adds meanwhile,
    /// but never comes to be what it was.
    fn forget_known_slots(&mut self) -> Result<(), MapError> {
        let map = self
            .loaded
            .map_mut(ENDED)
            .ok_or(MapError::ElementNotFound)?;
        let mut ended: Array<_, u64> = Array::try_from(map)?;
        let known = ended.get(&0, 0)?;
        ended.set(0, known.wrapping_add(1 << 32), 0)
    }

    fn map_mut<'a, M: TryFrom<&'a mut Map, Error = MapError>>(
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
    use super::*;

    #[test]
    fn a_process_that_is_gone_is_kept_for_so_many_reads_and_then_due_once() {
        let mut gone = Gone::default();
        let (none, one) = (BTreeSet::new(), BTreeSet::from([7]));
        for _ in 0..READS_KEPT {
            assert_eq!(gone.due(&one, READS_KEPT), none);
        }
        assert_eq!(gone.due(&one, READS_KEPT), one);
        // Its keys are gone now; were they not, it would be kept again.
        assert_eq!(gone.due(&one, READS_KEPT), none);
        assert_eq!(gone.due(&one, 0), one);
    }

    #[test]
    fn a_number_that_comes_back_is_no_longer_gone() {
        let mut gone = Gone::default();
        let (none, one) = (BTreeSet::new(), BTreeSet::from([7]));
        assert_eq!(gone.due(&one, 1), none);
        assert_eq!(gone.due(&none, 1), none);
        assert_eq!(gone.due(&one, 1), none);
        assert_eq!(gone.due(&one, 1), one);
    }

    #[test]
    fn slots_are_taken_back_when_three_quarters_are_in_use() {
        assert!(!is_short(0, 31) && !is_short(23, 31) && is_short(24, 31) && is_short(31, 31));
    }
}
