use std::collections::BTreeSet;
use std::sync::Arc;

use hwptop_driver::{ObjectId, Policy};

use crate::backend::ScriptedBackend;
use crate::completions::{Owed, Passed, pair};
use crate::journal::{Event, Journal, Store};
use crate::machine::{Beside, Effect, Machine, State, View, World};
use crate::memory::{Image, WatchedMemory};
use crate::program::Op;

/// Commands of one submission: more than the memory holds, so that a queue can be filled.
const SUBMITTED_MAX: usize = 2048;

/// A front end, what is around it, and what is known of both.
pub(crate) struct Bench<M> {
    machine: M,
    world: World,
    /// What the guest's memory must be: every byte that no sync names is a canary.
    image: Image,
    /// A failure waits for a sync that was not queued yet.
    owed: Owed,
}

impl<M: Machine> Bench<M> {
    pub(crate) fn new(policy: Policy, variant: u8) -> Self {
        let journal = Journal::default();
        let memory = WatchedMemory::new(journal.clone());
        let backend = Arc::new(ScriptedBackend::new(journal.clone(), variant));
        let world = World {
            memory,
            backend,
            journal,
            policy,
            variant,
        };
        Self {
            machine: M::new(world.clone()),
            image: world.memory.image(),
            world,
            owed: Owed::No,
        }
    }

    /// Does `op` and checks what came of it.
    pub(crate) fn step(&mut self, op: &Op<'_>) {
        let before = self.machine.view();
        let effect = self.apply(op, &before);
        let after = self.machine.view();
        let events = self.world.journal.take();

        check_view(&after);
        check_bounds(&before, &events, &self.machine.targets());
        if before.is_frozen() && after.is_frozen() && before.faults == after.faults {
            assert_eq!(events, [], "a frozen queue was handled");
        }
        let is_exact = !matches!(self.world.policy, Policy::Coalesce(_));
        if effect == Effect::Runs {
            self.check_completions(&before, &after, &events, is_exact);
        } else {
            assert_eq!(events, [], "nothing was to be handled");
        }
        if effect == Effect::Resets {
            self.owed = Owed::No;
        }
        for store in stores(&events) {
            self.image.apply(store);
        }
        assert!(
            self.image == self.world.memory.image(),
            "memory changed that no sync names"
        );
    }

    fn apply(&mut self, op: &Op<'_>, before: &View) -> Effect {
        match *op {
            Op::Fill { addr, bytes } => {
                self.world.memory.fill(addr, bytes);
                self.image = self.world.memory.image();
                Effect::Nothing
            }
            Op::Register { number, value } => self.machine.write(number, value),
            Op::Attach { slot, target } => {
                self.machine.attach(slot, target);
                Effect::Nothing
            }
            Op::Detach { slot } => {
                self.machine.detach(slot);
                Effect::Nothing
            }
            Op::Fail { target, error } => {
                self.world.backend.fail(target, error);
                Effect::Nothing
            }
            Op::Submit { bytes, times } => {
                self.submit(bytes, times, before);
                Effect::Runs
            }
        }
    }

    /// Puts whole commands behind the tail, as a driver does.
    fn submit(&mut self, bytes: &[u8], times: u8, queue: &View) {
        let width = usize::try_from(queue.command_bytes).expect("16 or 32");
        let mut tail = queue.tail % queue.turn;
        let commands = (0..times).flat_map(|_| bytes.chunks_exact(width));
        for command in commands.take(SUBMITTED_MAX) {
            self.world
                .memory
                .fill(queue.base.saturating_add(tail % queue.size), command);
            tail = (tail + queue.command_bytes) % queue.turn;
        }
        self.image = self.world.memory.image();
        self.machine.ring(tail);
    }

    /// Every sync that the head passed has completed, in order, and no other; but for the last ones where the fault
    /// aborts them, and for those that a late failure passes over.
    fn check_completions(&mut self, before: &View, after: &View, events: &[Event], is_exact: bool) {
        let beside = self.machine.beside(before, after, events, is_exact);
        // Merged entries that failed are sent again one by one, and syncs before the failure complete behind it.
        if is_exact {
            check_failures::<M>(&beside, after.is_frozen());
        }
        let queue = before.base..before.base.saturating_add(before.size);
        if stores(events).any(|store| queue.contains(&store.addr)) {
            // The guest lets a write change a command: either form of it may have been handled.
            self.owed = Owed::Maybe;
            return;
        }
        let syncs = self.passed_syncs(before, after);
        let passed = Passed {
            syncs: &syncs,
            interrupts: beside.interrupts,
            may_abort: after.state == (State::Frozen { aborts: true }),
            is_exact,
        };
        if M::PASSES_SYNCS {
            let owed = pair(passed, &beside.events, is_late::<M>, self.owed);
            let Some(owed) = owed else {
                panic!(
                    "completed {events:x?}, passed {syncs:x?}, owed {:?}",
                    self.owed
                );
            };
            // What is executed again fails again.
            let unclear = after.is_frozen() && events.iter().any(is_late::<M>);
            self.owed = if unclear { Owed::Maybe } else { owed };
            return;
        }
        let is_right = pair(passed, &beside.events, |_| false, Owed::No).is_some();
        assert!(is_right, "completed {events:x?}, passed {syncs:x?}");
        assert!(
            self.owed != Owed::Yes || syncs.is_empty(),
            "a late failure was forgotten: {events:x?}"
        );
        let late = events.iter().any(is_late::<M>);
        self.owed = match (after.is_frozen(), late) {
            (_, false) if self.owed == Owed::No => Owed::No,
            (false, false) => self.owed,
            (false, true) if is_exact => Owed::Yes,
            (true, _) | (false, true) => Owed::Maybe,
        };
    }

    /// What each sync that the head passed asked for and could have.
    fn passed_syncs(&self, before: &View, after: &View) -> Vec<Vec<Event>> {
        let width = usize::try_from(before.command_bytes).expect("16 or 32");
        let is_lost =
            |store: &Store| M::LOSES_STORES && self.image.read(store.addr, store.len).is_none();
        let mut lost = 0;
        let passed = (after.head + before.turn - before.head) % before.turn;
        assert!(
            passed <= before.size,
            "more than a queue: {before:x?}, {after:x?}"
        );
        let mut syncs = Vec::new();
        let mut at = before.head;
        while at != after.head {
            let addr = before.base.checked_add(at % before.size);
            let command = addr.and_then(|addr| self.image.read(addr, width));
            let command = command.expect("the head passed what is not in memory");
            if let Some(completion) = self.machine.completion(&command) {
                let is_stored = !completion.store.as_ref().is_some_and(is_lost);
                lost += u64::from(!is_stored);
                let store = completion.store.filter(|_| is_stored).map(Event::Stored);
                syncs.push(store.into_iter().chain(completion.signal).collect());
            }
            at = (at + before.command_bytes) % before.turn;
        }
        assert_eq!(after.lost_stores - before.lost_stores, lost);
        syncs
    }
}

fn is_late<M: Machine>(event: &Event) -> bool {
    matches!(event, Event::Request { target, failed: Some(error), .. } if M::is_late(*target, error))
}

fn stores(events: &[Event]) -> impl Iterator<Item = Store> {
    events.iter().filter_map(|event| match event {
        Event::Stored(store) => Some(*store),
        _ => None,
    })
}

fn check_view(queue: &View) {
    assert!(queue.head < queue.turn, "{queue:x?}");
    assert_eq!(queue.head % queue.command_bytes, 0, "{queue:x?}");
    assert_eq!(queue.is_frozen(), queue.reported, "{queue:x?}");
    assert!(
        queue.state != State::Runs || queue.head == queue.tail || queue.is_inconsistent(),
        "{queue:x?} stands still without a fault"
    );
}

/// Work is bounded by the queue: it is read at most twice (again where a fault wants the command's words), only
/// the queue is read, and every command becomes at most one entry of every target, sent at most twice (again where
/// a merged entry failed).
fn check_bounds(queue: &View, events: &[Event], targets: &BTreeSet<ObjectId>) {
    let (mut bytes_read, mut all_entries) = (0, 0);
    for event in events {
        match *event {
            Event::Read { addr, len } => {
                let offset = addr.checked_sub(queue.base);
                let end = offset.and_then(|offset| offset.checked_add(len as u64));
                assert!(
                    end.is_some_and(|end| end <= queue.size),
                    "read {len} bytes at {addr:#x}, outside of {queue:x?}"
                );
                bytes_read += len as u64;
            }
            Event::Request {
                target, entries, ..
            } => {
                assert!(targets.contains(&target), "{target}");
                assert!(entries > 0, "an empty request to {target}");
                all_entries += entries as u64;
            }
            Event::Stored(_) | Event::Interrupt | Event::Wake => {}
        }
    }
    assert!(
        bytes_read <= 2 * queue.size,
        "{bytes_read} bytes of {queue:x?}"
    );
    let commands = queue.size / queue.command_bytes;
    // Each once merged and once not, and what is behind a device that does not answer again, for 16 of them.
    assert!(
        all_entries <= (2 + 16) * commands * targets.len() as u64,
        "{all_entries} entries of {queue:x?}"
    );
}

/// Nothing completes behind a request that failed, and the guest is told; a late failure passes or stops the next
/// sync, which is checked with the completions.
fn check_failures<M: Machine>(beside: &Beside, is_told: bool) {
    let (mut stops, mut is_owed) = (false, false);
    let mut interrupts = beside.interrupts;
    for event in &beside.events {
        match event {
            Event::Request { failed, .. } => {
                let is_late = is_late::<M>(event);
                stops |= failed.is_some() && !is_late;
                is_owed |= is_late;
            }
            Event::Stored(_) | Event::Interrupt | Event::Wake => {
                let is_stopped = stops || is_owed && !M::PASSES_SYNCS;
                if is_stopped && *event == Event::Interrupt && interrupts > 0 {
                    interrupts -= 1;
                } else {
                    assert!(!is_stopped, "completed behind a request that failed");
                }
            }
            Event::Read { .. } => {}
        }
    }
    assert!(!stops || is_told, "a failed request went unreported");
}
