//! What CMD writes, on its way from QEMU's files to this program's streams: each in a thread
//! of its own, since a reader that pauses must not hold up the watch over QEMU.

use anyhow::{Context as _, Result};
use std::fs::{self, File};
use std::io::{self, Read as _, Write};
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use super::PAUSE;

/// Bytes that are passed on at once.
const CHUNK: usize = 64 << 10;

/// One of this program's streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stream {
    Out,
    Err,
}

impl Stream {
    /// Without the buffer and the lock that others use.
    fn open(self) -> io::Result<File> {
        let copy = match self {
            Self::Out => io::stdout().as_fd().try_clone_to_owned(),
            Self::Err => io::stderr().as_fd().try_clone_to_owned(),
        };
        copy.map(File::from)
    }
}

/// The threads that pass on what is written to files.
pub(super) struct Passing {
    files: Vec<PathBuf>,
    threads: Vec<JoinHandle<io::Result<()>>>,
    /// Nothing is added to the files any more.
    is_complete: Arc<AtomicBool>,
}

impl Passing {
    pub(super) fn start(streams: [(PathBuf, Stream); 2]) -> Result<Self> {
        let mut passing = Self {
            files: Vec::new(),
            threads: Vec::new(),
            is_complete: Arc::default(),
        };
        for (path, stream) in streams {
            let mut sink = stream.open().context("cannot use this program's streams")?;
            let (file, is_complete) = (path.clone(), Arc::clone(&passing.is_complete));
            let thread = thread::Builder::new()
                .spawn(move || pass_on(&file, &mut sink, &is_complete))
                .context("cannot start a thread")?;
            passing.files.push(path);
            passing.threads.push(thread);
        }
        Ok(passing)
    }

    /// Bytes of the longest file.
    pub(super) fn longest(&self) -> u64 {
        let lengths = self.files.iter().filter_map(|file| fs::metadata(file).ok());
        lengths.map(|about| about.len()).max().unwrap_or(0)
    }

    /// Whether a thread ended before it was told that nothing more comes.
    pub(super) fn has_failed(&self) -> bool {
        self.threads.iter().any(JoinHandle::is_finished)
    }

    /// Why; to be asked where one has failed.
    pub(super) fn failure(&mut self) -> Option<io::Error> {
        let at = self.threads.iter().position(JoinHandle::is_finished)?;
        self.threads.swap_remove(at).join().ok()?.err()
    }

    /// Waits until everything is passed on or cannot be, or else `until` or `stop`; a thread
    /// that then still waits for its reader goes with this program.
    pub(super) fn finish(self, until: Instant, stop: &AtomicBool) -> bool {
        self.is_complete.store(true, Ordering::Release);
        loop {
            if self.threads.iter().all(JoinHandle::is_finished) {
                return true;
            }
            if Instant::now() >= until || stop.load(Ordering::Relaxed) {
                return false;
            }
            thread::sleep(PAUSE);
        }
    }
}

/// Writes what is in the file and what comes, until it is complete.
fn pass_on(path: &Path, sink: &mut impl Write, is_complete: &AtomicBool) -> io::Result<()> {
    let mut chunk = vec![0; CHUNK];
    let mut file = None;
    loop {
        // Before the file is read, since what came last is to be read, too.
        let is_all = is_complete.load(Ordering::Acquire);
        if file.is_none() {
            // QEMU makes it a moment after its start.
            file = File::open(path).ok();
        }
        let count = file.as_mut().map_or(Ok(0), |file| file.read(&mut chunk))?;
        if count > 0 {
            sink.write_all(&chunk[..count])?;
        } else if is_all {
            return Ok(());
        } else {
            thread::sleep(PAUSE);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_is_passed_on_also_what_comes_last() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out");
        let text = vec![b'x'; 3 * CHUNK + 1];
        fs::write(&path, &text).unwrap();
        let mut sink = Vec::new();
        pass_on(&path, &mut sink, &AtomicBool::new(true)).unwrap();
        assert!(sink == text);
    }

    #[test]
    fn a_reader_that_pauses_is_not_waited_for_longer_than_told() {
        let (reader, mut writer) = io::pipe().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out");
        // More than a pipe holds.
        fs::write(&path, vec![0; 1 << 20]).unwrap();
        let is_complete = Arc::new(AtomicBool::new(false));
        let (file, complete) = (path.clone(), Arc::clone(&is_complete));
        let passing = Passing {
            files: vec![path],
            threads: vec![thread::spawn(move || {
                pass_on(&file, &mut writer, &complete)
            })],
            is_complete,
        };
        assert_eq!(passing.longest(), 1 << 20);
        assert!(!passing.finish(Instant::now() + 5 * PAUSE, &AtomicBool::new(false)));
        drop(reader);
    }

    #[test]
    fn a_reader_that_went_away_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out");
        fs::write(&path, "text").unwrap();
        let (reader, mut writer) = io::pipe().unwrap();
        drop(reader);
        let is_complete = Arc::new(AtomicBool::new(false));
        let file = path.clone();
        let mut passing = Passing {
            files: vec![path],
            threads: vec![thread::spawn(move || {
                pass_on(&file, &mut writer, &AtomicBool::new(false))
            })],
            is_complete,
        };
        while !passing.has_failed() {
            thread::sleep(PAUSE);
        }
        let error = passing.failure().unwrap();
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
    }
}
