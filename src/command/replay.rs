use std::{
    io,
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use anyhow::anyhow;
use hwptop_agent::{RecordingError, Replay, snapshot::Snapshot};
use hwptop_bench::fleet::Pace;
use hwptop_tui::{Advance, Baseline};

use super::{
    baseline::baseline,
    feed::{Feed, FeedError},
    signals::{stop_flag, survive_dump_request},
    top::{Settings, dashboard, is_interactive, wait},
};
use crate::{
    cli::ReplayFileArgs,
    failure::Failure,
    output::{SnapshotPrinter, remark},
};

/// A picture of the dashboard at most so often.
const FASTEST: Duration = Duration::from_millis(10);

pub(crate) fn replay(args: &ReplayFileArgs) -> Result<(), Failure> {
    let settings = is_interactive(&args.show)
        .then(|| Settings::of(&args.look))
        .transpose()?;
    let mut recorded = Recorded::open(&args.file, args.speed)?;
    let baseline = baseline(&args.show)?;
    let stop = stop_flag()?;
    survive_dump_request()?;
    if let Some(settings) = settings {
        let advance = if args.step {
            Advance::OnKey
        } else {
            Advance::Every(FASTEST)
        };
        dashboard(&mut recorded, settings, advance, baseline, &stop)?;
    } else if args.step {
        return Err(Failure::input(anyhow!(
            "--step is for the dashboard: it needs a terminal, and --format text without --once and --count"
        )));
    } else {
        print(&mut recorded, args, baseline, &stop)?;
    }
    Ok(())
}

/// Prints every snapshot, or with --once the last one, whose totals are those of all.
fn print(
    recorded: &mut Recorded,
    args: &ReplayFileArgs,
    baseline: Option<Baseline>,
    stop: &AtomicBool,
) -> Result<(), Failure> {
    let stopped = || stop.load(Ordering::Relaxed);
    let out = io::stdout().lock();
    let mut printer = SnapshotPrinter::new(out, &args.show, &args.look)?.against(baseline);
    let mut last = None;
    let mut shown = 0;
    while args.show.count.is_none_or(|count| shown < count) && !recorded.has_ended() {
        if stopped() {
            return Err(Failure::Interrupted(anyhow!(
                "stopped by a signal before the end"
            )));
        }
        if args.speed.is_some() {
            wait(recorded.until_next(), stopped);
        }
        let Some(snapshot) = recorded.next_snapshot().map_err(input)? else {
            break;
        };
        if args.show.once {
            if let Some(before) = last.replace(snapshot) {
                printer.pass(before);
            }
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
    pace: Pace,
}

impl Recorded {
    /// At a pace, or that of then.
    pub(super) fn open(path: &Path, pace: Option<Pace>) -> Result<Self, Failure> {
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
            pace: pace.unwrap_or(Pace::Captured(1.0)),
        })
    }

    /// How long the next interval was.
    pub(super) fn next_interval(&self) -> Duration {
        match &self.next {
            Ok(Some(next)) => next.interval,
            _ => Duration::ZERO,
        }
    }

    /// How long after the one before the next snapshot comes, at its pace.
    pub(super) fn until_next(&self) -> Duration {
        match self.pace {
            Pace::Max => Duration::ZERO,
            Pace::Captured(factor) => self.next_interval().div_f64(factor),
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

    fn pause(&self) -> Option<Duration> {
        Some(self.until_next().max(FASTEST))
    }

    fn whose_pace(&self) -> Option<&'static str> {
        Some("intervals are as they were recorded: --speed plays them faster or slower")
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

#[cfg(test)]
mod tests {
    use hwptop_agent::Recording;

    use super::*;

    /// A snapshot that ends `since_start` ns after the beginning.
    fn snapshot(interval: u64, since_start: u64) -> Snapshot {
        let text = format!(
            r#"{{"taken_at_unix_ns":1,"interval_ns":{interval},"since_start_ns":{since_start},
            "target":"kernel","measured_by":"ebpf","policy":null,"timing_profile":null,
            "probes":[],"stages":[],"slow_threshold_ns":1,"slow":[],"diagnostics":[],
            "events":{{"seen":0,"recorded":0,"lost":0,"slow_dropped":0}},
            "instances":[],"objects":[],"objects_left_out":0,"failures":[],
            "failures_dropped":0,"hw_queues":null}}"#
        );
        serde_json::from_str(&text).expect("a snapshot")
    }

    #[test]
    fn every_interval_is_played_for_its_own_length() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("run.jsonl");
        let mut recording = Recording::create(&file).expect("it is made");
        let lengths = [1_000_000_000_u64, 50_000_000, 7_000_000_000];
        let mut since_start = 0;
        for length in lengths {
            since_start += length;
            recording
                .write(&snapshot(length, since_start))
                .expect("it is written");
        }
        let pace = Some(Pace::Captured(2.0));
        let mut recorded = Recorded::open(&file, pace).expect("it is a recording");
        for length in lengths {
            let pause = recorded.pause();
            assert_eq!(pause, Some(Duration::from_nanos(length / 2)));
            assert!(recorded.next_snapshot().expect("it is whole").is_some());
        }
        assert!(recorded.has_ended());
    }
}
