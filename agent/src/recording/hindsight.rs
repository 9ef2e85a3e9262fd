use std::{
    collections::VecDeque,
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use super::{Recording, RecordingError, Replay};
use crate::snapshot::Snapshot;

/// Parts that the time is kept in: what is there is never less than the time, and at most
/// one part more.
const PARTS: u32 = 4;

/// The most bytes on disk, of all parts together; the oldest goes first.
const BYTES_MAX: u64 = 256 << 20;

/// A part that is larger ends before its time, so that the oldest is never much of it all.
const PART_MAX: u64 = BYTES_MAX / 8;

/// The last minutes, on disk: a ring of recordings, each a part of the time.
#[derive(Debug)]
pub struct Hindsight {
    folder: PathBuf,
    keep: Duration,
    /// Oldest first.
    parts: VecDeque<Part>,
    made: u64,
}

#[derive(Debug)]
struct Part {
    recording: Recording,
    /// When its last interval ended, since the measurement began.
    end: Duration,
    /// When its first one began.
    begin: Duration,
    /// A write to it has failed: nothing is to come behind what that may have left.
    is_closed: bool,
}

impl Hindsight {
    /// Keeps the last `keep` in `folder`, which is made.
    ///
    /// # Errors
    /// [`RecordingError::Create`] where the folder is there already or cannot be made.
    pub fn create(folder: &Path, keep: Duration) -> Result<Self, RecordingError> {
        fs::create_dir(folder).map_err(|source| RecordingError::Create {
            path: folder.to_owned(),
            source,
        })?;
        Ok(Self {
            folder: folder.to_owned(),
            keep,
            parts: VecDeque::new(),
            made: 0,
        })
    }

    /// Adds an interval; what is older than the time goes.
    ///
    /// # Errors
    /// [`RecordingError`] where a file cannot be made or takes no more. The interval is left out
    /// then, and the next one can be tried.
    pub fn write(&mut self, snapshot: &Snapshot) -> Result<(), RecordingError> {
        let now = snapshot.since_start;
        // Before, since it makes room.
        self.forget(now);
        let length = self.keep / PARTS;
        let is_full = |part: &Part| {
            part.is_closed || now > part.begin + length || part.recording.bytes() > PART_MAX
        };
        if self.parts.back().is_none_or(is_full) {
            self.made += 1;
            let path = self.folder.join(format!("{:06}.jsonl", self.made));
            self.parts.push_back(Part {
                recording: Recording::create(&path)?,
                begin: now.saturating_sub(snapshot.interval),
                end: now,
                is_closed: false,
            });
        }
        if let Some(part) = self.parts.back_mut() {
            let written = part.recording.write(snapshot);
            part.is_closed = written.is_err();
            let is_empty = part.recording.intervals() == 0;
            if written.is_ok() {
                part.end = now;
            } else if is_empty && let Some(part) = self.parts.pop_back() {
                part.recording.discard();
            }
            written?;
        }
        self.forget(now);
        Ok(())
    }

    /// Lets go what is older than the time, or too much.
    fn forget(&mut self, now: Duration) {
        while self.parts.len() > 1 && (self.is_past(now) || self.bytes() > BYTES_MAX) {
            if let Some(part) = self.parts.pop_front() {
                part.recording.discard();
            }
        }
    }

    /// Whether the oldest part ended before the time that is kept.
    fn is_past(&self, now: Duration) -> bool {
        self.parts
            .front()
            .is_some_and(|part| part.end + self.keep < now)
    }

    fn bytes(&self) -> u64 {
        self.parts.iter().map(|part| part.recording.bytes()).sum()
    }

    /// Copies all that is there into a recording at `path`.
    ///
    /// # Errors
    /// [`RecordingError`] where that is there already, or takes no more; then nothing of it
    /// stays.
    pub fn dump(&self, path: &Path) -> Result<Recording, RecordingError> {
        let mut dump = Recording::create(path)?;
        match self.copy(&mut dump) {
            Ok(()) => Ok(dump),
            Err(error) => {
                // It would take the room that the ring goes on in.
                dump.discard();
                Err(error)
            }
        }
    }

    fn copy(&self, dump: &mut Recording) -> Result<(), RecordingError> {
        for part in &self.parts {
            let mut replay = Replay::open(part.recording.path())?;
            while let Some(snapshot) = replay.next_as_written()? {
                dump.write(&snapshot)?;
            }
        }
        Ok(())
    }

    /// Removes the ring.
    ///
    /// # Errors
    /// Where something of another is in the folder.
    pub fn remove(self) -> io::Result<()> {
        for part in self.parts {
            part.recording.discard();
        }
        fs::remove_dir(&self.folder)
    }
}
