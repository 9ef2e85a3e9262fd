//! What the lab says about itself: on stderr, since stdout is CMD's.

use std::io::{self, IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

/// Whether the lab says what it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Voice {
    /// One line per step.
    Normal,
    /// Errors only.
    Quiet,
}

impl Voice {
    /// Says `what`, on a line of its own.
    pub(super) fn say(self, what: &str) {
        if self == Self::Normal {
            eprintln!("lab: {what}");
        }
    }
}

/// One line about work that takes long: written over on a terminal, and once a minute elsewhere.
pub(super) struct Progress {
    voice: Voice,
    what: String,
    start: Instant,
    shown: Option<Instant>,
}

impl Progress {
    /// Begins `what`.
    pub(super) fn begin(voice: Voice, what: String) -> Self {
        Self {
            voice,
            what,
            start: Instant::now(),
            shown: None,
        }
    }

    /// Shows how far it is, where it is time to.
    pub(super) fn show(&mut self, state: &str) {
        let terminal = io::stderr().is_terminal();
        let pause = Duration::from_secs(if terminal { 1 } else { 60 });
        if self.voice == Voice::Quiet || self.shown.is_some_and(|last| last.elapsed() < pause) {
            return;
        }
        self.shown = Some(Instant::now());
        let line = format!(
            "lab: {}: {}, {state}",
            self.what,
            span(self.start.elapsed())
        );
        if terminal {
            // Erased to the end of the line: the one before may have been longer.
            eprint!("\r{line}\x1b[K");
            // Nothing is lost where the terminal is gone.
            let _ = io::stderr().flush();
        } else {
            eprintln!("{line}");
        }
    }

    /// Ends the line.
    pub(super) fn end(self) {
        if self.voice == Voice::Quiet {
            return;
        }
        let start = if io::stderr().is_terminal() {
            "\r\x1b[K"
        } else {
            ""
        };
        eprintln!(
            "{start}lab: {}: done in {}",
            self.what,
            span(self.start.elapsed())
        );
    }
}

/// A duration as people say it.
fn span(time: Duration) -> String {
    let seconds = time.as_secs();
    if seconds < 60 {
        format!("{seconds} s")
    } else {
        format!("{} min {} s", seconds / 60, seconds % 60)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_has_minutes_from_the_first_on() {
        assert_eq!(span(Duration::from_millis(59_900)), "59 s");
        assert_eq!(span(Duration::from_secs(382)), "6 min 22 s");
    }
}
