use std::{
    io::{self, Stdout, stdout},
    panic,
    sync::{
        Once,
        atomic::{AtomicBool, Ordering},
    },
};

use ratatui::{
    Terminal,
    backend::CrosstermBackend,
    crossterm::{
        cursor::Show,
        execute,
        terminal::{EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode},
    },
};

use crate::TuiError;

/// Whether a [`Session`] holds the terminal; the panic hook asks.
static HELD: AtomicBool = AtomicBool::new(false);

/// Holds the terminal: raw mode, the alternate screen, no cursor. Dropping it
/// gives all of that back, and so does a panic, before its message is printed.
pub(crate) struct Session {
    pub(crate) terminal: Terminal<CrosstermBackend<Stdout>>,
}

impl Session {
    /// Takes the terminal that standard output is.
    ///
    /// # Errors
    /// [`TuiError::Terminal`]; what was taken until then is given back.
    pub(crate) fn start() -> Result<Self, TuiError> {
        restore_on_panic();
        enable_raw_mode().map_err(TuiError::terminal("enter raw mode"))?;
        HELD.store(true, Ordering::SeqCst);
        let started = execute!(stdout(), EnterAlternateScreen)
            .and_then(|()| Terminal::new(CrosstermBackend::new(stdout())));
        match started {
            Ok(terminal) => Ok(Self { terminal }),
            Err(error) => {
                restore();
                Err(TuiError::terminal("show an alternate screen")(error))
            }
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        restore();
    }
}

/// Gives the terminal back if it is held. What fails is left: the terminal may
/// be gone, and nothing more can be done about it here.
fn restore() {
    if HELD.swap(false, Ordering::SeqCst) {
        let _: io::Result<()> = execute!(stdout(), LeaveAlternateScreen, Show);
        let _: io::Result<()> = disable_raw_mode();
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
