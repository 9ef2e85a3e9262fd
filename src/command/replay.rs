use std::{
    io,
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use anyhow::anyhow;
use hwptop_agent::{RecordingError, Replay, snapshot::Snapshot};
use hwptop_bench::fleet::Pace;
use hwptop_tui::Advance;

use super::{
    feed::{Feed, FeedError},
    signals::stop_flag,
    top::{dashboard, is_interactive, wait},
};
use crate::{
    cli::ReplayFileArgs,
    failure::Failure,
    output::{SnapshotPrinter, remark},
};

/// A picture of the dashboard at most so often.
const FASTEST: Duration = Duration::from_millis(10);

pub(crate) fn replay(args: &ReplayFileArgs) -> Result<(), Failure> {
    let mut recorded = Recorded::open(&args.file)?;
    let stop = stop_flag()?;
    if is_interactive(&args.show) {
        let advance = if args.step {
            Advance::OnKey
        } else {
            let pace = args.speed.unwrap_or(Pace::Captured(1.0));
            Advance::Every(recorded.pause(pace).max(FASTEST))
        };
        dashboard(&mut recorded, advance, &stop)?;
    } else if args.step {
        return Err(Failure::input(anyhow!(
            "--step is for the dashboard: it needs a terminal, and --format text without --once and --count"
        )));
    } else {
        print(&mut recorded, args, &stop)?;
    }
    Ok(())
}

/// Prints every snapshot, or with --once the last one, whose totals are those of all.
fn print(recorded: &mut Recorded, args: &ReplayFileArgs, stop: &AtomicBool) -> Result<(), Failure> {
    let stopped = || stop.load(Ordering::Relaxed);
    let mut printer = SnapshotPrinter::new(io::stdout().lock(), args.show.format);
    let mut last = None;
    let mut shown = 0;
    while args.show.count.is_none_or(|count| shown < count) && !recorded.has_ended() {
        if stopped() {
            return Err(Failure::Interrupted(anyhow!(
                "stopped by a signal before the end"
            )));
        }
        if let Some(pace) = args.speed {
            wait(recorded.pause(pace), stopped);
        }
        let Some(snapshot) = recorded.next_snapshot().map_err(input)? else {
            break;
        };
        if args.show.once {
            last = Some(snapshot);
        } else {
            printer.print(snapshot)?;
            shown += 1;
        }
    }
    if let Some(snapshot) = last {
        printer.print(snapshot)?;
    }
    printer.finish()?;
    if let Some(line) = recorded.farewell() {
        remark(&line);
    }
    Ok(())
}

fn input(error: FeedError) -> Failure {
    Failure::input(anyhow!(error))
}

/// A recording, read one interval ahead, so that its end is known when it is there.
pub(super) struct Recorded {
    path: PathBuf,
    replay: Replay,
    next: Result<Option<Snapshot>, RecordingError>,
}

impl Recorded {
    pub(super) fn open(path: &Path) -> Result<Self, Failure> {
        let mut replay = Replay::open(path).map_err(Failure::input)?;
        let next = replay.next_snapshot().map_err(Failure::input)?;
        if next.is_none() {
            return Err(Failure::input(anyhow!(
                "{}: there is no whole interval in it",
                path.display()
            )));
        }
        Ok(Self {
            path: path.to_owned(),
            replay,
            next: Ok(next),
        })
    }

    /// How long after the one before the next snapshot comes at this pace.
    pub(super) fn pause(&self, pace: Pace) -> Duration {
        let interval = match &self.next {
            Ok(Some(next)) => next.interval,
            _ => Duration::ZERO,
        };
        match pace {
            Pace::Max => Duration::ZERO,
            Pace::Captured(factor) => interval.div_f64(factor),
        }
    }
}

impl Feed for Recorded {
    fn next_snapshot(&mut self) -> Result<Option<Snapshot>, FeedError> {
        let after = match &self.next {
            Ok(Some(_)) => self.replay.next_snapshot(),
            _ => Ok(None),
        };
        Ok(std::mem::replace(&mut self.next, after)?)
    }

    fn is_file(&self) -> bool {
        true
    }

    fn has_ended(&mut self) -> bool {
        matches!(self.next, Ok(None))
    }

    fn farewell(&mut self) -> Option<String> {
        let path = self.path.display();
        let cut = || format!("{path}: its last interval is not whole and left out");
        self.replay.is_cut().then(cut)
    }
}
