use std::io::{self, Write as _};

/// A line on a terminal that says how far a recording is.
pub(super) struct Line {
    is_shown: bool,
}

impl Line {
    pub(super) const fn new(is_shown: bool) -> Self {
        Self { is_shown }
    }

    /// Replaces the line. Where the terminal is gone, so is its reader.
    pub(super) fn show(&self, text: &str) {
        if self.is_shown {
            let _ = write!(io::stderr(), "\r\x1b[K{text}");
        }
    }

    pub(super) fn clear(&self) {
        self.show("");
    }
}
