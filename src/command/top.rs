use std::{
    io::{self, IsTerminal as _, Write as _},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use hwptop_agent::kernel::{
    can_watch_kernel, facts::Facts, host::Host, instances::has_iommu, plan::plan,
};
use hwptop_agent::snapshot::Snapshot;
use hwptop_tui::{Advance, App, Baseline, SnapshotSource, SourceError, TuiError};

use super::{
    attached::Attached,
    baseline::baseline,
    feed::Feed,
    live::Live,
    signals::{give_terminal_back_at_the_end, stop_flag, survive_dump_request},
};
use crate::{
    cli::{MeasureArgs, ShowArgs, TopArgs, TopFormat},
    failure::Failure,
    output::{SnapshotPrinter, remark},
    target::Target,
};

/// The longest time in which the stop flag and the end of the target are not
/// looked at.
const LOOK: Duration = Duration::from_millis(100);

mod exports;
mod job;
mod outside;
mod recordings;
mod settings;

use outside::Around;
pub(super) use settings::Settings;

pub(crate) fn top(args: &TopArgs) -> Result<(), Failure> {
    if args.print_config {
        return Ok(io::stdout().write_all(settings::template().as_bytes())?);
    }
    // What is wrong in them is said before anything is started.
    let settings = is_interactive(&args.show).then(|| Settings::of(&args.look));
    let settings = settings.transpose()?;
    // A long file takes its time.
    let baseline = baseline(&args.show)?;
    if let Some(Target::Agent { socket }) = &args.measure.target {
        let mut agent = Attached::start(&args.measure, socket)?;
        if is_interactive(&args.show) {
            agent.waits_for_its_return();
        }
        return show(&mut agent, settings, baseline, args);
    }
    show(&mut start(&args.measure)?, settings, baseline, args)
}

/// In the dashboard, where there are settings of it.
fn show(
    feed: &mut dyn Feed,
    settings: Option<Settings>,
    baseline: Option<Baseline>,
    args: &TopArgs,
) -> Result<(), Failure> {
    // Until here a signal ends the process at once: there is nothing to clean up.
    let stop = stop_flag()?;
    survive_dump_request()?;
    if let Some(settings) = settings {
        let interval = feed.own_pace().unwrap_or(args.measure.interval());
        return dashboard(feed, settings, Advance::Every(interval), baseline, &stop);
    }
    let count = match (args.show.count, args.show.once || !is_terminal()) {
        (Some(count), _) => Some(count),
        (None, true) => Some(1),
        (None, false) => None,
    };
    headless(feed, args, (count, baseline), &stop)
}

/// Starts what the arguments name, or what this machine offers.
pub(super) fn start(args: &MeasureArgs) -> Result<Live, Failure> {
    match &args.target {
        Some(target) => Live::start(args, target),
        None => start_default(args),
    }
}

/// Whether a person looks on, and wants the dashboard.
pub(super) fn is_interactive(show: &ShowArgs) -> bool {
    let wants_it = show.format == TopFormat::Text && show.picture_option().is_none();
    is_terminal() && wants_it && !show.once && show.count.is_none()
}

fn is_terminal() -> bool {
    io::stdout().is_terminal() && io::stdin().is_terminal()
}

/// The kernel where there is an IOMMU that can be watched, unless the arguments say what to
/// replay; else the model, also where the kernel looked watchable and is not.
fn start_default(args: &MeasureArgs) -> Result<Live, Failure> {
    let host = Host::running();
    let watchable = || can_watch_kernel(&plan(&Facts::read(&host))).is_ok();
    if args.replay.first_given().is_none() && has_iommu(&host) && watchable() {
        match Live::start(args, &Target::Kernel) {
            Err(Failure::Cannot(error)) => remark(&format!(
                "what follows is the model, since this machine's IOMMUs cannot be watched: {}",
                Failure::Cannot(error)
            )),
            started => return started,
        }
    }
    Live::start(args, &Target::default())
}

pub(super) fn dashboard(
    feed: &mut dyn Feed,
    settings: Settings,
    advance: Advance,
    baseline: Option<Baseline>,
    stop: &AtomicBool,
) -> Result<(), Failure> {
    let mut app = App::new(settings.theme).with_keys(settings.keys);
    if let Some(baseline) = baseline {
        app.compare_with(baseline);
    }
    let mut around = Around::new(settings.file)?;
    give_terminal_back_at_the_end()?;
    let shown = hwptop_tui::run(app, &mut Source(feed), advance, &mut around, stop);
    feed.stop();
    if let Some(line) = around.finish() {
        remark(&line);
    }
    shown.map_err(|error| match error {
        TuiError::Source(_) if feed.is_file() => Failure::input(error),
        _ => Failure::cannot(error),
    })?;
    if let Some(line) = feed.farewell() {
        remark(&line);
    }
    Ok(())
}

/// For the dashboard.
struct Source<'a>(&'a mut dyn Feed);

impl SnapshotSource for Source<'_> {
    fn has_next(&mut self) -> bool {
        self.0.has_next()
    }

    fn next(&mut self) -> Result<Option<Snapshot>, SourceError> {
        self.0.next_snapshot()
    }

    fn pause(&self) -> Option<Duration> {
        self.0.pause()
    }

    fn own_pace(&self) -> Option<&'static str> {
        self.0.whose_pace()
    }

    fn note(&mut self) -> Option<String> {
        self.0.note()
    }
}

fn headless(
    feed: &mut dyn Feed,
    args: &TopArgs,
    (count, baseline): (Option<u64>, Option<Baseline>),
    stop: &AtomicBool,
) -> Result<(), Failure> {
    if let Some(line) = feed.remark() {
        remark(&line);
    }
    let out = io::stdout().lock();
    let mut printer = SnapshotPrinter::new(out, &args.show, &args.look)?.against(baseline);
    // One snapshot of a replay that ends covers all of it.
    let whole_replay = count == Some(1) && args.measure.replay.passes.is_some() && feed.is_replay();
    let mut taken = 0;
    while count.is_none_or(|count| taken < count) {
        let interval = if whole_replay || feed.own_pace().is_some() {
            Duration::MAX
        } else {
            args.measure.interval()
        };
        wait(interval, || {
            let has_come = feed.own_pace().is_some() && feed.has_next();
            stop.load(Ordering::Relaxed) || feed.has_ended() || has_come
        });
        // Asked before the snapshot is taken: the last one holds everything until the signal.
        let stopping = stop.load(Ordering::Relaxed);
        let Some(snapshot) = feed
            .next_snapshot()
            .map_err(|error| Failure::cannot(anyhow::anyhow!(error)))?
        else {
            break;
        };
        printer.print(snapshot)?;
        taken += 1;
        if stopping {
            break;
        }
    }
    let unfinished = count.is_some_and(|count| taken < count || whole_replay) && !feed.has_ended();
    feed.stop();
    printer.finish()?;
    let stopped = stop.load(Ordering::Relaxed);
    if let Some(count) = count.filter(|count| taken < *count && !stopped)
        && let Some(why) = feed.broke_off()
    {
        return Err(Failure::cannot(anyhow::anyhow!(
            "{why}, after {taken} of {count} snapshots"
        )));
    }
    if let Some(line) = feed.farewell() {
        remark(&line);
    }
    if stopped && unfinished {
        return Err(Failure::Interrupted(anyhow::anyhow!(
            "stopped by a signal before the end"
        )));
    }
    Ok(())
}

/// Waits for `time`, or less where `ended`.
pub(super) fn wait(time: Duration, ended: impl FnMut() -> bool) {
    wait_looking(LOOK, time, ended);
}

/// As [`wait`], but looks as often as `look` whether it has `ended`.
pub(super) fn wait_looking(look: Duration, time: Duration, mut ended: impl FnMut() -> bool) {
    let start = Instant::now();
    while !ended() {
        let left = time.saturating_sub(start.elapsed());
        if left.is_zero() {
            return;
        }
        thread::sleep(left.min(look));
    }
}
