//! `hwptop record`: snapshots into a recording, until told to end.

use std::{
    io::{self, IsTerminal as _},
    process::ExitCode,
    thread,
    time::Instant,
};

use anyhow::anyhow;
use hwptop_agent::{Recording, snapshot::Snapshot};

use super::{End, LOOK, progress::Line};
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
    let mut recording = Recording::create(&args.recording()).map_err(Failure::input)?;
    let mut end = match End::new(args, &stop) {
        Ok(end) => end,
        Err(error) => {
            recording.discard();
            return Err(Failure::input(error));
        }
    };
    let recorded = run(args, &mut live, &mut recording, &mut end);
    live.stop();
    match recorded {
        Ok(last) => {
            remark(&summary(&recording, last.as_ref()));
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
    recording: &mut Recording,
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
        recording.write(&snapshot)?;
        line.show(&format!(
            "{}; Ctrl-C ends it",
            summary(recording, Some(&snapshot))
        ));
        last = Some(snapshot);
    }
    line.clear();
    Ok(last)
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
