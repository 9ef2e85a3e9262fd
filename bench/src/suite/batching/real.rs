use std::time::{Duration, Instant};

use hwptop_abi::{InstanceArg, Stage, Vendor};
use hwptop_agent::{InstanceTotals, Observation, Recorder, SourceError};
use hwptop_driver::iommufd::{Context, InvalidateEntry, Prepared};
use hwptop_driver::{Backend, Guest, InvalidateError, ObjectId};

use super::model::only;
use super::pages::Pages;
use super::subject::{Subject, SubjectError, Way};
use crate::mock::Mock;

/// Of so many requests one is timed: a multiple of how many are made at a time.
const TIMED_EVERY: u64 = 64;

/// An object of the kernel that takes requests, and a guest whose queue leads there.
pub(super) struct Real<E, B> {
    context: Context,
    target: ObjectId,
    /// The entry that stands for a page, by its number.
    entry: fn(u32) -> E,
    entries: Vec<E>,
    guest: Guest<B>,
    pages: Pages,
    recorder: Recorder,
    /// Requests in the own way.
    made: u64,
    /// What `target` is of, where the guest does not keep it.
    _mock: Option<Mock>,
}

impl<E: InvalidateEntry, B: Backend> Real<E, B> {
    /// Requests go to `target` of `context`, which `guest` or `mock` keep.
    pub(super) fn new(
        (context, target): (Context, ObjectId),
        entry: fn(u32) -> E,
        guest: Guest<B>,
        mock: Option<Mock>,
    ) -> Self {
        let vendor = guest.stream().vendor();
        Self {
            context,
            target,
            entry,
            entries: Vec::new(),
            guest,
            pages: Pages::default(),
            recorder: recorder(vendor),
            made: 0,
            _mock: mock,
        }
    }

    /// The driver's requests. Of 64 one is timed: to time each would make short ones a
    /// fifth longer where the clock is slow.
    fn requests(&mut self, count: u64) -> Result<(), InvalidateError> {
        let (context, entries) = (&self.context, &self.entries[..]);
        let mut rest = count;
        if self.made.is_multiple_of(TIMED_EVERY) && rest > 0 {
            let start = Instant::now();
            context.invalidate_entries(self.target, entries)?;
            record(&self.recorder, self.target, entries.len(), start);
            rest -= 1;
        }
        for _ in 0..rest {
            context.invalidate_entries(self.target, entries)?;
        }
        self.made += count;
        Ok(())
    }

    fn bare(&self, count: u64) -> Result<(), InvalidateError> {
        let mut request = Prepared::new(&self.context, self.target, &self.entries);
        for _ in 0..count {
            request.send()?;
        }
        Ok(())
    }
}

impl<E: InvalidateEntry, B: Backend> Subject for Real<E, B> {
    fn beside(&self) -> &'static [Way] {
        &[Way::Bare, Way::Guest]
    }

    fn perform(&mut self, way: Way, batch: u32, count: u64) -> Result<Duration, SubjectError> {
        if self.entries.len() != batch as usize {
            self.entries = (0..batch).map(self.entry).collect();
            // The first request of each size is timed, however few there are.
            self.made = 0;
        }
        let commands = self.pages.of(&self.guest, batch);
        let start = Instant::now();
        match way {
            Way::Own => self.requests(count)?,
            Way::Bare => self.bare(count)?,
            Way::Guest => {
                for _ in 0..count {
                    self.guest.submit(commands)?;
                }
            }
        }
        Ok(start.elapsed())
    }

    fn totals(&mut self) -> Result<InstanceTotals, SourceError> {
        only(&mut self.recorder)
    }
}

/// A recorder of one instance of the kernel.
pub(super) fn recorder(vendor: Vendor) -> Recorder {
    // Nothing is slow enough to be kept one by one.
    Recorder::new(&[InstanceArg::new(0, vendor, false)], Duration::MAX)
}

/// Records a request that began at `start`.
pub(super) fn record(recorder: &Recorder, target: ObjectId, entries: usize, start: Instant) {
    recorder.record(Observation {
        stage: Stage::Request,
        instance: 0,
        hwpt: target.0,
        items: u32::try_from(entries).unwrap_or(u32::MAX),
        errno: 0,
        latency: start.elapsed(),
    });
}
