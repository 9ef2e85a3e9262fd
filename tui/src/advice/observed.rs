//! What is kept of every part that requests come from.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, VecDeque},
};

use hwptop_agent::snapshot::{Scope, Snapshot};

use super::cost::Sample;

/// Intervals kept of each part: long enough to tell costs apart, short enough to follow a change.
const INTERVALS: usize = 120;
/// Parts that are kept apart: those that a snapshot carries twice over.
const PARTS: usize = 1024;

/// The last intervals of every instance, process and object that did anything in them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Observed {
    parts: BTreeMap<Scope, Part>,
    /// Intervals seen.
    now: u64,
}

/// The intervals that it was seen in, by their number, oldest first.
#[derive(Clone, Debug, Default)]
struct Part {
    samples: VecDeque<(u64, Sample)>,
}

impl Part {
    /// The last interval that it was seen in.
    fn seen(&self) -> u64 {
        self.samples.back().map_or(0, |(at, _)| *at)
    }
}

impl Observed {
    pub(crate) fn push(&mut self, snapshot: &Snapshot) {
        self.now += 1;
        let now = self.now;
        for (scope, sample) in samples(snapshot) {
            let part = self.parts.entry(scope).or_default();
            part.samples.push_back((now, sample));
            if part.samples.len() > INTERVALS {
                part.samples.pop_front();
            }
        }
        // A part with few requests is not in every snapshot.
        let recent = |_: &Scope, part: &mut Part| now - part.seen() < INTERVALS as u64;
        self.parts.retain(recent);
        self.forget_beyond(PARTS);
    }

    /// As it was before its `intervals` newest, as far as those before them are kept.
    pub(crate) fn before(&self, intervals: usize) -> Self {
        let intervals = u64::try_from(intervals).unwrap_or(u64::MAX);
        let now = self.now.saturating_sub(intervals);
        let mut parts = self.parts.clone();
        parts.retain(|_, part| {
            let earlier = part.samples.partition_point(|(at, _)| *at <= now);
            part.samples.truncate(earlier);
            earlier > 0
        });
        Self { parts, now }
    }

    /// Forgets those that were not seen for longest, instances last.
    fn forget_beyond(&mut self, most: usize) {
        let excess = self.parts.len().saturating_sub(most);
        if excess == 0 {
            return;
        }
        let parts = self.parts.iter();
        let mut parts: Vec<_> = parts
            .map(|(scope, part)| (part.seen(), Reverse(scope.clone())))
            .collect();
        parts.sort_unstable();
        for (_, Reverse(scope)) in &parts[..excess] {
            self.parts.remove(scope);
        }
    }

    /// The intervals of `scope`, oldest first.
    pub(super) fn of(&self, scope: &Scope) -> Vec<Sample> {
        let part = self.parts.get(scope);
        part.map_or_else(Vec::new, |part| {
            part.samples.iter().map(|(_, sample)| *sample).collect()
        })
    }

    /// The memory that it takes, about.
    pub(crate) fn bytes(&self) -> usize {
        let parts = self.parts.values();
        let samples: usize = parts.map(|part| part.samples.capacity()).sum();
        samples * size_of::<(u64, Sample)>() + self.parts.len() * size_of::<(Scope, Part)>()
    }
}

fn samples(snapshot: &Snapshot) -> BTreeMap<Scope, Sample> {
    let mut samples = BTreeMap::new();
    for instance in &snapshot.instances {
        let mut sample = Sample::of(snapshot, &instance.interval);
        if sample.syncs.is_none() && snapshot.is_of_the_kernel() {
            sample.fewest = fewest(snapshot, instance.number, sample.requests);
        }
        samples.insert(Scope::Instance(instance.name.clone()), sample);
    }
    for object in &snapshot.objects {
        let Some(owner) = &object.owner else { continue };
        let sample = Sample::of(snapshot, &object.interval);
        let scope = Scope::of_object(snapshot, object);
        let process = Scope::Process(owner.process.id);
        for scope in scope.into_iter().chain([process]) {
            let sum = samples.entry(scope);
            sum.and_modify(|sum| sum.add(&sample)).or_insert(sample);
        }
    }
    samples
}

/// The fewest of the `requests` of an instance: those of different objects cannot be one.
fn fewest(snapshot: &Snapshot, instance: u16, requests: u64) -> u64 {
    let objects = snapshot.objects.iter();
    let known = objects.filter(|one| one.instance == Some(instance) && one.owner.is_some());
    let saved = known.map(|one| {
        let sample = Sample::of(snapshot, &one.interval);
        sample.requests.saturating_sub(sample.fewest)
    });
    requests.saturating_sub(saved.fold(0, u64::saturating_add))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{self, kernel};

    #[test]
    fn memory_is_bounded_however_many_parts_come_and_go() {
        let mut observed = Observed::default();
        let mut snapshot = kernel::thousand_objects();
        for round in 0..20_u32 {
            for object in &mut snapshot.objects {
                let owner = object.owner.as_mut().unwrap();
                owner.process.id = owner.process.id % 1000 + round * 1000;
            }
            observed.push(&snapshot);
        }
        assert!(observed.parts.len() <= PARTS);
        for _ in 0..INTERVALS + 3 {
            observed.push(&fixture::snapshot());
        }
        assert_eq!(observed.parts.len(), 2, "those that are gone are forgotten");
        assert_eq!(
            observed.of(&Scope::Instance("model-vtd0".to_owned())).len(),
            INTERVALS
        );
        assert!(observed.bytes() < 1 << 20);
    }

    #[test]
    fn of_a_part_that_is_not_in_every_interval_only_the_later_are_cut_off() {
        let host = kernel::host();
        let mut observed = Observed::default();
        for second in 0..10 {
            let mut next = host.clone();
            if second % 2 == 0 {
                next.objects.clear();
            }
            observed.push(&next);
        }
        let of = |intervals, scope: &Scope| observed.before(intervals).of(scope).len();
        let instance = Scope::Instance("dmar0".to_owned());
        let process = Scope::Process(4711);
        assert_eq!((of(0, &instance), of(0, &process)), (10, 5));
        assert_eq!((of(3, &instance), of(3, &process)), (7, 3));
        assert_eq!((of(9, &instance), of(9, &process)), (1, 0));
        assert_eq!(of(usize::MAX, &instance), 0);
    }

    #[test]
    fn requests_of_different_objects_are_not_taken_together() {
        let mut host = kernel::host();
        host.objects.truncate(2);
        for object in &mut host.objects {
            object.interval.request = fixture::stage(8, 8, 900);
        }
        host.instances[0].interval.request = fixture::stage(20, 20, 900);
        let mut observed = Observed::default();
        observed.push(&host);
        let sample = observed.of(&Scope::Instance("dmar0".to_owned()))[0];
        // One of each object, and four that are of neither.
        assert_eq!((sample.requests, sample.fewest), (20, 6));
    }

    #[test]
    fn of_more_parts_than_are_kept_the_instances_are_kept() {
        let mut observed = Observed::default();
        let mut snapshot = kernel::thousand_objects();
        let objects = snapshot.objects.clone();
        for round in 1..5_u32 {
            snapshot
                .objects
                .extend(objects.iter().cloned().map(|mut object| {
                    object.owner.as_mut().unwrap().process.id += round * 1000;
                    object
                }));
        }
        observed.push(&snapshot);
        assert_eq!(observed.parts.len(), PARTS);
        let first = &snapshot.instances[0].name;
        assert_eq!(observed.of(&Scope::Instance(first.clone())).len(), 1);
    }

    #[test]
    fn a_process_is_the_sum_of_its_objects() {
        let mut host = kernel::host();
        let mut other = host.objects[0].clone();
        other.owner.as_mut().unwrap().hwpt = 5;
        host.objects.push(other);
        let mut observed = Observed::default();
        observed.push(&host);
        let process = observed.of(&Scope::Process(4711))[0];
        let scope = Scope::of_object(&host, &host.objects[0]).unwrap();
        let object = observed.of(&scope)[0];
        assert_eq!(process.requests, 2 * object.requests);
        assert_eq!(process.request_ns, 2 * object.request_ns);
        assert_eq!(process.outside_ns, object.outside_ns.map(|ns| ns * 2));
        assert_eq!(process.over_ns, object.over_ns);
    }
}
