use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use hwptop_abi::{InstanceArg, Vendor};

use super::account::Account;
use crate::{Command, Counters, HardwareQueue, ObjectId, SubmitError, Unit, amdvi, smmuv3, vtd};

/// A hardware queue without ring, thread and time: a submission is executed by the
/// thread that submits it, one submission after the other.
pub struct InlineQueue {
    account: Account,
    unit: Mutex<Arc<dyn Unit>>,
}

impl InlineQueue {
    /// A queue of `instance`, whose vendor decides what a sync is. Submissions and
    /// commands are counted in `counters`.
    #[must_use]
    pub fn new(instance: InstanceArg, unit: Arc<dyn Unit>, counters: Arc<Counters>) -> Self {
        let is_sync = match instance.vendor() {
            Ok(Vendor::Vtd) => vtd::command::is_sync,
            Ok(Vendor::SmmuV3) => smmuv3::command::is_sync,
            Ok(Vendor::AmdVi) => amdvi::command::is_sync,
            Err(_) => |_| false,
        };
        Self {
            account: Account::new(instance, counters, usize::MAX, is_sync),
            unit: Mutex::new(unit),
        }
    }
}

impl HardwareQueue for InlineQueue {
    /// # Errors
    /// [`SubmitError::ForeignSync`] and [`SubmitError::Rejected`].
    fn submit_sync(&self, target: ObjectId, commands: &[Command]) -> Result<(), SubmitError> {
        self.account.submit(target, commands, |commands| {
            let unit = self.unit.lock().unwrap_or_else(PoisonError::into_inner);
            for (index, &command) in commands.iter().enumerate() {
                unit.execute(command)
                    .map_err(|error| SubmitError::Rejected { index, error })?;
            }
            Ok(())
        })
    }
}

impl fmt::Debug for InlineQueue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InlineQueue")
            .field("account", &self.account)
            .finish_non_exhaustive()
    }
}
