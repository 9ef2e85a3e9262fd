//! The place of a socket among the files: one process at a time changes what is there.

use std::{
    fs::File,
    io,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use rustix::{
    fs::{FlockOperation, flock},
    io::Errno,
};

/// How long another may take to put its own socket there.
const PATIENCE: Duration = Duration::from_secs(2);
const RETRY: Duration = Duration::from_millis(5);

/// A directory in which no other agent makes or removes a socket, until this is dropped. The
/// directory itself is locked: a lock file would stay behind.
#[derive(Debug)]
pub(super) struct OwnTurn {
    _directory: File,
}

impl OwnTurn {
    /// Waits for those who are about to change something beside `path`.
    pub(super) fn take(path: &Path) -> io::Result<Self> {
        let parent = path.parent().filter(|one| !one.as_os_str().is_empty());
        let directory = File::open(parent.unwrap_or(Path::new(".")))?;
        let begun = Instant::now();
        loop {
            match flock(&directory, FlockOperation::NonBlockingLockExclusive) {
                // A kernel without CONFIG_FILE_LOCKING knows no turns: then there are none.
                Ok(()) | Err(Errno::NOSYS) => {
                    return Ok(Self {
                        _directory: directory,
                    });
                }
                Err(Errno::WOULDBLOCK) if begun.elapsed() < PATIENCE => thread::sleep(RETRY),
                Err(Errno::WOULDBLOCK) => {
                    return Err(io::Error::new(
                        io::ErrorKind::TimedOut,
                        format!("another process has its directory locked for {PATIENCE:?}"),
                    ));
                }
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}
