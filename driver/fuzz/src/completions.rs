//! Which syncs completed, and whether these are the right ones.

use std::collections::BTreeSet;

use crate::journal::Event;

/// Whether a failure that is late waits for the next sync.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Owed {
    /// None does.
    #[default]
    No,
    /// The events do not say.
    Maybe,
    /// One does.
    Yes,
}

/// What is to be paired with the events.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Passed<'a> {
    /// For each sync that the head passed what its completion tells, in order; nothing where it is not to be seen.
    pub(crate) syncs: &'a [Vec<Event>],
    /// Interrupts that belong to no sync.
    pub(crate) interrupts: usize,
    /// Not all of the syncs need to have completed.
    pub(crate) may_abort: bool,
    /// Requests are as the queue has their commands: a late failure passes over the very next sync.
    pub(crate) is_exact: bool,
}

/// Where in the syncs a reading of the events is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct At {
    sync: usize,
    /// What of it was told.
    told: usize,
    owed: bool,
    interrupts: usize,
}

/// Reads `events` as completions of the syncs, in every way in which that is possible: a late failure passes over one
/// sync, which need not be one that is to be seen. Answers what is owed then; none where no way is possible.
pub(crate) fn pair(
    passed: Passed<'_>,
    events: &[Event],
    is_late: impl Fn(&Event) -> bool,
    owed: Owed,
) -> Option<Owed> {
    let start = |owed| At {
        sync: 0,
        told: 0,
        owed,
        interrupts: passed.interrupts,
    };
    let mut states = BTreeSet::new();
    if owed != Owed::Yes {
        states.insert(start(false));
    }
    if owed != Owed::No {
        states.insert(start(true));
    }
    for event in events {
        let tells = matches!(event, Event::Stored(_) | Event::Interrupt | Event::Wake);
        if !tells && !is_late(event) {
            continue;
        }
        states = close(passed, states);
        if tells {
            states = states
                .iter()
                .flat_map(|&at| tell(passed, at, event))
                .collect();
            continue;
        }
        let owing = states.iter().map(|at| At { owed: true, ..*at }).collect();
        if passed.is_exact {
            states = owing;
        } else {
            // A merged entry that failed is sent again as its commands, which may succeed.
            states.extend::<BTreeSet<At>>(owing);
        }
    }
    let at_end =
        |at: &&At| at.interrupts == 0 && (passed.may_abort || at.sync == passed.syncs.len());
    let states = close(passed, states);
    let ends: BTreeSet<bool> = states.iter().filter(at_end).map(|at| at.owed).collect();
    match (ends.contains(&false), ends.contains(&true)) {
        (false, false) => None,
        (true, false) => Some(Owed::No),
        (false, true) => Some(Owed::Yes),
        (true, true) => Some(Owed::Maybe),
    }
}

/// Adds where one gets without an event: over syncs that told everything, and over those that are passed.
fn close(passed: Passed<'_>, states: BTreeSet<At>) -> BTreeSet<At> {
    let mut all = BTreeSet::new();
    let mut rest: Vec<At> = states.into_iter().collect();
    while let Some(at) = rest.pop() {
        if !all.insert(at) {
            continue;
        }
        let Some(sync) = passed.syncs.get(at.sync) else {
            continue;
        };
        let is_passed = at.owed && at.told == 0;
        if is_passed || at.told == sync.len() {
            rest.push(At {
                sync: at.sync + 1,
                told: 0,
                owed: at.owed && !is_passed,
                ..at
            });
        }
        // Requests of merged syncs go out together, and a later one is passed.
        if !passed.is_exact && at.owed && at.told == sync.len() {
            rest.push(At {
                sync: at.sync + 1,
                told: 0,
                ..at
            });
        }
    }
    all
}

fn tell(passed: Passed<'_>, at: At, event: &Event) -> impl Iterator<Item = At> {
    let sync = passed.syncs.get(at.sync);
    let completes = sync.and_then(|sync| sync.get(at.told)) == Some(event)
        && (!at.owed || !passed.is_exact || at.told > 0);
    let told = completes.then_some(At {
        told: at.told + 1,
        ..at
    });
    let beside = (*event == Event::Interrupt && at.interrupts > 0).then(|| At {
        interrupts: at.interrupts - 1,
        ..at
    });
    told.into_iter().chain(beside)
}
