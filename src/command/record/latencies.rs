//! `hwptop record`: snapshots into a recording, until told to end.

use std::{
    io::{self, IsTerminal as _},
    process::ExitCode,
    time::Duration,
};

use anyhow::anyhow;
use hwptop_agent::snapshot::Snapshot;

use super::{End, LOOK, from_agent::FromAgent, kept::Kept, progress::Line};
use crate::{
    cli::RecordArgs,
    command::{feed::Feed, signals::stop_flag, top},
    failure::Failure,
    output::remark,
    target::Target,
};

pub(super) fn record(args: &RecordArgs) -> Result<ExitCode, Failure> {
    let mut feed: Box<dyn Feed> = match &args.measure.target {
        Some(Target::Agent { socket }) => Box::new(FromAgent::start(&args.measure, socket)?),
        _ => Box::new(top::start(&args.measure)?),
    };
    let stop = stop_flag()?;
    if let Some(line) = feed.remark() {
        remark(&line);
    }
    let mut kept = Kept::new(&args.hindsight, args.recording()).map_err(Failure::input)?;
    let mut end = match End::new(args, &stop) {
        Ok(end) => end,
        Err(error) => {
            kept.discard();
            return Err(Failure::input(error));
        }
    };
    let recorded = run(args, feed.as_mut(), &mut kept, &mut end);
    feed.stop();
    match recorded {
        Ok(last) => {
            if let Some(line) = feed.farewell() {
                remark(&line);
            }
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
    // Where snapshots come at times of their own, those are the intervals.
    let interval = match feed.own_pace() {
        Some(_) => Duration::MAX,
        None => args.measure.interval(),
    };
    while !is_over {
        top::wait_looking(LOOK, interval, || {
            is_over = end.is_reached() || feed.has_ended();
            is_over || feed.own_pace().is_some() && feed.has_next()
        });
        let snapshot = feed.next_snapshot().map_err(|error| anyhow!(error))?;
        let Some(snapshot) = snapshot else {
            if feed.own_pace().is_some() && !feed.has_ended() {
                continue;
            }
            break;
        };
        kept.write(&snapshot)?;
        line.show(&format!("{}; Ctrl-C ends it", kept.progress(&snapshot)));
        last = Some(snapshot);
    }
    line.clear();
    Ok(last)
}
