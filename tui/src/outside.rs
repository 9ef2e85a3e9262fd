//! What the dashboard asks of the program around it: it touches no file and sends no signal itself.

use std::time::Duration;

use hwptop_agent::snapshot::{Scope, Snapshot};

use crate::Theme;

/// What was done, or why it was not: a line for the user.
pub type Said = Result<String, String>;

/// Files, settings and signals. Where nothing else is said, they are refused.
pub trait Outside {
    /// Begins a recording of `scope`, from the next interval on.
    ///
    /// # Errors
    /// Why there is none.
    fn begin_recording(&mut self, _scope: &Scope) -> Said {
        Err("recordings are not for this view".to_owned())
    }

    /// Adds an interval to the recording, if there is one.
    ///
    /// # Errors
    /// Why the recording has ended, and what is there.
    fn record(&mut self, _snapshot: &Snapshot) -> Result<(), String> {
        Ok(())
    }

    /// How far the recording is, if there is one.
    fn recorded(&self) -> Option<Recorded> {
        None
    }

    /// Ends the recording.
    ///
    /// # Errors
    /// Where nothing was recorded.
    fn end_recording(&mut self) -> Said {
        Err("nothing is recorded".to_owned())
    }

    /// Writes what is shown to a file of its own.
    ///
    /// # Errors
    /// Why it could not be.
    fn export(&mut self, _export: Export) -> Said {
        Err("files are not for this view".to_owned())
    }

    /// Keeps the theme for the next time.
    ///
    /// # Errors
    /// Why it is for this time only.
    fn save_theme(&mut self, _theme: Theme) -> Said {
        Err("settings are not kept".to_owned())
    }

    /// Stops this process as a job of the shell, and comes back when it goes on.
    ///
    /// # Errors
    /// Why nobody could let it go on.
    fn suspend(&mut self) -> Result<(), String> {
        Err("no shell is there to let it go on".to_owned())
    }

    /// What happened since this was asked last; it is asked ten times a second.
    fn news(&mut self) -> News {
        News::None
    }
}

/// Nothing but the dashboard.
impl Outside for () {}

/// What came from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum News {
    /// Nothing.
    None,
    /// Somebody asks it to stop as a job of the shell.
    Suspend,
    /// It was stopped and goes on; what is on the terminal is not known.
    Resumed,
    /// The terminal is gone for good.
    HungUp,
}

/// How far a recording is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// The name of its file.
    pub file: String,
    /// The intervals in it, together.
    pub length: Duration,
}

/// What is shown, to be written.
#[derive(Clone, Debug)]
pub struct Export {
    /// What is to be in the file.
    pub text: String,
    /// What that is.
    pub form: ExportForm,
    /// The name of the screen; `None` for the screen of a part, which is called as that is.
    pub screen: Option<&'static str>,
    /// What the screen is of.
    pub scope: Scope,
}

/// What an export is written as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExportForm {
    /// The rows that are shown; of instances and of a part as `--format csv` has them.
    Csv,
    /// The same; of instances and of a part as `--format json` has them.
    Json,
    /// The screen itself.
    Svg,
}
