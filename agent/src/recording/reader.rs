use std::{
    cell::OnceCell,
    collections::HashMap,
    fs::File,
    io::{BufRead as _, BufReader, Read as _},
    path::{Path, PathBuf},
    str,
};

use hdrhistogram::{
    Histogram,
    serialization::interval_log::{IntervalLogIterator, LogEntry},
};

use super::{Header, RecordingError, Since, latencies::latencies, log_of};
use crate::{
    printable::from_json,
    snapshot::{Activity, HistogramV2, Owner, Snapshot},
};

/// The longest line that is read, in bytes: those of the largest snapshots have a tenth of it.
const LINE_MAX: u64 = 16 << 20;

/// The most instances and objects that totals are kept of.
const TOTALS_MAX: usize = 4096;

/// A recording that is read, an interval at a time.
#[derive(Debug)]
pub struct Replay {
    log: Lines,
    lines: Lines,
    totals: HashMap<Key, Activity>,
    /// What the measurement had counted before, once the first interval is read.
    since: OnceCell<Option<Since>>,
    is_cut: bool,
}

/// Whose total it is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Key {
    Instance(u16),
    Object(Option<u16>, Option<Owner>),
}

/// That `path` is no recording.
pub(super) fn foreign(path: &Path, why: String) -> RecordingError {
    let path = path.to_owned();
    RecordingError::Foreign { path, why }
}

/// The lines of the recording in `path` behind its header, and that.
pub(super) fn begun(path: &Path) -> Result<(Lines, Header), RecordingError> {
    let mut lines = Lines::open(path)?;
    let foreign = |why| foreign(path, why);
    let first = lines.next()?;
    let first = first.ok_or_else(|| foreign("it has no whole line".into()))?;
    let header: Header = from_json(&first).map_err(|error| foreign(error.to_string()))?;
    header.check().map_err(foreign)?;
    Ok((lines, header))
}

impl Replay {
    /// Opens the recording whose lines are in `path` and whose histograms are beside it.
    ///
    /// # Errors
    /// [`RecordingError`] where a file is not there or is none of a recording.
    pub fn open(path: &Path) -> Result<Self, RecordingError> {
        let (lines, _) = begun(path)?;
        // Not before: of what is no recording nobody needs the histograms.
        let log = Lines::open(&log_of(path))?;
        Ok(Self {
            log,
            lines,
            totals: HashMap::new(),
            since: OnceCell::new(),
            is_cut: false,
        })
    }

    /// The next whole interval, with totals since the recording began.
    ///
    /// # Errors
    /// [`RecordingError`] where a line is whole and wrong, with its file and number.
    pub fn next_snapshot(&mut self) -> Result<Option<Snapshot>, RecordingError> {
        let Some(mut snapshot) = self.next_as_written()? else {
            return Ok(None);
        };
        self.sum(&mut snapshot);
        let since = self.since.get_or_init(|| Since::begin_of(&snapshot));
        if let Some(since) = since {
            since.leave(&mut snapshot);
        }
        Ok(Some(snapshot))
    }

    /// The next whole interval with the totals that are written, those of the measurement.
    pub(super) fn next_as_written(&mut self) -> Result<Option<Snapshot>, RecordingError> {
        if self.is_cut {
            return Ok(None);
        }
        let Some(line) = self.lines.next()? else {
            self.is_cut = self.lines.is_cut;
            return Ok(None);
        };
        let mut snapshot: Snapshot =
            from_json(&line).map_err(|error| self.lines.wrong(format!("no snapshot: {error}")))?;
        for one in latencies(&mut snapshot) {
            let Some(histogram) = self.log.histogram(&one.tag)? else {
                self.is_cut = true;
                return Ok(None);
            };
            if histogram.len() != one.recorded {
                return Err(self.log.wrong(format!(
                    "{} latencies of {}, where {}:{} has {}",
                    histogram.len(),
                    one.tag,
                    self.lines.path.display(),
                    self.lines.number,
                    one.recorded
                )));
            }
            *one.histogram = histogram;
        }
        Ok(Some(snapshot))
    }

    /// Whether it ended in the middle of an interval, which is left out.
    #[must_use]
    pub const fn is_cut(&self) -> bool {
        self.is_cut
    }

    /// Adds the interval to the totals, and gives the snapshot its own.
    fn sum(&mut self, snapshot: &mut Snapshot) {
        let instances = snapshot
            .instances
            .iter_mut()
            .map(|one| (Key::Instance(one.number), &one.interval, &mut one.total));
        let objects = snapshot.objects.iter_mut().map(|one| {
            let key = Key::Object(one.instance, one.owner.clone());
            (key, &one.interval, &mut one.total)
        });
        for (key, interval, total) in instances.chain(objects) {
            if self.totals.len() >= TOTALS_MAX && !self.totals.contains_key(&key) {
                *total = interval.clone();
                continue;
            }
            let sum = self.totals.entry(key).or_default();
            sum.add(interval);
            *total = sum.clone();
        }
    }
}

/// A file by its whole lines.
#[derive(Debug)]
pub(super) struct Lines {
    path: PathBuf,
    file: BufReader<File>,
    /// Of the last line, from 1.
    number: u64,
    /// It ended within a line.
    is_cut: bool,
}

impl Lines {
    pub(super) fn open(path: &Path) -> Result<Self, RecordingError> {
        let file = File::open(path).map_err(|source| RecordingError::Read {
            path: path.to_owned(),
            source,
        })?;
        Ok(Self {
            path: path.to_owned(),
            file: BufReader::with_capacity(1 << 16, file),
            number: 0,
            is_cut: false,
        })
    }

    /// The next line without its end, if there is a whole one.
    pub(super) fn next(&mut self) -> Result<Option<Vec<u8>>, RecordingError> {
        let mut line = Vec::new();
        let read = (&mut self.file).take(LINE_MAX).read_until(b'\n', &mut line);
        read.map_err(|source| RecordingError::Read {
            path: self.path.clone(),
            source,
        })?;
        self.number += 1;
        if line.pop_if(|last| *last == b'\n').is_some() {
            return Ok(Some(line));
        }
        if line.len() as u64 == LINE_MAX {
            return Err(self.wrong(format!("longer than {LINE_MAX} bytes")));
        }
        self.is_cut = !line.is_empty();
        Ok(None)
    }

    /// The next line of an interval log that is neither a comment nor empty.
    pub(super) fn next_interval(&mut self) -> Result<Option<Vec<u8>>, RecordingError> {
        while let Some(line) = self.next()? {
            if !matches!(line.first(), None | Some(b'#' | b'"')) {
                return Ok(Some(line));
            }
        }
        Ok(None)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Of the last line, from 1.
    pub(super) const fn number(&self) -> u64 {
        self.number
    }

    /// Whether it ended within a line.
    pub(super) const fn is_cut(&self) -> bool {
        self.is_cut
    }

    /// The next histogram, which has to be that of `tag`.
    fn histogram(&mut self, tag: &str) -> Result<Option<Histogram<u64>>, RecordingError> {
        while let Some(mut line) = self.next()? {
            line.push(b'\n');
            match IntervalLogIterator::new(&line).next() {
                None | Some(Ok(LogEntry::StartTime(_) | LogEntry::BaseTime(_))) => {}
                Some(Err(_)) => return Err(self.wrong("no line of an interval log".into())),
                Some(Ok(LogEntry::Interval(interval))) => {
                    let own = interval.tag().map_or("", |own| own.as_str());
                    if own != tag {
                        return Err(self.wrong(format!("{own:?}, where {tag:?} is expected")));
                    }
                    let payload = HistogramV2::from(interval.encoded_histogram());
                    let decoded = payload.decode();
                    return decoded
                        .map(Some)
                        .map_err(|source| RecordingError::Histogram {
                            path: self.path.clone(),
                            line: self.number,
                            source,
                        });
                }
            }
        }
        Ok(None)
    }

    pub(super) fn wrong(&self, why: String) -> RecordingError {
        RecordingError::Line {
            path: self.path.clone(),
            line: self.number,
            why,
        }
    }
}
