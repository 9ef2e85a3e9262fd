use std::collections::BTreeSet;
use std::sync::Arc;

use hwptop_driver::{InvalidateError, ObjectId, Policy};

use crate::backend::ScriptedBackend;
use crate::journal::{Event, Journal, Store};
use crate::memory::WatchedMemory;

/// What is around a front end.
#[derive(Clone, Debug)]
pub struct World {
    /// The guest's memory.
    pub memory: WatchedMemory,
    /// Where requests go.
    pub backend: Arc<ScriptedBackend>,
    /// Where memory, backend and interrupts are told.
    pub journal: Journal,
    /// How invalidations become requests.
    pub policy: Policy,
    /// Which of the vendor's units this is; 0 is the usual one.
    pub variant: u8,
}

/// What a register write does to the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// The queue is handled from its head on, if it is not frozen.
    Runs,
    /// The queue is set up anew, and what syncs in it are owed is forgotten; nothing is handled.
    Resets,
    /// Nothing is handled.
    Nothing,
}

/// A guest's queue as the registers tell it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct View {
    /// Guest-physical address.
    pub base: u64,
    /// Bytes.
    pub size: u64,
    /// Bytes of a command.
    pub command_bytes: u64,
    /// Where head and tail begin again, in bytes: the size, or twice that where a wrap flag tells a full queue from
    /// an empty one.
    pub turn: u64,
    /// Of the next command to handle, in bytes from the base.
    pub head: u64,
    /// Where the guest says the queue ends, in bytes from the base.
    pub tail: u64,
    /// As the guest's registers say it.
    pub state: State,
    /// Whether the counters say that the queue is frozen.
    pub reported: bool,
    /// Faults since the start.
    pub faults: u64,
    /// Stores of completed syncs that were lost, since the start.
    pub lost_stores: u64,
}

/// Whether a queue is handled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// The guest has switched it off.
    Disabled,
    /// Every write that lets it run handles it to its tail.
    Runs,
    /// It waits for the guest to acknowledge a fault.
    Frozen {
        /// The fault aborts syncs that the head has passed (VT-d ITE and ICE).
        aborts: bool,
    },
}

impl View {
    /// Whether the guest's registers say that the queue is frozen.
    #[must_use]
    pub fn is_frozen(&self) -> bool {
        matches!(self.state, State::Frozen { .. })
    }

    /// Whether the indices claim more than a full queue.
    #[must_use]
    pub fn is_inconsistent(&self) -> bool {
        self.turn > self.size && (self.tail + self.turn - self.head) % self.turn > self.size
    }
}

/// What a sync asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Completion {
    /// A write to memory.
    pub store: Option<Store>,
    /// [`Event::Interrupt`] or [`Event::Wake`], after the write.
    pub signal: Option<Event>,
}

/// What a front end told beside completions.
#[derive(Clone, Debug, Default)]
pub struct Beside {
    /// The events that are left.
    pub events: Vec<Event>,
    /// Interrupts among them that are of no completion.
    pub interrupts: usize,
}

/// One vendor's front end, driven through its registers.
pub trait Machine {
    /// Whether a sync completes although its store is lost, as one outside of memory is (SMMUv3
    /// `GERROR.MSI_CMDQ_ABT_ERR`).
    const LOSES_STORES: bool = false;

    /// Whether the sync behind a failure that is late is passed and never completes (AMD-Vi `IOTLB_INV_TIMEOUT`);
    /// else the queue freezes at it (SMMUv3 `CERROR_ATC_INV_SYNC`).
    const PASSES_SYNCS: bool = false;

    /// A front end without a queue and targets yet; its interrupts go to the journal.
    fn new(world: World) -> Self;

    /// Decodes a command and asks everything of what it is.
    fn decode(command: [u8; 32]);

    /// What `command` asks for, if it is a valid sync.
    fn completion(&self, command: &[u8]) -> Option<Completion>;

    /// Whether a request that failed so has its place at the next sync, which may be one that is still to come.
    #[must_use]
    fn is_late(_: ObjectId, _: &InvalidateError) -> bool {
        false
    }

    /// Writes one of its registers, chosen by `register` in whatever way.
    fn write(&mut self, register: u8, value: u64) -> Effect;

    /// Writes the tail register, `tail` in bytes from the base.
    fn ring(&mut self, tail: u64);

    /// Checks what was told beside completions, and takes it out; `is_exact` where no request was a merged one.
    fn beside(
        &mut self,
        _before: &View,
        _after: &View,
        events: &[Event],
        _is_exact: bool,
    ) -> Beside {
        Beside {
            events: events.to_vec(),
            interrupts: 0,
        }
    }

    /// Makes `target` the object of what the guest names by `slot`.
    fn attach(&mut self, slot: u16, target: ObjectId);

    /// Undoes it.
    fn detach(&mut self, slot: u16);

    /// The objects that requests may go to.
    fn targets(&self) -> BTreeSet<ObjectId>;

    /// What the registers and counters say.
    fn view(&self) -> View;
}
