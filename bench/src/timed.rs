//! Times a backend and a hardware queue from outside, with the process' own
//! clock: what is measured without eBPF, and what eBPF is held against.

use std::time::Instant;

use hwptop_abi::Stage;
use hwptop_agent::{Observation, Recorder};
use hwptop_driver::{
    Backend, Command, Entries, HardwareQueue, InvalidateError, ObjectId, SubmitError,
};

/// Wraps a backend or a hardware queue; every call through it is recorded as
/// the stage that it is. Without a recorder it passes calls through.
#[derive(Clone, Debug)]
pub struct Timed<T> {
    inner: T,
    recorder: Option<Recorder>,
    instance: usize,
}

impl<T> Timed<T> {
    /// Times `inner` for the recorder's instance at position `instance`.
    pub const fn new(inner: T, recorder: Option<Recorder>, instance: usize) -> Self {
        Self {
            inner,
            recorder,
            instance,
        }
    }

    fn time<E: Copy>(
        &self,
        call: impl FnOnce(&T) -> Result<(), E>,
        observe: impl FnOnce(Option<E>) -> (Stage, ObjectId, usize, i32),
    ) -> Result<(), E> {
        let Some(recorder) = &self.recorder else {
            return call(&self.inner);
        };
        let start = Instant::now();
        let result = call(&self.inner);
        let latency = start.elapsed();
        let (stage, hwpt, items, errno) = observe(result.err());
        recorder.record(Observation {
            stage,
            instance: self.instance,
            hwpt: hwpt.0,
            items: u32::try_from(items).unwrap_or(u32::MAX),
            errno: errno.unsigned_abs(),
            latency,
        });
        result
    }
}

impl<T: Backend> Backend for Timed<T> {
    fn invalidate(&self, hwpt: ObjectId, entries: Entries<'_>) -> Result<(), InvalidateError> {
        self.time(
            |backend| backend.invalidate(hwpt, entries),
            |error| {
                let handled = error.map_or(entries.len(), |error| error.handled as usize);
                (
                    Stage::Request,
                    hwpt,
                    handled,
                    error.map_or(0, |error| error.errno),
                )
            },
        )
    }
}

impl<T: HardwareQueue> HardwareQueue for Timed<T> {
    fn submit_sync(&self, hwpt: ObjectId, commands: &[Command]) -> Result<(), SubmitError> {
        self.time(
            |queue| queue.submit_sync(hwpt, commands),
            |error| {
                let errno = error.map_or(0, |error| error.errno());
                (Stage::Submission, hwpt, commands.len(), errno)
            },
        )
    }
}
