use std::{
    io,
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use hwptop_agent::snapshot::Snapshot;
use ratatui::crossterm::event::Event;

use crate::{
    App, ExportForm, Flow, News, Outside, SourceError, TuiError,
    figure::span,
    input::{Input, TerminalInput},
    session::{Session, Surface},
};

mod interval;

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

    /// Whose the length of intervals is and what sets it, where it is not the dashboard's to
    /// choose; it is shown to a user who wants another one.
    fn own_pace(&self) -> Option<&'static str> {
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

/// Shows `app` on the terminal until the user leaves or `stop` is set
/// (from a signal handler, say; it is looked at ten times a second). A snapshot is
/// taken from `source` as `advance` says; when it has ended, the last picture
/// stays.
///
/// # Errors
/// [`TuiError`]; the terminal has been restored then, as it has on success.
pub fn run(
    app: App,
    source: &mut impl SnapshotSource,
    advance: Advance,
    outside: &mut impl Outside,
    stop: &AtomicBool,
) -> Result<Outcome, TuiError> {
    let mut session = Session::start()?;
    let mut input = TerminalInput::start().map_err(TuiError::terminal("be read from"))?;
    Run::new(app, source, &mut input, &mut session, outside, advance).until_the_end(stop)
}

/// What the dashboard runs on.
struct Run<'a> {
    app: App,
    source: &'a mut dyn SnapshotSource,
    input: &'a mut dyn Input,
    surface: &'a mut dyn Surface,
    outside: &'a mut dyn Outside,
    advance: Advance,
    /// When the last snapshot was taken.
    taken: Instant,
    /// When the next one is due by time, if it is.
    due: Option<Instant>,
    /// Whether what is on the screen is not what is to be shown.
    stale: bool,
}

impl<'a> Run<'a> {
    fn new(
        app: App,
        source: &'a mut dyn SnapshotSource,
        input: &'a mut dyn Input,
        surface: &'a mut dyn Surface,
        outside: &'a mut dyn Outside,
        advance: Advance,
    ) -> Self {
        let now = Instant::now();
        let mut run = Self {
            app,
            source,
            input,
            surface,
            outside,
            advance,
            taken: now,
            due: Some(now),
            stale: true,
        };
        run.app.by_step = advance == Advance::OnKey;
        if !run.app.by_step {
            run.due = run.next_due();
        }
        run
    }

    /// When the next snapshot is due by time, if it is.
    fn next_due(&self) -> Option<Instant> {
        match self.advance {
            Advance::Every(interval) => self
                .taken
                .checked_add(self.source.pause().unwrap_or(interval)),
            Advance::OnKey => None,
        }
    }

    /// Goes on until the user leaves or `stop` is set.
    fn until_the_end(&mut self, stop: &AtomicBool) -> Result<Outcome, TuiError> {
        loop {
            if stop.load(Ordering::Relaxed) {
                return Ok(Outcome::Stopped);
            }
            self.hear_news()?;
            self.take_snapshot()?;
            self.stale |= self.app.note(self.source.note());
            self.stale |= self.app.fall_silent(Instant::now());
            if std::mem::take(&mut self.stale) {
                let drawn = self.surface.draw(&self.app);
                drawn.map_err(TuiError::terminal("be drawn on"))?;
            }
            let wait = match self.due {
                Some(due) if !self.app.ended => LOOK.min(due - Instant::now()),
                _ => LOOK,
            };
            let event = self.input.next(wait);
            match event.map_err(TuiError::terminal("be read from"))? {
                Some(Event::Key(key)) => {
                    self.stale = true;
                    match self.app.on_key(key) {
                        Flow::Quit => return Ok(Outcome::Quit),
                        flow => self.follow(flow)?,
                    }
                }
                Some(Event::Paste(text)) => {
                    self.app.on_paste(&text);
                    self.stale = true;
                }
                Some(Event::Mouse(mouse)) => {
                    self.app.on_mouse(mouse);
                    self.stale = true;
                }
                Some(Event::Resize(..)) => self.stale = true,
                _ => {}
            }
        }
    }

    /// Takes a snapshot if it is time for one.
    fn take_snapshot(&mut self) -> Result<(), TuiError> {
        if self.app.ended || self.due.is_none_or(|due| Instant::now() < due) {
            return Ok(());
        }
        if self.source.has_next() {
            match self.source.next().map_err(TuiError::Source)? {
                Some(snapshot) => {
                    if let Err(why) = self.outside.record(&snapshot) {
                        self.app.say(Err(why));
                    }
                    self.app.tell_recorded(self.outside.recorded());
                    self.app.update(snapshot);
                }
                None => self.app.end(),
            }
            self.stale = true;
        }
        // From now on, not from when it was due: a stall must not be made
        // up for with a burst of empty intervals.
        self.taken = Instant::now();
        self.due = self.next_due();
        Ok(())
    }

    /// Does what a key asked for, beside what the app does by itself.
    fn follow(&mut self, flow: Flow) -> Result<(), TuiError> {
        match flow {
            Flow::Next if self.advance == Advance::OnKey => self.due = Some(Instant::now()),
            Flow::Continue | Flow::Quit | Flow::Next => {}
            Flow::Slower => self.change_interval(interval::longer),
            Flow::Faster => self.change_interval(interval::shorter),
            Flow::Record => self.record(),
            Flow::Export(form) => self.export(form)?,
            Flow::Theme => {
                let saved = self.outside.save_theme(self.app.theme);
                let name = self.app.theme.name();
                self.app.say(match saved {
                    Ok(how) => Ok(format!("theme {name}, {how}")),
                    Err(why) => Err(format!("theme {name}, for this time only: {why}")),
                });
            }
            Flow::Suspend => self.suspend()?,
        }
        Ok(())
    }

    fn change_interval(&mut self, other: fn(Duration) -> Option<Duration>) {
        let interval = match (self.source.own_pace(), self.advance) {
            (Some(whose), _) => return self.app.say(Err(whose.to_owned())),
            (None, Advance::OnKey) => return,
            (None, Advance::Every(interval)) => interval,
        };
        self.app.say(match other(interval) {
            Some(other) => {
                self.advance = Advance::Every(other);
                self.due = self.next_due();
                Ok(format!("an interval every {}", span(other)))
            }
            None => Err(format!("every {}: it stays so", span(interval))),
        });
    }

    fn record(&mut self) {
        let said = if self.outside.recorded().is_some() {
            self.outside.end_recording()
        } else {
            self.outside.begin_recording(&self.app.selection())
        };
        self.app.say(said);
        self.app.tell_recorded(self.outside.recorded());
    }

    fn export(&mut self, form: ExportForm) -> Result<(), TuiError> {
        let size = self.surface.size();
        let size = size.map_err(TuiError::terminal("be measured"))?;
        // Of what was said until now nothing is part of the picture.
        self.app.message = None;
        let export = self.app.export(form, (size.width, size.height));
        let said = export.and_then(|export| self.outside.export(export));
        self.app.say(said);
        Ok(())
    }

    fn hear_news(&mut self) -> Result<(), TuiError> {
        match self.outside.news() {
            News::None => Ok(()),
            News::Suspend => self.suspend(),
            News::Resumed => self.retake(),
            News::HungUp => Err(TuiError::terminal("be read from")(io::Error::other(
                "it is hung up",
            ))),
        }
    }

    fn suspend(&mut self) -> Result<(), TuiError> {
        self.surface.release();
        let suspended = self.outside.suspend();
        self.retake()?;
        if let Err(why) = suspended {
            self.app.say(Err(format!("not stopped: {why}")));
        }
        Ok(())
    }

    fn retake(&mut self) -> Result<(), TuiError> {
        self.stale = true;
        let taken = self.surface.retake();
        taken.map_err(TuiError::terminal("be taken again"))
    }
}

#[cfg(test)]
mod tests;
