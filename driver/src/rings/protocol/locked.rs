use std::sync::PoisonError;

use super::primitives::Mutex;
use super::{Slots, Waiter};
use crate::{Command, SubmitError};

/// Submission under a lock, as VT-d's and AMD's drivers do it: take the lock, write
/// the commands and the sync, publish the tail, release the lock.
#[derive(Debug)]
pub(super) struct Locked {
    /// The position behind the last command written.
    tail: Mutex<u64>,
    /// Slots that stay free.
    spare: u64,
}

impl Locked {
    pub(super) fn new(spare: u64) -> Self {
        Self {
            tail: Mutex::new(0),
            spare,
        }
    }

    /// Returns the sync's position. `sync` is called in the order of the ring.
    pub(super) fn issue(
        &self,
        slots: &Slots,
        commands: &[Command],
        waiter: &mut dyn Waiter,
        sync: impl FnOnce(u64) -> Command,
    ) -> Result<u64, SubmitError> {
        let needed = commands.len() as u64 + 1;
        loop {
            // The position is written last, so that it is valid after a panic.
            let mut tail = self.tail.lock().unwrap_or_else(PoisonError::into_inner);
            let used = *tail - slots.head();
            if used + needed + self.spare <= slots.len() {
                for (position, &command) in (*tail..).zip(commands) {
                    slots.write(position, command);
                }
                let position = *tail + commands.len() as u64;
                slots.write(position, sync(position));
                slots.stamp(position, waiter.now_ns());
                *tail = position + 1;
                slots.publish(*tail);
                return Ok(position);
            }
            drop(tail);
            waiter.for_hardware()?;
        }
    }
}
