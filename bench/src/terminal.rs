//! A program on a terminal that is not there: a pseudo-terminal, the other side of which only
//! counts what comes.

#![expect(
    unsafe_code,
    reason = "only between fork and exec can a process be given a terminal of its own"
)]

use std::{
    fs::File,
    io::{self, Read as _},
    os::unix::process::CommandExt as _,
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

use rustix::{
    process::{ioctl_tiocsctty, setsid},
    pty::{OpenptFlags, grantpt, ioctl_tiocgptpeer, openpt, unlockpt},
    termios::{Winsize, tcsetwinsize},
};

/// What is written with a longer pause before it is another frame.
const PAUSE: Duration = Duration::from_millis(30);

/// Bytes that came together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Burst {
    last: Instant,
    /// How many.
    pub(crate) bytes: u64,
}

/// A program and the terminal that it has to itself. Dropping it ends the program.
pub(crate) struct OnTerminal {
    pub(crate) child: Child,
    bursts: Arc<Mutex<Vec<Burst>>>,
}

impl OnTerminal {
    /// Starts `command` on a terminal of `columns` by `rows` characters.
    pub(crate) fn start(command: &mut Command, (columns, rows): (u16, u16)) -> io::Result<Self> {
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let ours = openpt(flags)?;
        grantpt(&ours)?;
        unlockpt(&ours)?;
        let size = Winsize {
            ws_col: columns,
            ws_row: rows,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        tcsetwinsize(&ours, size)?;
        let theirs = ioctl_tiocgptpeer(&ours, flags)?;
        command
            .stdin(Stdio::from(theirs.try_clone()?))
            .stdout(Stdio::from(theirs.try_clone()?));
        let child = in_session_of(theirs, command).spawn()?;
        // What is left open here would keep the terminal alive when the program has ended.
        command.stdin(Stdio::null()).stdout(Stdio::null());
        let bursts = Arc::default();
        let counted = Arc::clone(&bursts);
        thread::spawn(move || count(File::from(ours), &counted));
        Ok(Self { child, bursts })
    }

    /// What has come until now, since this was asked last.
    pub(crate) fn take_bursts(&self) -> Vec<Burst> {
        std::mem::take(&mut *self.bursts.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Lets `command` be the leader of a session whose terminal is `theirs`: what it opens as
/// /dev/tty is that and not the terminal of whoever started this process.
fn in_session_of(
    theirs: impl std::os::fd::AsFd + Send + Sync + 'static,
    command: &mut Command,
) -> &mut Command {
    let lead = move || {
        setsid()?;
        ioctl_tiocsctty(&theirs)?;
        Ok(())
    };
    // SAFETY: it makes two system calls and touches nothing else: no memory is allocated, no
    // lock taken.
    unsafe { command.pre_exec(lead) }
}

/// Until the program's side is closed: reading fails then.
fn count(mut terminal: File, bursts: &Mutex<Vec<Burst>>) {
    let mut buffer = vec![0; 1 << 16];
    while let Ok(read @ 1..) = terminal.read(&mut buffer) {
        let (now, bytes) = (Instant::now(), read as u64);
        let mut bursts = bursts.lock().unwrap_or_else(PoisonError::into_inner);
        match bursts.last_mut() {
            Some(burst) if now - burst.last < PAUSE => {
                burst.bytes += bytes;
                burst.last = now;
            }
            _ => bursts.push(Burst { last: now, bytes }),
        }
    }
}

impl Drop for OnTerminal {
    fn drop(&mut self) {
        // It has ended already where these fail.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn output(script: &str) -> Vec<Burst> {
        let mut command = Command::new("sh");
        command.args(["-c", script]).stderr(Stdio::null());
        let mut terminal = OnTerminal::start(&mut command, (97, 31)).expect("a terminal");
        assert!(terminal.child.wait().expect("it ends").success());
        // The reader may still be at it.
        thread::sleep(Duration::from_millis(200));
        terminal.take_bursts()
    }

    #[test]
    fn the_program_has_a_terminal_of_its_own_with_the_size_that_was_asked_for() {
        // As long as `31 97` with the terminal's end of line.
        let bursts = output("test -t 0 && test -t 1 && stty size </dev/tty");
        assert_eq!(bursts.iter().map(|burst| burst.bytes).sum::<u64>(), 7);
    }

    #[test]
    fn what_comes_together_is_counted_together() {
        let bursts = output("printf 12345; sleep 0.3; printf 123; printf 45678");
        let bytes: Vec<u64> = bursts.iter().map(|burst| burst.bytes).collect();
        assert_eq!(bytes, [5, 8]);
    }
}
