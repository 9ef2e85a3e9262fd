//! One boot: QEMU is started, what CMD writes is passed on as it comes, and a hang is ended.

mod passing;

use anyhow::{Context as _, Result};
use signal_hook::consts::{SIGABRT, SIGINT, SIGTERM};
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::profile::Profile;
use super::qemu::{Channel, Qemu, Threads, Wiring};
use super::voice::Voice;
use passing::{Passing, Stream};

/// Between two looks at QEMU and its files.
const PAUSE: Duration = Duration::from_millis(10);
/// How long a guest may take to switch itself off.
const POWEROFF: Duration = Duration::from_secs(10);
/// How long after a time-out it is waited for that what CMD wrote is read.
const READ_AFTER: Duration = Duration::from_secs(1);
/// The most that CMD may write to each of its streams: it lies in a temporary file.
pub(super) const OUTPUT_MAX: u64 = 1 << 30;
/// The most boots of one run.
const BOOTS: usize = 3;
/// How much of the console is shown where a boot went wrong.
const TAIL_LINES: usize = 25;
const TAIL_BYTES: u64 = 16 << 10;

/// What to boot.
pub(super) struct Boot<'a> {
    pub(super) qemu: &'a Qemu,
    pub(super) profile: &'a Profile,
    pub(super) kernel: &'a Path,
    pub(super) initramfs: &'a [u8],
    /// What is added to the kernel command line.
    pub(super) append: &'a str,
    pub(super) threads: Threads,
    /// CMD's working directory; the console is written there, too.
    pub(super) share: &'a Path,
    /// From the start of QEMU on.
    pub(super) timeout: Duration,
}

/// How a boot ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// CMD ran; this is its exit code.
    Exit(u8),
    /// QEMU was ended since the time was over; CMD had begun or not.
    Hang { booted: bool },
    /// QEMU ended without a word from CMD: a panic, or a kernel that does not fit.
    Silence(ExitStatus),
    /// CMD ran, but the time was over before what it wrote was read.
    Unread,
    /// CMD wrote more than [`OUTPUT_MAX`].
    Flood,
    /// Nobody reads any more what CMD writes.
    Closed,
    /// Someone ended this program.
    Interrupted,
}

/// An end with the times that it took.
#[derive(Clone, Debug)]
pub(super) struct Report {
    pub(super) end: End,
    /// From the start of QEMU until CMD began.
    pub(super) boot: Option<Duration>,
    /// Until QEMU had ended.
    pub(super) whole: Duration,
    /// QEMU's own messages.
    complaints: String,
}

impl Report {
    /// Whether QEMU aborted before CMD began: nothing was done yet.
    fn is_qemus_own_fault(&self) -> bool {
        let aborted = |status: ExitStatus| status.signal() == Some(SIGABRT);
        self.boot.is_none() && matches!(self.end, End::Silence(status) if aborted(status))
    }
}

/// Boots and runs what the initramfs has, with CMD's output on this process's streams. QEMU's own messages, which it
/// has in any boot, are shown where CMD did not begin.
///
/// # Errors
/// Where QEMU does not start or a file cannot be written.
pub(super) fn run(boot: &Boot<'_>, voice: Voice) -> Result<Report> {
    let report = until_qemu_holds(voice, || run_once(boot))?;
    if matches!(report.end, End::Silence(_) | End::Hang { booted: false }) {
        eprint!("{}", report.complaints);
    }
    Ok(report)
}

/// Boots once more where QEMU failed an assertion of its own before CMD began, at most [`BOOTS`] times in all. With a
/// thread per processor, QEMU 10 may: `iotlb_to_section: Assertion … failed` where one moves the map of a function's
/// BARs, as binding it to vfio-pci does, while the other uses it.
fn until_qemu_holds(voice: Voice, mut boot: impl FnMut() -> Result<Report>) -> Result<Report> {
    for _ in 1..BOOTS {
        let report = boot()?;
        if !report.is_qemus_own_fault() {
            return Ok(report);
        }
        voice.say("QEMU failed an assertion of its own before CMD began: booting once more");
    }
    boot()
}

fn run_once(boot: &Boot<'_>) -> Result<Report> {
    let folder = tempfile::Builder::new()
        .prefix("hwptop-lab-")
        .tempdir()
        .context("cannot create a temporary folder")?;
    let path = |name: &str| folder.path().join(name);
    let (stdout, stderr, status) = (path("stdout"), path("stderr"), path("status"));
    let channel = Channel::Files {
        stdout: &stdout,
        stderr: &stderr,
        status: &status,
    };
    let mut command = command(boot, &path("initramfs"), channel)?;
    let interrupted = interruption()?;
    let start = Instant::now();
    let complaints = path("qemu");
    let log = File::create(&complaints).context("cannot create a file for QEMU's messages")?;
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log);
    let mut watch = Watch {
        qemu: Running::start(&mut command)?,
        passing: Passing::start([(stdout, Stream::Out), (stderr, Stream::Err)])?,
        told: Status::new(status),
        interrupted,
        start,
        timeout: boot.timeout,
        boot: None,
    };
    let end = watch.until_the_end()?;
    let boot = watch.boot;
    let end = watch.pass_on_the_rest(end);
    Ok(Report {
        end,
        boot,
        whole: start.elapsed(),
        complaints: fs::read_to_string(&complaints).unwrap_or_default(),
    })
}

/// A QEMU that runs, and what comes from it.
struct Watch {
    qemu: Running,
    passing: Passing,
    told: Status,
    interrupted: Arc<AtomicBool>,
    start: Instant,
    timeout: Duration,
    /// How long it took until CMD began.
    boot: Option<Duration>,
}

impl Watch {
    fn until_the_end(&mut self) -> Result<End> {
        let mut deadline = self.start + self.timeout;
        loop {
            // Before its files are read, since what it wrote last is to be read, too.
            let ended = self.qemu.0.try_wait().context("cannot wait for QEMU")?;
            self.told.read()?;
            if self.told.is_ready() && self.boot.is_none() {
                self.boot = Some(self.start.elapsed());
            }
            if self.interrupted.load(Ordering::Relaxed) {
                return Ok(End::Interrupted);
            }
            if self.passing.longest() > OUTPUT_MAX {
                return Ok(End::Flood);
            }
            let code = self.told.code();
            match (ended, code) {
                (Some(_), Some(code)) => return Ok(End::Exit(code)),
                (Some(status), None) => return Ok(End::Silence(status)),
                (None, Some(_)) => deadline = deadline.min(Instant::now() + POWEROFF),
                (None, None) if self.passing.has_failed() => return self.closed(),
                (None, None) => {}
            }
            if Instant::now() >= deadline {
                let booted = self.told.is_ready();
                return Ok(code.map_or(End::Hang { booted }, End::Exit));
            }
            thread::sleep(PAUSE);
        }
    }

    /// What it means that CMD's output cannot be passed on.
    fn closed(&mut self) -> Result<End> {
        match self.passing.failure() {
            Some(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                Err(error).context("cannot pass on the guest's output")
            }
            _ => Ok(End::Closed),
        }
    }

    /// Ends QEMU and waits for the reader of what CMD wrote, within limits.
    fn pass_on_the_rest(self, end: End) -> End {
        drop(self.qemu);
        let soon = Instant::now() + READ_AFTER;
        let until = match end {
            End::Exit(_) | End::Silence(_) => (self.start + self.timeout).max(soon),
            End::Hang { .. } | End::Flood => soon,
            End::Unread | End::Closed | End::Interrupted => Instant::now(),
        };
        let is_read = self.passing.finish(until, &self.interrupted);
        match end {
            End::Exit(_) if self.interrupted.load(Ordering::Relaxed) => End::Interrupted,
            End::Exit(_) if !is_read => End::Unread,
            end => end,
        }
    }
}

/// Boots into a shell on this terminal and waits for its end.
///
/// # Errors
/// Where QEMU does not start.
pub(super) fn shell(boot: &Boot<'_>) -> Result<()> {
    let folder = tempfile::tempdir().context("cannot create a temporary folder")?;
    let initramfs = folder.path().join("initramfs");
    let mut command = command(boot, &initramfs, Channel::Terminal)?;
    let mut qemu = Running::start(&mut command)?;
    qemu.0.wait().context("cannot wait for QEMU")?;
    Ok(())
}

/// Where the guest's kernel writes.
pub(super) fn console(share: &Path) -> PathBuf {
    share.join("console")
}

/// The end of a guest's console, for a person to read.
pub(super) fn console_tail(share: &Path) -> String {
    let bytes = fs::read(console(share)).unwrap_or_default();
    let start = bytes
        .len()
        .saturating_sub(usize::try_from(TAIL_BYTES).unwrap_or(usize::MAX));
    last_lines(&String::from_utf8_lossy(&bytes[start..]))
}

fn last_lines(text: &str) -> String {
    let printable = |character: &char| *character == '\n' || !character.is_control();
    let text: String = text.chars().filter(printable).collect();
    let lines: Vec<&str> = text
        .lines()
        .filter(|line| !line.trim().is_empty())
        .collect();
    if lines.is_empty() {
        return "(nothing)".into();
    }
    lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n")
}

fn command(boot: &Boot<'_>, initramfs: &Path, channel: Channel<'_>) -> Result<Command> {
    fs::write(initramfs, boot.initramfs).context("cannot write the initramfs")?;
    let console = console(boot.share);
    let wiring = Wiring {
        kernel: boot.kernel,
        initramfs,
        append: boot.append,
        threads: boot.threads,
        share: boot.share,
        console: &console,
        channel,
    };
    boot.qemu.command(boot.profile, &wiring)
}

/// Set when this program is asked to end.
fn interruption() -> Result<Arc<AtomicBool>> {
    let flag = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        signal_hook::flag::register(signal, Arc::clone(&flag))
            .context("cannot handle the signals that end this program")?;
    }
    Ok(flag)
}

/// A QEMU that is ended when this is dropped.
struct Running(Child);

impl Running {
    fn start(command: &mut Command) -> Result<Self> {
        let child = command.spawn().context("cannot start QEMU")?;
        Ok(Self(child))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself; then both only say so.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What init.sh tells: `ready`, then `exit N`.
struct Status {
    path: PathBuf,
    file: Option<File>,
    text: String,
}

impl Status {
    fn new(path: PathBuf) -> Self {
        Self {
            path,
            file: None,
            text: String::new(),
        }
    }

    fn read(&mut self) -> Result<()> {
        let mut bytes = Vec::new();
        if self.file.is_none() {
            // QEMU makes it a moment after its start.
            self.file = File::open(&self.path).ok();
        }
        if let Some(file) = &mut self.file {
            file.read_to_end(&mut bytes)
                .context("cannot read the guest's status")?;
        }
        self.text += &String::from_utf8_lossy(&bytes);
        Ok(())
    }

    fn is_ready(&self) -> bool {
        self.text.lines().any(|line| line == "ready")
    }

    /// None until the line is whole.
    fn code(&self) -> Option<u8> {
        let (whole, _) = self.text.rsplit_once('\n')?;
        let mut lines = whole.lines();
        lines.find_map(|line| line.strip_prefix("exit ")?.parse().ok())
    }
}

#[cfg(test)]
mod tests;
