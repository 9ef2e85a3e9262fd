//! The suite that draws.

use std::{
    collections::{BTreeMap, VecDeque},
    io,
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, SystemTime},
};

use clap::Parser as _;
use hwptop_agent::{compare::Blocks, snapshot::Snapshot};
use hwptop_bench::{
    run_file::Kind,
    suite::{Absent, DashboardConfig, Drawing, dashboard as run_dashboard},
};
use hwptop_tui::{App, Baseline, Offscreen, ScreenName, Theme};

use super::{
    Progress, print,
    several::{Measured, draft, keep_inputs, settings, several},
};
use crate::{
    cli::{Cli, DashboardArgs},
    command::{feed::Feed, replay::Recorded, signals::stop_flag, top},
    failure::Failure,
};

/// Time between two snapshots.
const INTERVAL: Duration = Duration::from_millis(100);
/// Snapshots that are drawn again and again.
const SNAPSHOTS: usize = 50;

pub(crate) fn dashboard(args: &DashboardArgs) -> Result<(), Failure> {
    let log = args
        .recording
        .as_ref()
        .map(|file| file.with_extension("hlog"));
    let recording = [args.recording.as_deref(), log.as_deref()]
        .into_iter()
        .flatten();
    keep_inputs(&args.runs, recording.map(|file| ("--recording", file)))?;
    if args.runs.is_several() {
        return several(&args.runs);
    }
    let draft = draft(&args.runs)?;
    let started = SystemTime::now();
    let stop = stop_flag()?;
    let progress = Progress::start();
    let snapshots = match &args.recording {
        Some(file) => recorded(file, &stop)?,
        None => live(args.instances, &progress, &stop)?,
    };
    let config = DashboardConfig {
        size: args.size,
        frames: args.frames as usize,
        rows: args.rows,
        rounds: args.rounds,
        time: args.time,
        instances: args.instances,
    };
    let screens = ScreenName::ALL.into_iter().map(|name| {
        let drawn = Drawn::new(name, app(&snapshots), args.size)?;
        Ok(Box::new(drawn) as Box<dyn Drawing>)
    });
    let screens = screens.collect::<io::Result<_>>()?;
    let program: PathBuf = std::env::current_exe()?;
    let cost = run_dashboard(&program, &config, &snapshots, screens, &stop, |what| {
        progress.show(what);
    })
    .map_err(Failure::cannot)?;
    progress.clear();
    let measured = Measured {
        suite: "dashboard",
        target: None,
        kind: Kind::Hardware,
        timing_profile: None,
        settings: depends_on(args),
        started,
        probes: Vec::new(),
        points: cost.points(),
        is_complete: cost.is_whole,
    };
    measured.write(draft, &args.runs)?;
    let drawn = print::Drawn {
        of: &snapshots,
        size: args.size,
    };
    print::dashboard(&mut io::stdout().lock(), &cost, &drawn, args.runs.format)?;
    if cost.is_whole {
        return Ok(());
    }
    Err(Failure::Interrupted(anyhow::anyhow!(
        "stopped; what is printed was measured until then"
    )))
}

/// What the figures depend on.
fn depends_on(args: &DashboardArgs) -> BTreeMap<String, String> {
    let (columns, rows) = args.size;
    let drawn = match &args.recording {
        Some(file) => file.display().to_string(),
        None => "modelled instances".to_owned(),
    };
    settings([
        ("drawn", drawn),
        ("instances", args.instances.to_string()),
        ("size", format!("{columns}x{rows}")),
    ])
}

/// The last snapshots of a recording.
fn recorded(file: &Path, stop: &AtomicBool) -> Result<Vec<Snapshot>, Failure> {
    let mut recorded = Recorded::open(file, None)?;
    let mut snapshots = VecDeque::new();
    while !stop.load(Ordering::Relaxed)
        && let Some(snapshot) = recorded
            .next_snapshot()
            .map_err(|error| Failure::input(anyhow::anyhow!(error)))?
    {
        if snapshots.len() == SNAPSHOTS {
            snapshots.pop_front();
        }
        snapshots.push_back(snapshot);
    }
    Ok(snapshots.into())
}

/// Consecutive snapshots of modelled instances; fewer where `stop` is set.
fn live(instances: u16, progress: &Progress, stop: &AtomicBool) -> Result<Vec<Snapshot>, Failure> {
    let target = format!("model,instances={instances}");
    // Some of what it does is slow by that.
    let command = ["hwptop", "--target", &target, "--slow", "p99"];
    let args = Cli::try_parse_from(command).map_err(Failure::input)?;
    let mut live = top::start(&args.top.measure)?;
    let mut snapshots = Vec::new();
    while snapshots.len() < SNAPSHOTS && !stop.load(Ordering::Relaxed) {
        if snapshots.len().is_multiple_of(10) {
            let done = snapshots.len();
            progress.show(&format!("snapshot {done} of {SNAPSHOTS} of {target}"));
        }
        top::wait(INTERVAL, || stop.load(Ordering::Relaxed));
        let taken = live.next_snapshot();
        let Some(snapshot) = taken.map_err(|error| Failure::cannot(anyhow::anyhow!(error)))? else {
            break;
        };
        snapshots.push(snapshot);
    }
    live.stop();
    Ok(snapshots)
}

/// A dashboard that compares what it will be given with `snapshots`.
fn app(snapshots: &[Snapshot]) -> App {
    let mut blocks = Blocks::default();
    for snapshot in snapshots {
        blocks.push(snapshot);
    }
    let mut app = App::new(Theme::Dark);
    app.compare_with(Baseline {
        name: "the same".to_owned(),
        blocks,
    });
    app
}

/// A screen of the dashboard, for the suite.
struct Drawn {
    name: ScreenName,
    screen: Offscreen,
}

impl Drawn {
    fn new(name: ScreenName, app: App, size: (u16, u16)) -> io::Result<Self> {
        let screen = Offscreen::new(app, size)?;
        Ok(Self { name, screen })
    }
}

impl Drawing for Drawn {
    fn name(&self) -> String {
        self.name.to_string()
    }

    fn open(&mut self) -> Result<(), Absent> {
        let opened = self.screen.open(&self.name);
        opened.map_err(|not_there| Absent(not_there.to_string()))
    }

    fn update(&mut self, snapshot: Snapshot) {
        self.screen.update(snapshot);
    }

    fn row_below(&mut self) {
        self.screen.row_below();
    }

    fn draw(&mut self) {
        self.screen.draw();
    }

    fn diff(&self) -> usize {
        self.screen.diff()
    }

    fn flip(&mut self) {
        self.screen.flip();
    }

    fn write(&mut self) -> io::Result<u64> {
        self.screen.write()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_screen_of_the_comparison_has_one() {
        let recording = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/kernel.jsonl");
        let stop = AtomicBool::new(false);
        let snapshots = recorded(Path::new(recording), &stop).expect("it is a recording");
        let mut app = app(&snapshots);
        for snapshot in snapshots {
            app.update(snapshot);
        }
        app.open(&ScreenName::Compare).expect("it is there");
        let svg = app.to_svg(120, 30);
        assert!(svg.contains(">p99.9<") && svg.contains(">1.00<"), "{svg}");
    }
}
