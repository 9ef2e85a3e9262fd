//! Slots of objects that were destroyed, alone or with their context, while their process goes on, for others.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use aya::maps::{MapError, Queue};
use hwptop_abi::{ENDED_OBJECTS_MAX, WHOLE_CONTEXT};

use super::{
    attach::Kernel,
    gone::Slots as _,
    plain::{Key, Object},
    read::add,
};
use crate::{snapshot::Stage, totals::SourceError};

/// An object: the iommufd context and the id in it.
type Id = (u64, u32);

/// What is known of objects that were destroyed.
#[derive(Debug, Default)]
pub(super) struct Ended {
    noted: BTreeMap<Id, Noted>,
    /// Slots without a key since the last read, with the number of their instance. A program may
    /// have been about to count in one; at the next read none is.
    pub(super) parted: Vec<(u32, u32)>,
}

/// What an object had done when it was destroyed, and how long that has been all.
#[derive(Debug)]
struct Noted {
    requests: u64,
    since: Instant,
    reads: u32,
}

impl Ended {
    /// Notes what was `destroyed`, and takes out what more than so many reads have found so since,
    /// and for so long. `requests` are those that each object has made: one that makes another
    /// lives, or is a new one with the same id.
    fn due(
        &mut self,
        destroyed: &BTreeSet<Id>,
        requests: &BTreeMap<Id, u64>,
        (reads, time): (u32, Duration),
        now: Instant,
    ) -> BTreeSet<Id> {
        for id in destroyed {
            let noted = |&requests| Noted {
                requests,
                since: now,
                reads: 0,
            };
            self.noted
                .extend(requests.get(id).map(|made| (*id, noted(made))));
        }
        self.noted
            .retain(|id, noted| requests.get(id) == Some(&noted.requests));
        let is_due = |_: &Id, noted: &mut Noted| {
            noted.reads += 1;
            noted.reads > reads && now.duration_since(noted.since) >= time
        };
        let due = self.noted.extract_if(.., is_due);
        due.map(|(id, _)| id).collect()
    }

    fn knows(&self, id: Id) -> bool {
        self.noted.contains_key(&id)
    }
}

fn id(key: &Key) -> Id {
    (key.0.context, key.0.hwpt)
}

/// Adds those of `all` whose context is in `destroyed` as a whole.
fn with_all_of_contexts(destroyed: &mut BTreeSet<Id>, all: impl Iterator<Item = Id>) {
    for (context, id) in all {
        if destroyed.contains(&(context, WHOLE_CONTEXT)) {
            destroyed.insert((context, id));
        }
    }
}

impl Kernel {
    /// Takes the slots back from objects that were destroyed as long ago as `kept` says: their
    /// keys at once, and what is in them at the next read. `keys` are all there are; answers whether
    /// some are not any more.
    pub(super) fn part_from_the_ended(
        &mut self,
        keys: &[(Key, u32)],
        kept: (u32, Duration),
    ) -> Result<bool, SourceError> {
        let mut destroyed = self.destroyed()?;
        with_all_of_contexts(&mut destroyed, keys.iter().map(|(key, _)| id(key)));
        let mut requests = BTreeMap::new();
        for (key, slot) in keys {
            if destroyed.contains(&id(key)) || self.ended.knows(id(key)) {
                let seen = self.counted(*slot)?[Stage::Request as usize].0.seen;
                *requests.entry(id(key)).or_default() += seen;
            }
        }
        let due = self.ended.due(&destroyed, &requests, kept, Instant::now());
        for (key, slot) in keys.iter().filter(|(key, _)| due.contains(&id(key))) {
            self.part(key)?;
            self.ended.parted.push((key.0.instance, *slot));
        }
        if !due.is_empty() {
            self.forget_known_slots()?;
        }
        Ok(!due.is_empty())
    }

    /// Empties the slots that have had no key since the last read.
    pub(super) fn free_the_parted(&mut self) -> Result<(), SourceError> {
        while let Some(&(instance, slot)) = self.ended.parted.last() {
            let counted = self.counted(slot)?;
            self.ended.parted.pop();
            add(self.retired.entry(instance).or_default(), &counted);
            self.free(slot)?;
        }
        Ok(())
    }

    /// What was destroyed since the last read.
    fn destroyed(&mut self) -> Result<BTreeSet<Id>, SourceError> {
        const MAP: &str = "ENDED_OBJECTS";
        let mut queue: Queue<_, Object> = self.map_mut(MAP)?;
        let mut destroyed = BTreeSet::new();
        // As many as there is room for, however fast others come.
        for _ in 0..ENDED_OBJECTS_MAX {
            match queue.pop(0) {
                Ok(Object(object)) => destroyed.insert((object.context, object.id)),
                Err(MapError::ElementNotFound) => break,
                Err(error) => return Err(SourceError::of_map(MAP)(error)),
            };
        }
        Ok(destroyed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEPT: (u32, Duration) = (2, Duration::from_mins(1));
    const ID: Id = (0xffff_8881, 4);

    fn made(requests: u64) -> BTreeMap<Id, u64> {
        BTreeMap::from([(ID, requests)])
    }

    #[test]
    fn what_was_destroyed_is_kept_for_so_many_reads_and_so_long() {
        let (mut ended, start) = (Ended::default(), Instant::now());
        let (none, it) = (BTreeSet::new(), BTreeSet::from([ID]));
        let other = BTreeSet::from([(1, 1)]);
        assert_eq!(ended.due(&other, &made(3), KEPT, start), none);
        assert!(!ended.knows(ID) && !ended.knows((1, 1)), "it has no key");
        assert_eq!(ended.due(&it, &made(3), KEPT, start), none);
        assert!(ended.knows(ID));
        assert_eq!(ended.due(&none, &made(3), KEPT, start + KEPT.1 / 2), none);
        assert_eq!(ended.due(&none, &made(3), KEPT, start + KEPT.1), it);
        assert!(!ended.knows(ID));
    }

    #[test]
    fn one_that_makes_requests_lives_or_is_another_with_the_same_id() {
        let (mut ended, start) = (Ended::default(), Instant::now());
        let (none, it) = (BTreeSet::new(), BTreeSet::from([ID]));
        let at_once = (0, Duration::ZERO);
        assert_eq!(ended.due(&it, &made(3), KEPT, start), none);
        assert_eq!(ended.due(&none, &made(4), at_once, start), none);
        assert!(!ended.knows(ID));
        assert_eq!(ended.due(&it, &made(4), at_once, start), it);
    }

    #[test]
    fn a_context_that_is_closed_takes_all_of_its_objects_and_no_others() {
        let all = [(1, 4), (1, 5), (2, 4)];
        let mut destroyed = BTreeSet::from([(1, WHOLE_CONTEXT)]);
        with_all_of_contexts(&mut destroyed, all.into_iter());
        assert_eq!(
            destroyed,
            BTreeSet::from([(1, WHOLE_CONTEXT), (1, 4), (1, 5)])
        );
    }
}
