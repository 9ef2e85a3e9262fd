use std::{
    io::{self, Write as _},
    time::Instant,
};

use hwptop_agent::CommandStream;

/// A line on a terminal that says how far a recording is.
pub(super) struct Progress {
    started: Instant,
    is_shown: bool,
}

impl Progress {
    pub(super) fn new(is_shown: bool) -> Self {
        Self {
            started: Instant::now(),
            is_shown,
        }
    }

    pub(super) fn show(&self, stream: &CommandStream) {
        let (mut recorded, mut lost) = (0, 0);
        for (_, counts) in stream.instances() {
            recorded += counts.recorded_commands;
            lost += counts.lost_commands;
        }
        let seconds = self.started.elapsed().as_secs();
        self.write(&format!(
            "{recorded} commands recorded, {lost} lost, {seconds} s; Ctrl-C ends it"
        ));
    }

    pub(super) fn clear(&self) {
        self.write("");
    }

    /// Replaces the line. Where the terminal is gone, so is its reader.
    fn write(&self, text: &str) {
        if self.is_shown {
            let _ = write!(io::stderr(), "\r\x1b[K{text}");
        }
    }
}
