//! What the dashboard asks for beside snapshots: files, settings and signals.

use std::path::Path;

use hwptop_agent::snapshot::{Scope, Snapshot};
use hwptop_tui::{Export, News, Outside, Recorded, Said, Theme};

use super::{exports, job::Job, recordings::OfScope, settings::SettingsFile};
use crate::failure::Failure;

/// Files are made where the dashboard was started.
const HERE: &str = "";

/// The program around the dashboard.
pub(super) struct Around {
    settings: SettingsFile,
    job: Job,
    recording: Option<OfScope>,
}

impl Around {
    pub(super) fn new(settings: SettingsFile) -> Result<Self, Failure> {
        Ok(Self {
            settings,
            job: Job::new()?,
            recording: None,
        })
    }

    /// Ends what still goes on; what is there then.
    pub(super) fn finish(self) -> Option<String> {
        let (Ok(said) | Err(said)) = self.recording?.end();
        Some(said)
    }
}

impl Outside for Around {
    fn begin_recording(&mut self, scope: &Scope) -> Said {
        let recording = OfScope::begin(Path::new(HERE), scope)?;
        let said = recording.begun();
        self.recording = Some(recording);
        Ok(said)
    }

    fn record(&mut self, snapshot: &Snapshot) -> Result<(), String> {
        let Some(recording) = &mut self.recording else {
            return Ok(());
        };
        recording.write(snapshot).inspect_err(|_| {
            // What is there stays; the error says how it ends. One without an interval goes.
            let _ = self.recording.take().map(OfScope::end);
        })
    }

    fn recorded(&self) -> Option<Recorded> {
        self.recording.as_ref().map(OfScope::progress)
    }

    fn end_recording(&mut self) -> Said {
        let recording = self.recording.take();
        recording.map_or_else(|| Err("nothing is recorded".to_owned()), OfScope::end)
    }

    fn export(&mut self, export: Export) -> Said {
        let name = exports::write(Path::new(HERE), &export)?;
        Ok(format!("written: {name}"))
    }

    fn save_theme(&mut self, theme: Theme) -> Said {
        let saved = self.settings.save(theme);
        saved
            .map(|path| format!("saved in {}", path.display()))
            .map_err(|error| format!("{error:#}"))
    }

    fn suspend(&mut self) -> Result<(), String> {
        self.job.stop()
    }

    fn news(&mut self) -> News {
        self.job.news()
    }
}
