//! Threads that take histograms apart and sum them.

use std::{
    path::{Path, PathBuf},
    sync::mpsc::{Receiver, SyncSender, sync_channel},
    thread::{self, JoinHandle},
};

use super::{
    InstanceSum, Known, RecordingError, STAGES,
    counts::{Counts, histogram},
    heat::{Heat, place, rows, width},
};
use crate::snapshot::Stage;

/// Threads; one more reads.
const WORKERS: usize = 2;
/// Blocks that wait for a worker.
const WAITING: usize = 16;
/// Instances that are kept over time.
const HEATS_MAX: usize = 128;

/// A line of the log.
pub(super) struct Entry {
    /// Which, from 1.
    pub(super) number: u64,
    pub(super) line: Vec<u8>,
    /// Instance and stage.
    pub(super) cell: usize,
    /// Where in time.
    pub(super) slot: u64,
    /// How many latencies it must have.
    pub(super) recorded: u64,
}

type Block = Vec<Entry>;

/// Where blocks go to a thread, and it.
type Thread = (SyncSender<Block>, JoinHandle<Result<Sums, RecordingError>>);

/// What workers have summed.
#[derive(Default)]
pub(super) struct Sums {
    /// By cell: counts by index.
    counts: Vec<Vec<u64>>,
    /// By instance and kept stage.
    heats: Vec<[Option<Heat>; 2]>,
    /// Slots of a column.
    width: u64,
}

impl Sums {
    fn add(&mut self, entry: &Entry, found: &[(u16, u64)], rows: &[u8]) {
        if self.counts.len() <= entry.cell {
            self.counts.resize_with(entry.cell + 1, Vec::new);
        }
        let counts = &mut self.counts[entry.cell];
        let longest = found.last().map_or(0, |(index, _)| usize::from(*index) + 1);
        if counts.len() < longest {
            counts.resize(longest, 0);
        }
        for (index, count) in found {
            let sum = &mut counts[usize::from(*index)];
            *sum = sum.saturating_add(*count);
        }
        let (instance, stage) = (entry.cell / STAGES, entry.cell % STAGES);
        let Some(kept) = place(Stage::ALL[stage]).filter(|_| instance < HEATS_MAX) else {
            return;
        };
        self.widen(width(entry.slot + 1));
        if self.heats.len() <= instance {
            self.heats.resize_with(instance + 1, Default::default);
        }
        let heat = self.heats[instance][kept].get_or_insert_default();
        let by_row = found
            .iter()
            .map(|(index, count)| (usize::from(rows[usize::from(*index)]), *count));
        heat.add(entry.slot / self.width, by_row);
    }

    fn widen(&mut self, to: u64) {
        self.width = self.width.max(1);
        while self.width < to {
            self.width *= 2;
            let heats = self.heats.iter_mut().flatten().flatten();
            heats.for_each(Heat::halve);
        }
    }

    fn merge(&mut self, mut other: Self) {
        self.widen(other.width);
        other.widen(self.width);
        if self.counts.len() < other.counts.len() {
            self.counts.resize_with(other.counts.len(), Vec::new);
        }
        for (mine, theirs) in self.counts.iter_mut().zip(&other.counts) {
            if mine.len() < theirs.len() {
                mine.resize(theirs.len(), 0);
            }
            for (mine, theirs) in mine.iter_mut().zip(theirs) {
                *mine = mine.saturating_add(*theirs);
            }
        }
        if self.heats.len() < other.heats.len() {
            self.heats.resize_with(other.heats.len(), Default::default);
        }
        for (mine, theirs) in self.heats.iter_mut().zip(&other.heats) {
            for (mine, theirs) in mine.iter_mut().zip(theirs) {
                if let Some(theirs) = theirs {
                    mine.get_or_insert_default().merge(theirs);
                }
            }
        }
    }

    /// Columns of so many slots, and slots of a column.
    pub(super) fn axis(&self, slots: u64) -> (usize, u64) {
        let width = self.width.max(1);
        (
            usize::try_from(slots.div_ceil(width)).unwrap_or(usize::MAX),
            width,
        )
    }

    pub(super) fn into_instances(mut self, known: Vec<Known>) -> Vec<InstanceSum> {
        self.heats.resize_with(known.len(), Default::default);
        let counts = &self.counts;
        let all = known.into_iter().zip(self.heats).enumerate();
        all.map(|(instance, (known, heats))| {
            let latencies = |stage| {
                let counts = counts.get(instance * STAGES + stage);
                histogram(counts.map_or(&[][..], Vec::as_slice))
            };
            known.into_sum(latencies, heats)
        })
        .collect()
    }
}

/// The threads, and what goes to them in turns.
pub(super) struct Workers {
    threads: Vec<Thread>,
    next: usize,
}

impl Workers {
    /// `log` is the file that lines are of.
    pub(super) fn start(log: &Path) -> Self {
        let start = |_| {
            let (sender, receiver) = sync_channel(WAITING);
            let log = log.to_owned();
            (sender, thread::spawn(move || work(&receiver, &log)))
        };
        Self {
            threads: (0..WORKERS).map(start).collect(),
            next: 0,
        }
    }

    /// # Errors
    /// What a worker has found, where it works no more.
    pub(super) fn give(&mut self, block: Block) -> Result<(), RecordingError> {
        let worker = self.next % self.threads.len();
        self.next += 1;
        if self.threads[worker].0.send(block).is_err() {
            let threads = std::mem::take(&mut self.threads);
            collect(threads)?;
        }
        Ok(())
    }

    /// # Errors
    /// The first that a worker has found.
    pub(super) fn finish(self) -> Result<Sums, RecordingError> {
        collect(self.threads)
    }
}

fn collect(threads: Vec<Thread>) -> Result<Sums, RecordingError> {
    let (senders, threads): (Vec<_>, Vec<_>) = threads.into_iter().unzip();
    drop(senders);
    let mut all = Sums::default();
    let mut wrong: Option<RecordingError> = None;
    for thread in threads {
        // What a worker panicked of is a defect of this program.
        match thread.join().expect("a worker does not panic") {
            Ok(sums) => all.merge(sums),
            Err(error)
                if wrong
                    .as_ref()
                    .is_none_or(|known| line_of(&error) < line_of(known)) =>
            {
                wrong = Some(error);
            }
            Err(_) => {}
        }
    }
    wrong.map_or(Ok(all), Err)
}

fn line_of(error: &RecordingError) -> u64 {
    match error {
        RecordingError::Line { line, .. } | RecordingError::Histogram { line, .. } => *line,
        _ => u64::MAX,
    }
}

fn work(blocks: &Receiver<Block>, log: &Path) -> Result<Sums, RecordingError> {
    let (mut sums, mut counts, rows) = (Sums::default(), Counts::new(), rows());
    for entry in blocks.iter().flatten() {
        let wrong = |why: String| RecordingError::Line {
            path: PathBuf::from(log),
            line: entry.number,
            why,
        };
        // Tag, start, length, maximum, payload.
        let payload = entry.line.splitn(5, |byte| *byte == b',').nth(4);
        let payload = payload.ok_or_else(|| wrong("no line of an interval log".into()))?;
        let count = counts
            .take(payload)
            .map_err(|source| RecordingError::Histogram {
                path: PathBuf::from(log),
                line: entry.number,
                source,
            })?;
        if count != entry.recorded {
            let recorded = entry.recorded;
            return Err(wrong(format!(
                "{count} latencies, where the interval has {recorded}"
            )));
        }
        sums.add(&entry, &counts.found, &rows);
    }
    Ok(sums)
}
