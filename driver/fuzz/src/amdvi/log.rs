use std::sync::Arc;

use hwptop_driver::amdvi::FrontEnd;

use super::{ADDRESS, WIDTH, bytes_of};
use crate::backend::ScriptedBackend;
use crate::journal::{Event, Store};
use crate::memory::WatchedMemory;

/// Registers 0018h and 2020h (48882, 3.4).
const EVENT_INT_EN: u64 = 1 << 3;
const EVENT_OVERFLOW: u64 = 1;
const EVENT_LOG_INT: u64 = 1 << 1;
const EVENT_LOG_RUN: u64 = 1 << 3;

type Front = FrontEnd<Arc<ScriptedBackend>, WatchedMemory>;

/// What the registers say of the event log.
#[derive(Clone, Copy, Debug)]
pub(super) struct EventLog {
    tail: u64,
    status: u64,
}

/// Whether it is a write of an event: no completion writes as much.
pub(super) fn is_event(event: &Event) -> bool {
    matches!(event, Event::Stored(Store { len: 16, .. }))
}

impl EventLog {
    pub(super) fn of(front_end: &Front) -> Self {
        Self {
            tail: front_end.event_tail(),
            status: front_end.status(),
        }
    }

    /// Checks the events that were logged in a run: each is at the tail, in the log and not where the guest still reads;
    /// each is about a command in the buffer; and none is missing, as long as there is place. `late` failures do not
    /// stop the buffer (exactly so many where none is of a merged request); `frozen` is the address of the command that
    /// did. Answers how many interrupts there are for them.
    pub(super) fn check(
        self,
        front_end: &Front,
        events: &[Event],
        (late, is_exact): (usize, bool),
        frozen: Option<u64>,
    ) -> usize {
        let (base, head) = (front_end.event_base(), front_end.event_head());
        let bytes = bytes_of(base).unwrap_or(WIDTH);
        let mut tail = self.tail;
        let mut written = Vec::new();
        for event in events {
            if let Event::Stored(store) = event
                && is_event(event)
            {
                assert!(tail < bytes, "{store:x?} is outside of the log");
                assert_eq!(store.addr, (base & ADDRESS) + tail);
                tail = (tail + WIDTH) % bytes;
                assert_ne!(tail, head, "the log is full");
                written.push(store.value);
            }
        }
        assert_eq!(front_end.event_tail(), tail, "{written:x?}");
        let status = front_end.status();
        let lost = usize::from(status & !self.status & EVENT_OVERFLOW != 0);
        let reports = late + usize::from(frozen.is_some());
        assert!(written.len() + lost <= reports, "{written:x?}");
        if status & EVENT_LOG_RUN != 0 && status & EVENT_OVERFLOW == 0 {
            assert!(!is_exact || written.len() == reports, "{written:x?}");
            let newest = written.last().map(|event| split(*event).1);
            assert!(frozen.is_none() || frozen == newest, "{written:x?}");
        }
        let buffer = front_end.command_base() & ADDRESS;
        let buffer_bytes = bytes_of(front_end.command_base()).unwrap_or(0);
        for &event in &written {
            let (code, address) = split(event);
            assert!((5..=8).contains(&code), "{event:x}");
            let place = address.checked_sub(buffer);
            assert!(place.is_some_and(|place| place < buffer_bytes), "{event:x}");
        }
        assert!(written.is_empty() || status & EVENT_LOG_INT != 0);
        if front_end.control() & EVENT_INT_EN == 0 {
            0
        } else {
            written.len() + lost
        }
    }
}

/// Code and address.
fn split(event: u128) -> (u64, u64) {
    let [low, high] = [event, event >> 64]
        .map(|word| u64::try_from(word & u128::from(u64::MAX)).expect("cut to 64 bits"));
    (low >> 60, high)
}
