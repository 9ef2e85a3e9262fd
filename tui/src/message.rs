//! What the last action did, or why it did not.

use std::time::{Duration, Instant};

use crate::Said;

/// How long it stays.
const SHOWN: Duration = Duration::from_secs(6);

#[derive(Clone, Debug)]
pub(crate) struct Message {
    pub(crate) text: String,
    /// Whether something went wrong.
    pub(crate) is_alarm: bool,
    until: Instant,
}

impl Message {
    pub(crate) fn of(said: Said) -> Self {
        let is_alarm = said.is_err();
        let (Ok(text) | Err(text)) = said;
        Self {
            text,
            is_alarm,
            until: Instant::now() + SHOWN,
        }
    }

    pub(crate) fn is_over(&self, now: Instant) -> bool {
        now >= self.until
    }
}
