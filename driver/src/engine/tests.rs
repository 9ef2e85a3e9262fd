//! What no command of VT-d makes the engine do: a toy vendor with ranks and with
//! failures whose place is the sync.

use std::sync::{Arc, Mutex};

use super::*;
use crate::double::RecordingBackend;
use crate::vtd::{InvalidationError, IqError};
use crate::{
    CostModel, DeviceId, Entries, HardwareError, InvalidateError, ObjectId, QueueError, Vendor,
    VtdS1Invalidate,
};

mod hangs;

const AT_COMMAND: QueueError = QueueError::Vtd(InvalidationError::Iqe(IqError::NotAvailable));
const AT_SYNC: QueueError = QueueError::Vtd(InvalidationError::Ite(DeviceId(7)));

#[derive(Clone, Copy, Debug)]
enum Toy {
    Invalidate(Rank, u32),
    Sync(u32),
}

/// A queue that is a list, of which everything is there from the beginning.
struct Toys {
    queue: Vec<Toy>,
    ring: GuestRing,
    completed: Arc<Mutex<Vec<u32>>>,
}

impl Protocol for Toys {
    type Entry = VtdS1Invalidate;
    type Command = Toy;

    fn rules(&self) {}

    fn begin(&mut self) -> Result<(), Stop> {
        Ok(())
    }

    fn fetch(&mut self) -> Result<Option<Toy>, Stop> {
        Ok(self.queue.get(self.ring.head as usize).copied())
    }

    fn ring(&self) -> &GuestRing {
        &self.ring
    }

    fn ring_mut(&mut self) -> &mut GuestRing {
        &mut self.ring
    }

    fn words(&mut self) -> Option<[u64; 4]> {
        Some([u64::from(self.ring.head); 4])
    }

    fn class(command: &Toy) -> Class {
        match *command {
            Toy::Invalidate(rank, _) => Class::Invalidate(rank),
            Toy::Sync(_) => Class::Sync,
        }
    }

    fn kind(_: &Toy) -> u8 {
        0
    }

    fn collect(&mut self, command: Toy, batch: &mut Batch<VtdS1Invalidate>) -> bool {
        if let Toy::Invalidate(_, target) = command {
            let page = VtdS1Invalidate::new(u64::from(self.ring.head) << 13, 1, 0);
            batch.push(ObjectId(target), page);
        }
        true
    }

    fn absorb(&mut self, _: Toy) -> Result<(), Stop> {
        Ok(())
    }

    fn complete(&mut self, command: Toy) -> Result<bool, Stop> {
        if let Toy::Sync(number) = command {
            self.completed.lock().unwrap().push(number);
        }
        Ok(false)
    }

    fn recovery(&mut self, error: InvalidateError, _: Rank) -> Recovery {
        match error.hardware {
            Some(_) => Recovery::AtSync(AT_SYNC),
            None => Recovery::AtCommand(AT_COMMAND),
        }
    }
}

struct Rig {
    engine: Engine<Arc<RecordingBackend>, Toys>,
    backend: Arc<RecordingBackend>,
    completed: Arc<Mutex<Vec<u32>>>,
}

impl Rig {
    fn new(policy: Policy, queue: &[Toy]) -> Self {
        let backend = Arc::new(RecordingBackend::new());
        let completed = Arc::new(Mutex::new(Vec::new()));
        let toys = Toys {
            queue: queue.to_vec(),
            ring: GuestRing::new(0, 0x1_0000, 16),
            completed: Arc::clone(&completed),
        };
        let instance = InstanceArg::new(0, Vendor::Vtd, true);
        let counters = Arc::new(Counters::new(Vendor::Vtd));
        let mut engine = Engine::new(toys, instance, Arc::clone(&backend), counters);
        engine.set_policy(policy);
        Self {
            engine,
            backend,
            completed,
        }
    }

    /// Runs the queue, resuming it if it is frozen; where and why it stops then.
    fn run(&mut self) -> Option<(u32, QueueError)> {
        self.engine.thaw();
        self.engine.run();
        self.engine.fault().map(|fault| (fault.index, fault.error))
    }

    fn completed(&self) -> Vec<u32> {
        self.completed.lock().unwrap().clone()
    }

    /// Targets and numbers of entries of the requests since the last call.
    fn requests(&self) -> Vec<(u32, usize)> {
        let requests = self.backend.take();
        let shape = |request: &crate::double::Request| match request.entries.as_entries() {
            Entries::VtdS1(entries) => (request.target.0, entries.len()),
            other => panic!("{other:?}"),
        };
        requests.iter().map(shape).collect()
    }
}

fn unanswered() -> InvalidateError {
    InvalidateError {
        hardware: Some(HardwareError::AtcTimeout(DeviceId(7))),
        ..InvalidateError::new(110, 0)
    }
}

const fn page(target: u32) -> Toy {
    Toy::Invalidate(Rank::Translation, target)
}

#[test]
fn a_failure_whose_place_is_the_sync_stops_there_and_lets_the_sync_complete_then() {
    for policy in Policy::ALL {
        let queue = [
            page(1),
            Toy::Sync(1),
            page(2),
            page(1),
            Toy::Sync(2),
            page(1),
            Toy::Sync(3),
        ];
        let mut rig = Rig::new(policy, &queue);
        rig.backend.fail(ObjectId(2), unanswered());
        assert_eq!(rig.run(), Some((4, AT_SYNC)), "{policy}");
        assert_eq!(rig.completed(), [1], "{policy}");
        assert_eq!(rig.run(), None, "{policy}");
        assert_eq!(rig.completed(), [1, 2, 3], "{policy}");
        let counts = rig.engine.counters().snapshot();
        assert_eq!((counts.consumed(), counts.waits), (7, 3), "{policy}");
    }
}

#[test]
fn a_refused_command_is_not_lost_behind_a_failure_whose_place_is_the_sync() {
    for policy in Policy::ALL {
        let mut rig = Rig::new(policy, &[page(1), page(2), Toy::Sync(1)]);
        rig.backend.fail(ObjectId(1), unanswered());
        rig.backend.fail(ObjectId(2), InvalidateError::new(5, 0));
        assert_eq!(rig.run(), Some((1, AT_COMMAND)), "{policy}");
        rig.requests();
        assert_eq!(rig.run(), Some((2, AT_SYNC)), "{policy}");
        assert_eq!(rig.requests(), [(2, 1)], "{policy}");
        assert_eq!(rig.run(), None, "{policy}");
        assert_eq!(rig.completed(), [1], "{policy}");
    }
}

#[test]
fn a_failure_whose_place_is_the_sync_waits_for_a_later_run() {
    let mut rig = Rig::new(Policy::Array, &[page(1)]);
    rig.backend.fail(ObjectId(1), unanswered());
    assert_eq!(rig.run(), None);
    rig.engine.protocol.queue.push(Toy::Sync(1));
    assert_eq!(rig.run(), Some((1, AT_SYNC)));
    assert_eq!((rig.run(), rig.completed()), (None, vec![1]));
}

#[test]
fn what_a_device_caches_is_invalidated_after_what_it_is_made_of() {
    let device = |target| Toy::Invalidate(Rank::Device, target);
    let configuration = |target| Toy::Invalidate(Rank::Configuration, target);
    for policy in [Policy::Array, Policy::Coalesce(CostModel::ASSUMED)] {
        // Target 1 takes configuration and device entries, target 2 translations.
        let queue = [configuration(1), page(2), device(1), Toy::Sync(1)];
        let mut rig = Rig::new(policy, &queue);
        assert_eq!(rig.run(), None);
        assert_eq!(rig.requests(), [(1, 1), (2, 1), (1, 1)], "{policy}");

        // What is made of less comes back: it must not share their request.
        let mut rig = Rig::new(policy, &[device(1), page(1), configuration(1)]);
        assert_eq!(rig.run(), None);
        assert_eq!(rig.requests(), [(1, 1), (1, 1), (1, 1)], "{policy}");

        // One target, in order: one request.
        let queue = [configuration(1), page(1), device(1), Toy::Sync(1)];
        let mut rig = Rig::new(policy, &queue);
        assert_eq!(rig.run(), None);
        assert_eq!(rig.requests(), [(1, 3)], "{policy}");
    }
}

#[test]
fn only_syncs_between_translations_are_joined() {
    let device = Toy::Invalidate(Rank::Device, 1);
    let queue = [
        page(1),
        Toy::Sync(1),
        page(1),
        Toy::Sync(2),
        device,
        Toy::Sync(3),
        device,
        Toy::Sync(4),
    ];
    let mut rig = Rig::new(Policy::Coalesce(CostModel::ASSUMED), &queue);
    assert_eq!(rig.run(), None);
    assert_eq!(rig.requests(), [(1, 2), (1, 1), (1, 1)]);
    assert_eq!(rig.completed(), [1, 2, 3, 4]);
}
