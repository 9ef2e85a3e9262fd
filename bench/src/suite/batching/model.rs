use std::time::{Duration, Instant};

use hwptop_abi::{InstanceArg, Vendor};
use hwptop_agent::{InstanceTotals, Recorder, Source as _, SourceError};
use hwptop_driver::{Backend, Guest, Stream, TimingProfile, decorated_guest};

use super::pages::Pages;
use super::subject::{Subject, SubjectError, Way};
use crate::timed::Timed;

/// A guest on a modelled instance, its requests and the model's submissions timed.
pub(super) struct Model<B> {
    guest: Guest<B>,
    pages: Pages,
    recorder: Recorder,
}

/// A guest on the modelled instance `number`.
pub(super) fn model(vendor: Vendor, number: u16) -> Result<Box<dyn Subject>, SubjectError> {
    let arg = InstanceArg::new(number, vendor, true);
    // Nothing is slow enough to be kept one by one.
    let recorder = Recorder::new(&[arg], Duration::MAX);
    let guest = decorated_guest(
        &Stream::synthetic(vendor, [Pages::TARGET]),
        number,
        &TimingProfile::of(vendor),
        |queue| Timed::new(queue, Some(recorder.clone()), 0),
        |backend| Timed::new(backend, Some(recorder.clone()), 0),
    )?;
    Ok(Box::new(Model {
        guest,
        pages: Pages::default(),
        recorder,
    }))
}

impl<B: Backend> Subject for Model<B> {
    fn beside(&self) -> &'static [Way] {
        &[]
    }

    fn perform(&mut self, _: Way, batch: u32, count: u64) -> Result<Duration, SubjectError> {
        let commands = self.pages.of(&self.guest, batch);
        let start = Instant::now();
        for _ in 0..count {
            self.guest.submit(commands)?;
        }
        Ok(start.elapsed())
    }

    fn totals(&mut self) -> Result<InstanceTotals, SourceError> {
        only(&mut self.recorder)
    }
}

/// What a recorder of one instance counted.
pub(super) fn only(recorder: &mut Recorder) -> Result<InstanceTotals, SourceError> {
    let mut totals = recorder.read()?;
    Ok(totals.instances.swap_remove(0))
}
