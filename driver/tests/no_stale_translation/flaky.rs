//! The kernel as the front end sees it: it fails now and then, and whoever calls it is
//! watched.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hwptop_driver::model::iommufd::Iommufd;
use hwptop_driver::{Backend, DeviceId, Entries, HardwareError, InvalidateError, ObjectId};

use super::machine::{Queue, Watch};
use super::rng::Rng;

/// Failures to come.
#[derive(Debug)]
pub(crate) struct Plan {
    rng: Rng,
    /// Requests until one fails.
    countdown: Option<usize>,
    /// How often a device did not answer: as many syncs may be passed without completion.
    pub(crate) unanswered: u64,
    /// Requests that failed: the queue may stop as often.
    pub(crate) failures: u64,
}

impl Plan {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            rng: Rng::new(seed),
            countdown: None,
            unanswered: 0,
            failures: 0,
        }
    }

    pub(crate) fn fail_soon(&mut self) {
        self.countdown = Some(self.rng.below(4));
    }

    pub(crate) fn calm(&mut self) {
        self.countdown = None;
    }

    /// How many entries of a request of `len` are executed before one fails; none where
    /// it does not fail.
    fn due(&mut self, len: usize) -> Option<usize> {
        match self.countdown.as_mut()? {
            0 => {
                // The next one as well, so that the unmerged request that follows a merged
                // one fails too.
                self.countdown = self.rng.one_in(2).then_some(0);
                self.failures += 1;
                Some(self.rng.below(len))
            }
            left => {
                *left -= 1;
                None
            }
        }
    }
}

/// Passes requests on, but for those that fail: of these only the first entries.
pub(crate) struct Flaky {
    pub(crate) fd: Arc<Iommufd<Queue>>,
    pub(crate) plan: Arc<Mutex<Plan>>,
    /// Called before each request.
    pub(crate) watch: Watch,
    pub(crate) is_device_entry: fn([u64; 2]) -> bool,
}

impl Flaky {
    /// What the entry that fails fails with: a device that does not answer, where the
    /// entry is about devices.
    fn error(&self, plan: &mut Plan, entries: Entries<'_>, at: usize) -> InvalidateError {
        let about_device = match entries {
            Entries::VtdS1(_) => true,
            Entries::ArmSmmuV3(list) => (self.is_device_entry)(list[at].cmd),
            Entries::AmdGuest(list) => (self.is_device_entry)(list[at].cmd),
        };
        let hardware = match plan.rng.below(5) {
            0 => None,
            1 => Some(HardwareError::Illegal),
            2 => Some(HardwareError::Abort),
            _ if about_device => {
                plan.unanswered += 1;
                Some(HardwareError::AtcTimeout(DeviceId(0x11)))
            }
            _ => None,
        };
        InvalidateError {
            errno: if hardware.is_some() { 110 } else { 5 },
            handled: u32::try_from(at).unwrap(),
            hardware,
        }
    }
}

impl Backend for Flaky {
    fn invalidate(&self, target: ObjectId, entries: Entries<'_>) -> Result<(), InvalidateError> {
        (self.watch)();
        let mut plan = lock(&self.plan);
        let Some(at) = plan.due(entries.len()) else {
            return self.fd.invalidate(target, entries);
        };
        let first = match entries {
            Entries::VtdS1(list) => Entries::VtdS1(&list[..at]),
            Entries::ArmSmmuV3(list) => Entries::ArmSmmuV3(&list[..at]),
            Entries::AmdGuest(list) => Entries::AmdGuest(&list[..at]),
        };
        self.fd.invalidate(target, first)?;
        Err(self.error(&mut plan, entries, at))
    }
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
