use std::{
    io::{self, BufWriter, Stdout, stdin, stdout},
    panic,
    sync::{
        Mutex, Once,
        atomic::{AtomicBool, Ordering},
    },
};

use ratatui::{
    Terminal,
    crossterm::{
        cursor::Hide,
        event::EnableBracketedPaste,
        execute, queue,
        style::{Print, ResetColor},
        terminal::{
            BeginSynchronizedUpdate, Clear, ClearType, EndSynchronizedUpdate, EnterAlternateScreen,
            disable_raw_mode, enable_raw_mode, size,
        },
    },
    layout::Size,
};

use rustix::termios::{OptionalActions, Termios, tcgetattr, tcsetattr};

use crate::{App, TuiError, frugal::Frugal};

/// Clicks and the wheel are reported, with coordinates beyond 223; not every move of the mouse,
/// as crossterm's own command asks for: nothing is done with those, and over ssh they are many.
const MOUSE_ON: &str = "\x1b[?1000h\x1b[?1006h";
/// No update half drawn, no bracketed paste, no mouse, not the alternate screen, the cursor.
const GIVEN_BACK: &str = "\x1b[?2026l\x1b[?2004l\x1b[?1006l\x1b[?1000l\x1b[?1049l\x1b[?25h";

/// Whether a [`Session`] holds the terminal; the panic hook asks.
static HELD: AtomicBool = AtomicBool::new(false);
/// The settings that the terminal had when it was taken.
static BEFORE: Mutex<Option<Termios>> = Mutex::new(None);

/// What the dashboard is drawn on.
pub(crate) trait Surface {
    fn size(&self) -> io::Result<Size>;

    /// Draws `app`, only what is not there already.
    fn draw(&mut self, app: &App) -> io::Result<()>;

    /// Gives it back for a while.
    fn release(&mut self);

    /// Takes it again, whatever became of it: it is drawn whole the next time.
    fn retake(&mut self) -> io::Result<()>;
}

/// A frame is written at once.
const FRAME: usize = 1 << 16;

/// Holds the terminal: raw mode, the alternate screen, no cursor, the mouse. Dropping it
/// gives all of that back, and so does a panic, before its message is printed.
pub(crate) struct Session {
    terminal: Terminal<Frugal<BufWriter<Stdout>>>,
}

impl Session {
    /// Takes the terminal that standard output is.
    ///
    /// # Errors
    /// [`TuiError::Terminal`]; what was taken until then is given back.
    pub(crate) fn start() -> Result<Self, TuiError> {
        restore_on_panic();
        let raw = take().map_err(TuiError::terminal("enter raw mode"))?;
        let started = raw.and_then(|()| new_terminal());
        match started {
            Ok(terminal) => Ok(Self { terminal }),
            Err(error) => {
                restore();
                Err(TuiError::terminal("show an alternate screen")(error))
            }
        }
    }
}

impl Surface for Session {
    fn size(&self) -> io::Result<Size> {
        self.terminal.size()
    }

    fn draw(&mut self, app: &App) -> io::Result<()> {
        // Another thread has panicked, and told why where it can be read afterwards.
        if !HELD.load(Ordering::SeqCst) {
            self.retake()?;
        }
        synchronized(&mut stdout(), || {
            self.terminal.draw(|frame| app.draw(frame)).map(drop)
        })
    }

    fn release(&mut self) {
        restore();
    }

    fn retake(&mut self) -> io::Result<()> {
        // The shell may have set it as it likes while this process was stopped: given back, it is
        // known to be raw again, and nothing is taken to be on it.
        restore();
        take()??;
        self.terminal = new_terminal()?;
        Ok(())
    }
}

/// For a screen that is empty. Unlike clearing an old one, this asks the terminal nothing: its
/// answer would be taken for keys.
fn new_terminal() -> io::Result<Terminal<Frugal<BufWriter<Stdout>>>> {
    let out = BufWriter::with_capacity(FRAME, stdout());
    Terminal::new(Frugal::new(out, size()?.into()))
}

/// Lets the terminal show what `draw` writes all at once, where it knows how: no flicker over a
/// slow line.
fn synchronized<W: io::Write>(
    out: &mut W,
    draw: impl FnOnce() -> io::Result<()>,
) -> io::Result<()> {
    queue!(out, BeginSynchronizedUpdate)?;
    let drawn = draw();
    // Also after an error, which is the one that counts.
    let ended = execute!(out, EndSynchronizedUpdate);
    drawn.and(ended)
}

impl Drop for Session {
    fn drop(&mut self) {
        restore();
    }
}

/// Takes the terminal; the outer error says that it is not raw, the inner one that it shows no
/// other screen.
fn take() -> io::Result<io::Result<()>> {
    // Without them a signal handler leaves the settings alone.
    let before = tcgetattr(stdin()).ok();
    if let Ok(mut known) = BEFORE.lock() {
        *known = before;
    }
    enable_raw_mode()?;
    HELD.store(true, Ordering::SeqCst);
    Ok(execute!(
        stdout(),
        EnterAlternateScreen,
        Print(MOUSE_ON),
        EnableBracketedPaste,
        ResetColor,
        Clear(ClearType::All),
        Hide
    ))
}

/// Gives the terminal back if it is held. What fails is left: the terminal may
/// be gone, and nothing more can be done about it here.
fn restore() {
    if HELD.swap(false, Ordering::SeqCst) {
        let _: io::Result<()> = execute!(stdout(), Print(GIVEN_BACK));
        let _: io::Result<()> = disable_raw_mode();
    }
}

/// Gives the terminal back if the dashboard holds it, for a signal that ends the process at once:
/// it waits for no lock and allocates nothing, so that a signal handler may call it. Whoever goes on
/// instead finds the terminal taken from him, and takes it again with the next frame.
pub fn give_back_terminal() {
    if HELD.swap(false, Ordering::SeqCst) {
        // What fails is left, as in `restore`.
        let _ = rustix::io::write(stdout(), GIVEN_BACK.as_bytes());
        if let Ok(before) = BEFORE.try_lock()
            && let Some(before) = &*before
        {
            let _ = tcsetattr(stdin(), OptionalActions::Now, before);
        }
    }
}

/// Sets, once for the process, a panic hook that gives the terminal back and
/// then does what the hook before it does.
fn restore_on_panic() {
    static HOOKED: Once = Once::new();
    HOOKED.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            restore();
            before(info);
        }));
    });
}

#[cfg(test)]
mod tests {
    use ratatui::layout::Rect;

    use super::*;
    use crate::{Theme, fixture};

    /// What is written for a frame of `app`.
    fn frame(terminal: &mut Terminal<Frugal<Shared>>, out: &Shared, app: &App) -> String {
        let mut writer = out.clone();
        synchronized(&mut writer, || {
            terminal.draw(|frame| app.draw(frame)).map(drop)
        })
        .unwrap();
        String::from_utf8(std::mem::take(&mut *out.0.borrow_mut())).unwrap()
    }

    /// A terminal that remembers.
    #[derive(Clone, Default)]
    struct Shared(std::rc::Rc<std::cell::RefCell<Vec<u8>>>);

    impl io::Write for Shared {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.borrow_mut().write(bytes)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_frame_is_one_update_without_clearing_and_of_what_has_changed() {
        let out = Shared::default();
        let options = ratatui::TerminalOptions {
            viewport: ratatui::Viewport::Fixed(Rect::new(0, 0, 200, 50)),
        };
        let backend = Frugal::new(out.clone(), Size::new(200, 50));
        let mut terminal = Terminal::with_options(backend, options).unwrap();
        let mut app = App::new(Theme::Sixteen);
        app.update(fixture::snapshot());
        let first = frame(&mut terminal, &out, &app);
        for number in 1..20_u64 {
            let mut snapshot = fixture::snapshot();
            for instance in &mut snapshot.instances {
                instance.interval = fixture::activity(900 + number * 17, 1000 + number * 31);
            }
            app.update(snapshot);
            let frame = frame(&mut terminal, &out, &app);
            assert!(
                frame.starts_with("\x1b[?2026h") && frame.ends_with("\x1b[?2026l"),
                "{frame:?}"
            );
            assert!(!frame.contains("\x1b[2J") && !frame.contains("\x1b[J"));
            assert!(
                frame.len() < first.len() && frame.len() < 4096,
                "{}",
                frame.len()
            );
        }
    }

    #[test]
    fn what_gives_the_terminal_back_undoes_all_that_takes_it() {
        use ratatui::crossterm::{
            cursor::Show, event::DisableBracketedPaste, terminal::LeaveAlternateScreen,
        };
        let mut out = Vec::new();
        execute!(
            out,
            EndSynchronizedUpdate,
            DisableBracketedPaste,
            Print(MOUSE_ON.replace('h', "l")),
            LeaveAlternateScreen,
            Show
        )
        .unwrap();
        let parts = |text: &str| {
            let parts = text.split_inclusive(['h', 'l']).map(str::to_owned);
            parts.collect::<std::collections::BTreeSet<_>>()
        };
        assert_eq!(parts(std::str::from_utf8(&out).unwrap()), parts(GIVEN_BACK));
    }

    #[test]
    fn an_update_that_fails_is_ended_too() {
        let mut out = Vec::new();
        let failed = synchronized(&mut out, || Err(io::Error::other("gone")));
        assert_eq!(failed.unwrap_err().to_string(), "gone");
        assert_eq!(out, b"\x1b[?2026h\x1b[?2026l");
    }
}
