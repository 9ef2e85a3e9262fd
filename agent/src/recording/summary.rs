//! What a whole recording says, read at the speed of its bytes: no [`Snapshot`] and no histogram is made of an interval,
//! its counts go straight into sums.
//!
//! ```text
//! NAME.jsonl ─▶ line::Interval ──┐ which histograms follow, and whose
//! NAME.hlog ─▶ its next lines ───┴─▶ blocks ─▶ worker::Worker… ─▶ Sums ─▶ Summary
//! ```

use std::{collections::HashMap, path::Path, time::Duration};

use hdrhistogram::Histogram;

use super::{
    Header, RecordingError, Since, log_of,
    reader::{Lines, begun, foreign},
};
use crate::{
    InstanceKind,
    printable::from_json,
    snapshot::{Activity, GuestCounts, Snapshot, Stage},
};

mod counts;
mod heat;
mod line;
mod worker;

pub use heat::Heat;

use line::Interval;
use worker::{Entry, Workers};

/// The stages that there are.
const STAGES: usize = Stage::ALL.len();

/// The most instances of a recording.
const INSTANCES_MAX: usize = 1024;

/// A recording as a whole.
#[derive(Debug)]
pub struct Summary {
    /// The version of hwptop that wrote it.
    pub hwptop: String,
    /// Its last interval without figures of instances: how everything was measured, and what was counted since the
    /// recording began.
    pub last: Snapshot,
    /// Nanoseconds since 1970 at which it begins.
    pub began_unix_ns: u64,
    /// From the begin of the first interval to the end of the last.
    pub length: Duration,
    /// Whole intervals.
    pub intervals: u64,
    /// Intervals that are missing between two that are there.
    pub missing: u64,
    /// Whether it ends in the middle of an interval, which is left out.
    pub is_cut: bool,
    /// Intervals in which the kernel was told not to run the probes.
    pub blind: u64,
    /// Intervals in which a guest queue was frozen.
    pub faulted: u64,
    /// Failed requests that are told one by one.
    pub failures: u64,
    /// What the probes' programs took, in nanoseconds, and of how much time; none where nothing timed them.
    pub looking: Option<(u64, Duration)>,
    /// By first appearance.
    pub instances: Vec<InstanceSum>,
    /// Places on the time axis of the instances' [`Heat`]s.
    pub columns: usize,
    /// Intervals in a column.
    pub intervals_per_column: u64,
}

/// An instance over a whole recording.
#[derive(Debug)]
pub struct InstanceSum {
    /// Its number.
    pub number: u16,
    /// Its name.
    pub name: String,
    /// What stands behind it.
    pub kind: InstanceKind,
    /// What it did.
    pub activity: Activity,
    /// Distributions over time, of requests and of the host's own submissions.
    heats: [Option<Heat>; 2],
}

impl InstanceSum {
    /// The latencies of `stage` over time; none where it has none, or time is not kept for it.
    #[must_use]
    pub fn heat(&self, stage: Stage) -> Option<&Heat> {
        self.heats[heat::place(stage)?].as_ref()
    }
}

impl Summary {
    /// Reads the recording whose lines are in `path` and whose histograms are beside it.
    ///
    /// # Errors
    /// [`RecordingError`] where a file is not there, is none of a recording, or a line is whole and wrong.
    pub fn read(path: &Path) -> Result<Self, RecordingError> {
        let (lines, header) = begun(path)?;
        let log = Lines::open(&log_of(path))?;
        let mut reading = Reading {
            lines,
            log,
            instances: Vec::new(),
            places: HashMap::new(),
            slot: 0,
            ended_ns: None,
            totals: Totals::default(),
        };
        let (ends, is_cut, heats) = reading.all()?;
        let ends = ends.ok_or_else(|| foreign(path, "it has no whole interval".into()))?;
        reading.summary(&header, &ends, is_cut, heats)
    }
}

/// What is summed of all intervals.
#[derive(Debug, Default)]
struct Totals {
    intervals: u64,
    missing: u64,
    blind: u64,
    faulted: u64,
    failures: u64,
    looking_ns: Option<u64>,
    looked: Duration,
}

/// The first and the last line, and when they were.
struct Ends {
    first: Vec<u8>,
    last: Vec<u8>,
}

struct Reading {
    lines: Lines,
    log: Lines,
    instances: Vec<Known>,
    places: HashMap<u16, usize>,
    /// Of the interval, on an even time axis.
    slot: u64,
    ended_ns: Option<u64>,
    totals: Totals,
}

/// An instance, and what is before the counts in its lines.
struct Known {
    number: u16,
    name: String,
    kind: InstanceKind,
    tags: [Vec<u8>; STAGES],
    activity: Activity,
}

impl Reading {
    /// All intervals: the first and last line, whether it was cut, and the sums of latencies.
    fn all(&mut self) -> Result<(Option<Ends>, bool, worker::Sums), RecordingError> {
        let mut workers = Workers::start(self.log.path());
        let (mut ends, mut is_cut) = (None::<Ends>, false);
        while let Some(text) = self.lines.next()? {
            let interval: Interval = serde_json::from_slice(&text)
                .map_err(|error| self.lines.wrong(format!("no snapshot: {error}")))?;
            if !self.histograms(&interval, &mut workers)? {
                is_cut = true;
                break;
            }
            self.count(&interval);
            match &mut ends {
                None => {
                    ends = Some(Ends {
                        first: text.clone(),
                        last: text,
                    });
                }
                Some(ends) => ends.last = text,
            }
        }
        is_cut |= self.lines.is_cut();
        Ok((ends, is_cut, workers.finish()?))
    }

    /// Hands the interval's histograms to the workers; whether all are there.
    fn histograms(
        &mut self,
        interval: &Interval,
        workers: &mut Workers,
    ) -> Result<bool, RecordingError> {
        self.slot = self.next_slot(interval);
        let mut block = Vec::with_capacity(interval.instances.len() * 2);
        for one in &interval.instances {
            let place = self.place_of(one)?;
            for (index, counts) in one.interval.stages().into_iter().enumerate() {
                if counts.recorded == 0 {
                    continue;
                }
                let Some(line) = self.log.next_interval()? else {
                    return Ok(false);
                };
                let tag = &self.instances[place].tags[index];
                if !line.starts_with(tag) {
                    let tag = String::from_utf8_lossy(tag).into_owned();
                    return Err(self.log.wrong(format!("not of {tag:?}, which is expected")));
                }
                block.push(Entry {
                    number: self.log.number(),
                    line,
                    cell: place * STAGES + index,
                    slot: self.slot,
                    recorded: counts.recorded,
                });
            }
        }
        // Parts of what the instances' histograms hold.
        let objects = interval
            .objects
            .iter()
            .flat_map(|one| one.interval.stages());
        for _ in objects.filter(|counts| counts.recorded > 0) {
            if self.log.next_interval()?.is_none() {
                return Ok(false);
            }
        }
        workers.give(block)?;
        Ok(true)
    }

    /// Where on an even time axis the interval is: what is missing in between has places, too.
    fn next_slot(&mut self, interval: &Interval) -> u64 {
        let began = interval.since_start_ns.saturating_sub(interval.interval_ns);
        let gap = self.ended_ns.map_or(0, |ended| began.saturating_sub(ended));
        let length = interval.interval_ns.max(1);
        let missing = (gap + length / 2) / length;
        self.totals.missing += missing;
        let first = self.ended_ns.is_none();
        self.ended_ns = Some(interval.since_start_ns);
        self.slot + missing + u64::from(!first)
    }

    fn place_of(&mut self, one: &line::Instance) -> Result<usize, RecordingError> {
        if let Some(place) = self.places.get(&one.number) {
            return Ok(*place);
        }
        if self.instances.len() == INSTANCES_MAX {
            return Err(self
                .lines
                .wrong(format!("more than {INSTANCES_MAX} instances")));
        }
        self.instances.push(Known {
            number: one.number,
            name: one.name.chars().map(crate::printable).collect(),
            kind: one.kind,
            tags: Stage::ALL.map(|stage| {
                format!("Tag={},", super::latencies::tag(&one.name, stage, "")).into_bytes()
            }),
            activity: Activity::default(),
        });
        self.places.insert(one.number, self.instances.len() - 1);
        Ok(self.instances.len() - 1)
    }

    fn count(&mut self, interval: &Interval) {
        let totals = &mut self.totals;
        totals.intervals += 1;
        totals.blind += u64::from(interval.blind.is_some());
        totals.failures += interval.failures.len() as u64;
        totals.faulted += u64::from(interval.instances.iter().any(|one| one.fault.is_some()));
        if let Some(ns) = interval.looking.as_ref().and_then(|looking| looking.ns) {
            *totals.looking_ns.get_or_insert(0) += ns;
            totals.looked += Duration::from_nanos(interval.interval_ns);
        }
        for one in &interval.instances {
            let Some(place) = self.places.get(&one.number) else {
                continue;
            };
            let sum = &mut self.instances[*place].activity;
            one.interval.add_to(sum);
        }
    }

    fn summary(
        self,
        header: &Header,
        ends: &Ends,
        is_cut: bool,
        sums: worker::Sums,
    ) -> Result<Summary, RecordingError> {
        let snapshot = |text: &[u8]| -> Result<Snapshot, RecordingError> {
            from_json(text).map_err(|error| self.lines.wrong(format!("no snapshot: {error}")))
        };
        let (first, mut last) = (snapshot(&ends.first)?, snapshot(&ends.last)?);
        let length = (last.since_start + first.interval).saturating_sub(first.since_start);
        if let Some(since) = Since::begin_of(&first) {
            since.leave(&mut last);
        }
        (last.instances, last.objects) = (Vec::new(), Vec::new());
        let taken = first.taken_at.duration_since(std::time::UNIX_EPOCH);
        let began = taken.unwrap_or_default().saturating_sub(first.interval);
        let (columns, intervals_per_column) = sums.axis(self.slot + 1);
        let instances = sums.into_instances(self.instances);
        let totals = self.totals;
        Ok(Summary {
            hwptop: header.hwptop.chars().map(crate::printable).collect(),
            last,
            began_unix_ns: crate::nanos(began),
            length,
            intervals: totals.intervals,
            missing: totals.missing,
            is_cut,
            blind: totals.blind,
            faulted: totals.faulted,
            failures: totals.failures,
            looking: totals.looking_ns.map(|ns| (ns, totals.looked)),
            instances,
            columns,
            intervals_per_column,
        })
    }
}

impl Known {
    fn into_sum(
        mut self,
        mut latencies: impl FnMut(usize) -> Histogram<u64>,
        heats: [Option<Heat>; 2],
    ) -> InstanceSum {
        for (index, (_, stage)) in self.activity.stages_mut().into_iter().enumerate() {
            stage.latency = latencies(index);
        }
        InstanceSum {
            number: self.number,
            name: self.name,
            kind: self.kind,
            activity: self.activity,
            heats,
        }
    }
}

/// Adds what a guest's queue did.
fn add_guest(sum: &mut GuestCounts, more: &GuestCounts) {
    sum.doorbells = sum.doorbells.saturating_add(more.doorbells);
    sum.descriptors = sum.descriptors.saturating_add(more.descriptors);
    sum.waits = sum.waits.saturating_add(more.waits);
    sum.faults = sum.faults.saturating_add(more.faults);
}

#[cfg(test)]
mod tests;
