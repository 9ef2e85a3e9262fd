//! `hwptop record`: snapshots into a recording, until told to end.

use std::{
    io::{self, IsTerminal as _},
    process::ExitCode,
    thread,
    time::Instant,
};

use anyhow::anyhow;
use hwptop_agent::{Recording, snapshot::Snapshot};

use super::{End, LOOK, hindsight::Ring, progress::Line};
use crate::{
    cli::RecordArgs,
    command::{feed::Feed, signals::stop_flag, top},
    failure::Failure,
    output::remark,
};

pub(super) fn record(args: &RecordArgs) -> Result<ExitCode, Failure> {
    let mut live = top::start(&args.measure)?;
    let stop = stop_flag()?;
    if let Some(line) = live.remark() {
        remark(&line);
    }
    let mut kept = Kept::new(args).map_err(Failure::input)?;
    let mut end = match End::new(args, &stop) {
        Ok(end) => end,
        Err(error) => {
            kept.discard();
            return Err(Failure::input(error));
        }
    };
    let recorded = run(args, &mut live, &mut kept, &mut end);
    live.stop();
    match recorded {
        Ok(last) => {
            remark(&kept.finish(last.as_ref()).map_err(Failure::cannot)?);
            if end.is_running() {
                remark(&"the target has ended, the command goes on");
                end.wait();
            }
            Ok(end.exit_code())
        }
        Err(error) => {
            if end.is_running() {
                remark(&format!(
                    "the recording has ended, the command it was made of goes on: {error}"
                ));
            }
            end.wait();
            Err(Failure::cannot(error))
        }
    }
}

/// Records until the end; answers the last snapshot.
fn run(
    args: &RecordArgs,
    feed: &mut dyn Feed,
    kept: &mut Kept,
    end: &mut End,
) -> anyhow::Result<Option<Snapshot>> {
    let line = Line::new(end.workload.is_none() && io::stderr().is_terminal());
    let mut last = None;
    let mut is_over = false;
    while !is_over {
        let due = Instant::now() + args.measure.interval;
        while !is_over && Instant::now() < due {
            thread::sleep(LOOK.min(due.saturating_duration_since(Instant::now())));
            is_over = end.is_reached() || feed.has_ended();
        }
        let Some(snapshot) = feed.next_snapshot().map_err(|error| anyhow!(error))? else {
            break;
        };
        kept.write(&snapshot)?;
        line.show(&format!("{}; Ctrl-C ends it", kept.progress(&snapshot)));
        last = Some(snapshot);
    }
    line.clear();
    Ok(last)
}

/// What is made of the intervals.
enum Kept {
    All(Recording),
    Hindsight(Box<Ring>),
}

impl Kept {
    fn new(args: &RecordArgs) -> anyhow::Result<Self> {
        let name = args.recording();
        Ok(match args.hindsight.keep {
            Some(keep) => Self::Hindsight(Box::new(Ring::new(keep, &args.hindsight, name)?)),
            None => Self::All(Recording::create(&name)?),
        })
    }

    fn write(&mut self, snapshot: &Snapshot) -> anyhow::Result<()> {
        match self {
            Self::All(recording) => Ok(recording.write(snapshot)?),
            Self::Hindsight(ring) => ring.write(snapshot),
        }
    }

    fn progress(&self, snapshot: &Snapshot) -> String {
        match self {
            Self::All(recording) => summary(recording, Some(snapshot)),
            Self::Hindsight(ring) => ring.progress(snapshot),
        }
    }

    /// What is there in the end.
    fn finish(self, last: Option<&Snapshot>) -> anyhow::Result<String> {
        match self {
            Self::All(recording) => Ok(summary(&recording, last)),
            Self::Hindsight(ring) => ring.finish(),
        }
    }

    /// Leaves nothing.
    fn discard(self) {
        match self {
            Self::All(recording) => recording.discard(),
            // Where that fails, an empty folder stays.
            Self::Hindsight(ring) => drop(ring.finish()),
        }
    }
}

fn summary(recording: &Recording, last: Option<&Snapshot>) -> String {
    let events = last.map(|last| last.events).unwrap_or_default();
    format!(
        "{} interval{} in {} and {} ({} KiB): events seen = recorded + lost: {} = {} + {}",
        recording.intervals(),
        if recording.intervals() == 1 { "" } else { "s" },
        recording.path().display(),
        recording.log_path().display(),
        recording.bytes().div_ceil(1024),
        events.seen,
        events.recorded,
        events.lost,
    )
}
