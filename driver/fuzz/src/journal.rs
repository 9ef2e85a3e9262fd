use std::sync::{Arc, Mutex, PoisonError};

use hwptop_driver::{InvalidateError, ObjectId};

/// A write to guest memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Store {
    /// Guest-physical address.
    pub addr: u64,
    /// What was written, little-endian.
    pub value: u128,
    /// Bytes written, 1 to 16.
    pub len: usize,
}

/// What a front end did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// It read guest memory, or tried to.
    Read {
        /// Guest-physical address.
        addr: u64,
        /// Bytes.
        len: usize,
    },
    /// It wrote guest memory.
    Stored(Store),
    /// It issued a request.
    Request {
        /// To this object.
        target: ObjectId,
        /// Its entries.
        entries: usize,
        /// What the backend said, if it failed it.
        failed: Option<InvalidateError>,
    },
    /// It interrupted the guest.
    Interrupt,
    /// It sent the guest's processors an event (SMMUv3 SIG_SEV).
    Wake,
}

/// Events of one step: several times what a queue that fills the memory can lead to.
const EVENTS_MAX: usize = 100_000;

/// What a front end did since the last look, oldest first.
#[derive(Clone, Debug, Default)]
pub struct Journal(Arc<Mutex<Vec<Event>>>);

impl Journal {
    /// Adds `event`.
    ///
    /// # Panics
    /// Where a step does not come to its end.
    pub fn push(&self, event: Event) {
        let mut events = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        assert!(events.len() < EVENTS_MAX, "one step does work without end");
        events.push(event);
    }

    /// Takes everything out.
    #[must_use]
    pub fn take(&self) -> Vec<Event> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
