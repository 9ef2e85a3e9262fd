//! Stand-ins for tests of what drives a [`Backend`] or a [`HardwareQueue`].

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::{
    AmdGuestInvalidate, ArmSmmuV3Invalidate, Backend, Command, Entries, HardwareQueue,
    InvalidateError, ObjectId, SubmitError, VtdS1Invalidate,
};

/// The entries of a [`Request`]: [`Entries`] with an owner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecordedEntries {
    /// To a nested HWPT of VT-d.
    VtdS1(Vec<VtdS1Invalidate>),
    /// To a vIOMMU of SMMUv3.
    ArmSmmuV3(Vec<ArmSmmuV3Invalidate>),
    /// To a nested HWPT or vIOMMU of AMD-Vi.
    AmdGuest(Vec<AmdGuestInvalidate>),
}

impl RecordedEntries {
    /// As a backend gets them.
    #[must_use]
    pub fn as_entries(&self) -> Entries<'_> {
        match self {
            Self::VtdS1(entries) => Entries::VtdS1(entries),
            Self::ArmSmmuV3(entries) => Entries::ArmSmmuV3(entries),
            Self::AmdGuest(entries) => Entries::AmdGuest(entries),
        }
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.as_entries().len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl From<Entries<'_>> for RecordedEntries {
    fn from(entries: Entries<'_>) -> Self {
        match entries {
            Entries::VtdS1(entries) => Self::VtdS1(entries.to_vec()),
            Entries::ArmSmmuV3(entries) => Self::ArmSmmuV3(entries.to_vec()),
            Entries::AmdGuest(entries) => Self::AmdGuest(entries.to_vec()),
        }
    }
}

/// A request as a [`RecordingBackend`] saw it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Its target.
    pub target: ObjectId,
    /// Its entries.
    pub entries: RecordedEntries,
}

type OnRequest = Box<dyn Fn(&Request) + Send + Sync>;

/// Records every request, and fails those it was told to fail.
#[derive(Default)]
pub struct RecordingBackend {
    requests: Mutex<Vec<Request>>,
    failures: Mutex<Vec<(ObjectId, InvalidateError)>>,
    on_request: Option<OnRequest>,
}

impl RecordingBackend {
    /// A backend at which every request succeeds.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Calls `observe` inside of every request, before it returns.
    #[must_use]
    pub fn observing(observe: impl Fn(&Request) + Send + Sync + 'static) -> Self {
        Self {
            on_request: Some(Box::new(observe)),
            ..Self::default()
        }
    }

    /// Fails the next request to `target`; called again, the one after it.
    pub fn fail(&self, target: ObjectId, error: InvalidateError) {
        lock(&self.failures).push((target, error));
    }

    /// What came in since the last call, oldest first.
    #[must_use]
    pub fn take(&self) -> Vec<Request> {
        std::mem::take(&mut lock(&self.requests))
    }
}

impl Backend for RecordingBackend {
    fn invalidate(&self, target: ObjectId, entries: Entries<'_>) -> Result<(), InvalidateError> {
        let request = Request {
            target,
            entries: entries.into(),
        };
        if let Some(observe) = &self.on_request {
            observe(&request);
        }
        lock(&self.requests).push(request);
        let mut failures = lock(&self.failures);
        match failures.iter().position(|(failing, _)| *failing == target) {
            Some(at) => Err(failures.remove(at).1),
            None => Ok(()),
        }
    }
}

/// Takes every request and does nothing: what remains is the front end's own cost.
#[derive(Clone, Copy, Debug, Default)]
pub struct NullBackend;

impl Backend for NullBackend {
    fn invalidate(&self, _: ObjectId, _: Entries<'_>) -> Result<(), InvalidateError> {
        Ok(())
    }
}

/// Records every submission, and fails those it was told to fail.
#[derive(Debug, Default)]
pub struct RecordingQueue {
    submissions: Mutex<Vec<(ObjectId, Vec<Command>)>>,
    failure: Mutex<Option<(usize, SubmitError)>>,
}

impl RecordingQueue {
    /// A queue at which every submission succeeds.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets `after` submissions succeed, then fails one.
    pub fn fail_after(&self, after: usize, error: SubmitError) {
        *lock(&self.failure) = Some((after, error));
    }

    /// What came in since the last call, oldest first.
    #[must_use]
    pub fn take(&self) -> Vec<(ObjectId, Vec<Command>)> {
        std::mem::take(&mut lock(&self.submissions))
    }
}

impl HardwareQueue for RecordingQueue {
    fn submit_sync(&self, target: ObjectId, commands: &[Command]) -> Result<(), SubmitError> {
        lock(&self.submissions).push((target, commands.to_vec()));
        let mut failure = lock(&self.failure);
        match &mut *failure {
            Some((0, error)) => {
                let error = *error;
                *failure = None;
                Err(error)
            }
            Some((left, _)) => {
                *left -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }
}

/// A double must not add a second panic to the one that a test already has.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
