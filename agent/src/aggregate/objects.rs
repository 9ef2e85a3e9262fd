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
    /// Those with the most requests since the last call, and how many others there are.
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
        let left_out = busiest.len().saturating_sub(OBJECTS_SHOWN);
        busiest.truncate(OBJECTS_SHOWN);
        let shown = busiest
            .into_iter()
            .map(|object| {
                let key = object.key;
                let earlier = self.earlier.get(&key);
                ObjectSnapshot {
                    instance: names.of(key.instance).map(|_| key.instance),
                    owner: key.tgid.map(|tgid| Owner {
                        context: (key.context != 0).then(|| processes.context(tgid, key.context)),
                        process: processes.process(tgid),
                        hwpt: key.hwpt,
                    }),
                    interval: activity_since(&object.stages, earlier.map(|one| &one.stages)),
                    total: activity_since(&object.stages, None),
                }
            })
            .collect();
        self.earlier = now.into_iter().map(|object| (object.key, object)).collect();
        (shown, left_out)
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
