use std::{
    cmp::Reverse,
    collections::{HashMap, HashSet},
};

use hwptop_abi::Stage;

use super::{Names, Processes, activity_since};
use crate::{
    snapshot::{ObjectSnapshot, Owner},
    totals::{ObjectKey, ObjectTotals, Stages},
};

/// The objects one snapshot carries: those with the most requests in the interval. Each
/// takes some ten KiB of histograms.
const OBJECTS_SHOWN: usize = 256;

/// What objects had counted when the last snapshot was taken.
#[derive(Debug, Default)]
pub(super) struct Objects {
    earlier: HashMap<ObjectKey, ObjectTotals>,
}

impl Objects {
    /// Those with the most requests since the last call, and how many others there are: these
    /// are in what is not kept apart, so that the objects of an instance add up to it.
    pub(super) fn snapshots(
        &mut self,
        now: Vec<ObjectTotals>,
        names: &Names,
        processes: &mut Processes,
    ) -> (Vec<ObjectSnapshot>, usize) {
        self.forget_the_gone(&now);
        let mut busiest: Vec<&ObjectTotals> = now.iter().collect();
        busiest.sort_by_cached_key(|object| {
            let total = requests(object);
            let earlier = self.earlier.get(&object.key).map_or(0, requests);
            (
                Reverse(total.saturating_sub(earlier)),
                Reverse(total),
                object.key,
            )
        });
        let others: Vec<&ObjectTotals> = if busiest.len() > OBJECTS_SHOWN {
            // One row of others for every instance is among the most that are shown.
            let (others, mut apart): (Vec<_>, Vec<_>) = busiest
                .into_iter()
                .partition(|object| object.key.tgid.is_none());
            let instances: HashSet<u16> = now.iter().map(|object| object.key.instance).collect();
            let room = OBJECTS_SHOWN.saturating_sub(instances.len());
            let cut = apart.split_off(apart.len().min(room));
            busiest = apart;
            others.into_iter().chain(cut).collect()
        } else {
            Vec::new()
        };
        let left_out = others.iter().filter(|one| one.key.tgid.is_some()).count();
        let mut shown: Vec<ObjectSnapshot> = busiest
            .into_iter()
            .map(|object| {
                let key = object.key;
                let owner = key.tgid.map(|tgid| Owner {
                    context: (key.context != 0).then(|| processes.context(tgid, key.context)),
                    process: processes.process(tgid),
                    hwpt: key.hwpt,
                });
                self.snapshot(object, names, owner)
            })
            .collect();
        for object in others {
            let other = self.snapshot(object, names, None);
            let sum = shown
                .iter_mut()
                .find(|one| one.owner.is_none() && one.instance == other.instance);
            match sum {
                Some(sum) => {
                    sum.interval.add(&other.interval);
                    sum.total.add(&other.total);
                }
                None => shown.push(other),
            }
        }
        self.earlier = now.into_iter().map(|object| (object.key, object)).collect();
        (shown, left_out)
    }

    fn snapshot(
        &self,
        object: &ObjectTotals,
        names: &Names,
        owner: Option<Owner>,
    ) -> ObjectSnapshot {
        let number = object.key.instance;
        let earlier = self.earlier.get(&object.key);
        ObjectSnapshot {
            instance: names.of(number).map(|_| number),
            owner,
            interval: activity_since(&object.stages, earlier.map(|one| &one.stages)),
            total: activity_since(&object.stages, None),
        }
    }

    /// What is no longer kept apart is now in what never was: it was not done again.
    fn forget_the_gone(&mut self, now: &[ObjectTotals]) {
        let there: HashSet<ObjectKey> = now.iter().map(|object| object.key).collect();
        let gone = |key: &ObjectKey, _: &mut ObjectTotals| !there.contains(key);
        for (key, object) in self.earlier.extract_if(gone).collect::<Vec<_>>() {
            let other = ObjectKey {
                tgid: None,
                context: 0,
                hwpt: 0,
                ..key
            };
            let sum = self.earlier.entry(other).or_insert_with(|| ObjectTotals {
                key: other,
                stages: Stages::default(),
            });
            for (sum, stage) in sum.stages.iter_mut().zip(&object.stages) {
                sum.add(&stage.0);
            }
        }
    }
}

fn requests(object: &ObjectTotals) -> u64 {
    object.stages[Stage::Request as usize].0.seen
}
