use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use hdrhistogram::serialization::{
    V2DeflateSerializer,
    interval_log::{IntervalLogWriterBuilder, Tag},
};

use super::{Header, RECORDING_SCHEMA, RecordingError, latencies::latencies, log_of};
use crate::snapshot::{Activity, Snapshot};

/// A recording that is being written.
#[derive(Debug)]
pub struct Recording {
    log: Appended,
    lines: Appended,
    intervals: u64,
}

impl Recording {
    /// Makes `path`, which ends in `.jsonl`, and the `.hlog` beside it.
    ///
    /// # Errors
    /// [`RecordingError`] where the name is another, or one of them is there already.
    pub fn create(path: &Path) -> Result<Self, RecordingError> {
        if path
            .extension()
            .is_none_or(|extension| extension != "jsonl")
        {
            return Err(RecordingError::Name {
                path: path.to_owned(),
            });
        }
        let lines = Appended::create(path)?;
        let log = Appended::create(&log_of(path)).inspect_err(|_| {
            // Made a moment ago, and empty.
            let _ = fs::remove_file(path);
        })?;
        Ok(Self {
            log,
            lines,
            intervals: 0,
        })
    }

    /// The file with the lines.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.lines.path
    }

    /// The file with the histograms.
    #[must_use]
    pub fn log_path(&self) -> &Path {
        &self.log.path
    }

    /// Intervals written.
    #[must_use]
    pub const fn intervals(&self) -> u64 {
        self.intervals
    }

    /// Bytes in both files.
    #[must_use]
    pub const fn bytes(&self) -> u64 {
        self.log.length + self.lines.length
    }

    /// Adds an interval. Where that fails, the recording ends with the one before.
    ///
    /// # Errors
    /// [`RecordingError::Write`] where a file takes no more.
    pub fn write(&mut self, snapshot: &Snapshot) -> Result<(), RecordingError> {
        let (log, line) = self
            .encoded(snapshot)
            .map_err(|source| self.lines.refused(source))?;
        let before = self.log.length;
        self.log.append(&log)?;
        if let Err(error) = self.lines.append(&line) {
            self.log.cut(before);
            return Err(error);
        }
        self.intervals += 1;
        Ok(())
    }

    /// Removes its files, which this process made.
    pub fn discard(self) {
        for file in [&self.log, &self.lines] {
            // Where that fails, they are there and empty.
            let _ = fs::remove_file(&file.path);
        }
    }

    /// What is added to the two files; before the first interval with their beginnings.
    fn encoded(&self, snapshot: &Snapshot) -> io::Result<(Vec<u8>, Vec<u8>)> {
        let (mut log, mut line) = (Vec::new(), Vec::new());
        let offset = snapshot.since_start.saturating_sub(snapshot.interval);
        let mut serializer = V2DeflateSerializer::new();
        let mut builder = IntervalLogWriterBuilder::new();
        if self.intervals == 0 {
            let began = snapshot.taken_at.checked_sub(snapshot.since_start);
            let began = began.unwrap_or(snapshot.taken_at);
            builder
                .add_comment("[Histogram log format version 1.3]")
                .add_comment("[hwptop: latencies in nanoseconds, times in seconds since StartTime]")
                .with_start_time(began)
                .with_base_time(began);
            serde_json::to_writer(&mut line, &Header::ours())?;
            line.push(b'\n');
        }
        let mut writer = builder.begin_log_with(&mut log, &mut serializer)?;
        if self.intervals == 0 {
            writer.write_comment(&format!("[schema: {RECORDING_SCHEMA}]"))?;
        }
        let mut rest = snapshot.clone();
        for one in latencies(&mut rest) {
            writer
                .write_histogram(one.histogram, offset, snapshot.interval, Tag::new(&one.tag))
                .map_err(io::Error::other)?;
            one.histogram.reset();
        }
        let instances = rest.instances.iter_mut().map(|one| &mut one.total);
        let objects = rest.objects.iter_mut().map(|one| &mut one.total);
        for total in instances.chain(objects) {
            *total = Activity::default();
        }
        serde_json::to_writer(&mut line, &rest)?;
        line.push(b'\n');
        Ok((log, line))
    }
}

/// A file that is only appended to.
#[derive(Debug)]
struct Appended {
    path: PathBuf,
    file: File,
    length: u64,
}

impl Appended {
    fn create(path: &Path) -> Result<Self, RecordingError> {
        // Its owner alone may read what is measured of processes, as at the agent's socket.
        let file = OpenOptions::new()
            .append(true)
            .create_new(true)
            .mode(0o600)
            .open(path);
        let file = file.map_err(|source| RecordingError::Create {
            path: path.to_owned(),
            source,
        })?;
        Ok(Self {
            path: path.to_owned(),
            file,
            length: 0,
        })
    }

    /// All of `bytes`, or none of them.
    fn append(&mut self, bytes: &[u8]) -> Result<(), RecordingError> {
        if let Err(source) = self.file.write_all(bytes) {
            self.cut(self.length);
            return Err(self.refused(source));
        }
        self.length += bytes.len() as u64;
        Ok(())
    }

    /// Goes back to a length that it had. Where not even that is possible, what is too
    /// much is a line that is not whole or has no counterpart, which no reader takes.
    fn cut(&mut self, length: u64) {
        let _ = self.file.set_len(length);
        self.length = length;
    }

    fn refused(&self, source: io::Error) -> RecordingError {
        RecordingError::Write {
            path: self.path.clone(),
            source,
        }
    }
}
