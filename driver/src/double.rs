//! Stand-ins for tests of what drives a [`Backend`] or a [`HardwareQueue`].

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::{
    Backend, Command, HardwareQueue, HwptId, InvalidateError, SubmitError, VtdS1Invalidate,
};

/// A request as a [`RecordingBackend`] saw it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Its target.
    pub hwpt: HwptId,
    /// Its entries.
    pub entries: Vec<VtdS1Invalidate>,
}

type OnRequest = Box<dyn Fn(&Request) + Send + Sync>;

/// Records every request, and fails those it was told to fail.
#[derive(Default)]
pub struct RecordingBackend {
    requests: Mutex<Vec<Request>>,
    failures: Mutex<Vec<(HwptId, InvalidateError)>>,
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

    /// Fails the next request to `hwpt`; called again, the one after it.
    pub fn fail(&self, hwpt: HwptId, error: InvalidateError) {
        lock(&self.failures).push((hwpt, error));
    }

    /// What came in since the last call, oldest first.
    #[must_use]
    pub fn take(&self) -> Vec<Request> {
        std::mem::take(&mut lock(&self.requests))
    }
}

impl Backend for RecordingBackend {
    fn invalidate(&self, hwpt: HwptId, entries: &[VtdS1Invalidate]) -> Result<(), InvalidateError> {
        let request = Request {
            hwpt,
            entries: entries.to_vec(),
        };
        if let Some(observe) = &self.on_request {
            observe(&request);
        }
        lock(&self.requests).push(request);
        let mut failures = lock(&self.failures);
        match failures.iter().position(|(target, _)| *target == hwpt) {
            Some(at) => Err(failures.remove(at).1),
            None => Ok(()),
        }
    }
}

/// Records every submission, and fails those it was told to fail.
#[derive(Debug, Default)]
pub struct RecordingQueue {
    submissions: Mutex<Vec<(HwptId, Vec<Command>)>>,
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
    pub fn take(&self) -> Vec<(HwptId, Vec<Command>)> {
        std::mem::take(&mut lock(&self.submissions))
    }
}

impl HardwareQueue for RecordingQueue {
    fn submit_sync(&self, hwpt: HwptId, commands: &[Command]) -> Result<(), SubmitError> {
        lock(&self.submissions).push((hwpt, commands.to_vec()));
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
