use std::sync::{Mutex, PoisonError};

use hwptop_driver::{Backend, Entries, InvalidateError, ObjectId};

use crate::journal::{Event, Journal};
use crate::{amdvi, entries};

/// The most failures that wait for their request.
const FAILURES_MAX: usize = 16;

/// Records every request, and fails those that the input says.
#[derive(Debug)]
pub struct ScriptedBackend {
    journal: Journal,
    variant: u8,
    failures: Mutex<Vec<(ObjectId, InvalidateError)>>,
}

impl ScriptedBackend {
    /// A backend at which every request succeeds. `variant` is that of the [`World`](crate::World).
    #[must_use]
    pub fn new(journal: Journal, variant: u8) -> Self {
        Self {
            journal,
            variant,
            failures: Mutex::default(),
        }
    }

    /// Fails the next request to `target`.
    pub fn fail(&self, target: ObjectId, error: InvalidateError) {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        if failures.len() < FAILURES_MAX {
            failures.push((target, error));
        }
    }
}

impl Backend for ScriptedBackend {
    fn invalidate(&self, target: ObjectId, entries: Entries<'_>) -> Result<(), InvalidateError> {
        match entries {
            Entries::VtdS1(entries) => entries.iter().for_each(entries::check_vtd),
            Entries::ArmSmmuV3(entries) => {
                let features = crate::smmuv3::features(self.variant);
                for entry in entries {
                    entries::check_smmuv3(*entry, features);
                }
            }
            Entries::AmdGuest(entries) => {
                for entry in entries {
                    entries::check_amdvi(*entry, target == amdvi::VIOMMU);
                }
            }
        }
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        let at = failures.iter().position(|(failing, _)| *failing == target);
        let failed = at.map(|at| failures.remove(at).1);
        self.journal.push(Event::Request {
            target,
            entries: entries.len(),
            failed,
        });
        failed.map_or(Ok(()), Err)
    }
}
