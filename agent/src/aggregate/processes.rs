use std::collections::{BTreeMap, BTreeSet};

use crate::{comm::comm, snapshot::Process, totals::ObjectKey};

/// The processes that the last totals speak of: bounded by what a source keeps.
#[derive(Debug)]
pub(super) struct Processes {
    known: BTreeMap<u32, Known>,
    name_of: fn(u32) -> Option<String>,
}

/// What stays known of a process after it ends.
#[derive(Debug)]
struct Known {
    name: Option<String>,
    /// Numbers of its iommufd contexts.
    contexts: BTreeMap<u64, u32>,
    next_context: u32,
}

impl Default for Processes {
    fn default() -> Self {
        Self {
            known: BTreeMap::new(),
            name_of: comm,
        }
    }
}

impl Processes {
    /// Forgets every process that has neither an object nor a failure.
    pub(super) fn keep(
        &mut self,
        objects: impl Iterator<Item = ObjectKey>,
        failed: impl Iterator<Item = u32>,
    ) {
        let mut present: BTreeSet<u32> = failed.collect();
        let mut contexts = BTreeSet::new();
        for key in objects {
            if let Some(tgid) = key.tgid {
                present.insert(tgid);
                contexts.insert((tgid, key.context));
            }
        }
        self.known.retain(|tgid, known| {
            let has = |context: u64| contexts.contains(&(*tgid, context));
            known.contexts.retain(|context, _| has(*context));
            present.contains(tgid)
        });
    }

    /// The process by the name that it had when it was first seen.
    pub(super) fn process(&mut self, tgid: u32) -> Process {
        Process {
            id: tgid,
            name: self.known(tgid).name.clone(),
        }
    }

    /// The number of a context of the process.
    pub(super) fn context(&mut self, tgid: u32, context: u64) -> u32 {
        let known = self.known(tgid);
        *known.contexts.entry(context).or_insert_with(|| {
            let number = known.next_context;
            known.next_context += 1;
            number
        })
    }

    fn known(&mut self, tgid: u32) -> &mut Known {
        let name_of = self.name_of;
        self.known.entry(tgid).or_insert_with(|| Known {
            name: name_of(tgid),
            contexts: BTreeMap::new(),
            next_context: 0,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(tgid: u32, context: u64) -> ObjectKey {
        ObjectKey {
            instance: 0,
            tgid: Some(tgid),
            context,
            hwpt: 1,
        }
    }

    #[test]
    fn a_process_that_has_ended_keeps_its_name_while_it_is_spoken_of() {
        let mut processes = Processes {
            name_of: |tgid| (tgid == 7).then(|| "qemu".to_owned()),
            ..Processes::default()
        };
        assert_eq!(processes.process(7).name.as_deref(), Some("qemu"));
        processes.name_of = |_| None;
        processes.keep([key(7, 0)].into_iter(), [].into_iter());
        assert_eq!(processes.process(7).name.as_deref(), Some("qemu"));
        processes.keep([].into_iter(), [8].into_iter());
        assert_eq!(processes.process(7).name, None);
    }

    #[test]
    fn contexts_are_numbered_as_they_come_and_no_address_is_told() {
        let mut processes = Processes::default();
        assert_eq!(processes.context(7, 0xffff_8880_0123_4000), 0);
        assert_eq!(processes.context(7, 0xffff_8880_0123_2000), 1);
        processes.keep([key(7, 0xffff_8880_0123_2000)].into_iter(), [].into_iter());
        assert_eq!(processes.context(7, 0xffff_8880_0123_2000), 1);
        assert_eq!(processes.context(7, 0xffff_8880_0123_8000), 2);
    }
}
