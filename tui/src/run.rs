use std::{
    io,
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use hwptop_agent::snapshot::Snapshot;
use ratatui::{Terminal, backend::Backend, crossterm::event::Event};

use crate::{
    App, Flow, SourceError, Theme, TuiError,
    input::{Input, TerminalInput},
    session::Session,
};

/// The longest time in which the stop flag is not looked at.
const LOOK: Duration = Duration::from_millis(100);

/// Where snapshots come from.
pub trait SnapshotSource {
    /// Whether there is something to take, asked when an interval is over. A source whose
    /// snapshots come at times of their own says no until the next one is there.
    fn has_next(&mut self) -> bool {
        true
    }

    /// The snapshot of the interval that ends now; it must not wait for
    /// anything. `None` says that the source has ended and must not be asked
    /// again.
    ///
    /// # Errors
    /// Whatever keeps it from taking one; the dashboard ends with it.
    fn next(&mut self) -> Result<Option<Snapshot>, SourceError>;

    /// How long after the one before the next snapshot is to be shown, where the source knows
    /// better than [`Advance::Every`]: a recording has intervals of different lengths.
    fn pause(&self) -> Option<Duration> {
        None
    }

    /// Why no snapshot comes just now, where it waits for something; it is shown.
    fn note(&mut self) -> Option<String> {
        None
    }
}

impl<F: FnMut() -> Result<Option<Snapshot>, SourceError>> SnapshotSource for F {
    fn next(&mut self) -> Result<Option<Snapshot>, SourceError> {
        self()
    }
}

/// When the next snapshot is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Advance {
    /// When this time has passed since the one before.
    Every(Duration),
    /// The first at once, the next when the user asks for it.
    OnKey,
}

/// Why the dashboard ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The user left.
    Quit,
    /// The stop flag was set.
    Stopped,
}

/// Shows the dashboard on the terminal until the user leaves or `stop` is set
/// (from a signal handler, say; it is looked at ten times a second). A snapshot is
/// taken from `source` as `advance` says; when it has ended, the last picture
/// stays.
///
/// # Errors
/// [`TuiError`]; the terminal has been restored then, as it has on success.
pub fn run(
    source: &mut impl SnapshotSource,
    advance: Advance,
    theme: Theme,
    stop: &AtomicBool,
) -> Result<Outcome, TuiError> {
    let mut session = Session::start()?;
    let mut input = TerminalInput::start().map_err(TuiError::terminal("be read from"))?;
    let mut app = App::new(theme);
    drive(
        &mut app,
        source,
        &mut input,
        &mut session.terminal,
        &Pace { advance, stop },
    )
}

/// When to take snapshots and when to end.
struct Pace<'a> {
    advance: Advance,
    stop: &'a AtomicBool,
}

impl Pace<'_> {
    /// When the next snapshot is due by time, if it is.
    fn due(&self, source: &impl SnapshotSource) -> Option<Instant> {
        match self.advance {
            Advance::Every(interval) => Some(Instant::now() + source.pause().unwrap_or(interval)),
            Advance::OnKey => None,
        }
    }
}

fn drive<B>(
    app: &mut App,
    source: &mut impl SnapshotSource,
    input: &mut impl Input,
    terminal: &mut Terminal<B>,
    pace: &Pace,
) -> Result<Outcome, TuiError>
where
    B: Backend,
    B::Error: Send + Sync + 'static,
{
    let mut due = pace.due(source).or_else(|| Some(Instant::now()));
    let mut stale = true;
    loop {
        if pace.stop.load(Ordering::Relaxed) {
            return Ok(Outcome::Stopped);
        }
        if !app.ended && due.is_some_and(|due| Instant::now() >= due) {
            if source.has_next() {
                match source.next().map_err(TuiError::Source)? {
                    Some(snapshot) => app.update(snapshot),
                    None => app.end(),
                }
                stale = true;
            }
            // From now on, not from when it was due: a stall must not be made
            // up for with a burst of empty intervals.
            due = pace.due(source);
        }
        stale |= app.note(source.note());
        if stale {
            terminal
                .draw(|frame| app.draw(frame))
                .map_err(|error| TuiError::terminal("be drawn on")(io::Error::other(error)))?;
            stale = false;
        }
        let wait = match due {
            Some(due) if !app.ended => LOOK.min(due - Instant::now()),
            _ => LOOK,
        };
        match input
            .next(wait)
            .map_err(TuiError::terminal("be read from"))?
        {
            Some(Event::Key(key)) => {
                match app.on_key(key) {
                    Flow::Quit => return Ok(Outcome::Quit),
                    Flow::Next if pace.advance == Advance::OnKey => due = Some(Instant::now()),
                    Flow::Next | Flow::Continue => {}
                }
                stale = true;
            }
            Some(Event::Resize(..)) => stale = true,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests;
