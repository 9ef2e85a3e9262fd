use std::sync::{Arc, Mutex, PoisonError};

use log::{Log, Metadata, Record};

/// Messages kept between two reads; further ones are dropped.
const KEPT: usize = 64;

/// Receives what the programs say through aya-log.
#[derive(Clone, Debug, Default)]
pub(super) struct Diagnostics(Arc<Mutex<Vec<String>>>);

impl Diagnostics {
    /// The messages since the last call.
    pub(super) fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Log for Diagnostics {
    fn enabled(&self, _metadata: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        let mut messages = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if messages.len() < KEPT {
            messages.push(format!("{}: {}", record.level(), record.args()));
        }
    }

    fn flush(&self) {}
}
