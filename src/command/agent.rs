//! The long-running collector.

use std::{
    io::{self, Write as _},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use hwptop_agent::{Kept, drop_privileges, full_message, serve::Latest};

use super::{
    feed::Feed,
    signals::{stop_flag, survive_dump_request},
    top::{start, wait},
};
use crate::{cli::AgentArgs, failure::Failure, output::remark, target::Target};
use config::Settings;
use keeping::Keeping;
use places::{Places, Service};
use played::Played;

mod config;
mod keeping;
mod places;
mod played;
mod unit;

pub(crate) fn agent(args: AgentArgs) -> Result<(), Failure> {
    if args.print_config {
        return Ok(io::stdout().write_all(config::TEMPLATE.as_bytes())?);
    }
    if args.print_unit {
        let unit = unit::of(&std::env::current_exe()?).map_err(Failure::input)?;
        return Ok(io::stdout().write_all(unit.as_bytes())?);
    }
    let settings = Settings::of(args)?;
    // Before the socket is there: a signal must not leave it behind.
    let stop = stop_flag()?;
    survive_dump_request()?;
    let places = Places::bind(&settings)?;
    let Source {
        mut feed,
        target,
        interval,
    } = Source::of(&settings)?;
    if let Some(line) = feed.remark() {
        remark(&line);
    }
    // A second time, to know what was kept: it was done before the first thread was started.
    let kept = drop_privileges().map_err(Failure::cannot)?;
    let latest = Arc::new(Latest::new(interval));
    let mut keeping = match Keeping::start(&settings, &latest) {
        Ok(keeping) => keeping,
        Err(error) => {
            feed.stop();
            return Err(error);
        }
    };
    let service = places.serve(&settings, &latest)?;
    let recording = keeping.as_ref().map_or_else(String::new, |keeping| {
        format!("; recording in {}", keeping.name().display())
    });
    remark(&format_args!(
        "agent: {target} every {interval:?}; {service}{recording}; {}",
        match kept {
            Kept::Nothing => "no capability is held any more",
            Kept::CapBpf =>
                "CAP_BPF is the only capability still held: this kernel is older than 5.19 and \
                 lets no one else read maps",
        }
    ));
    let collected = collect(feed.as_mut(), &latest, &service, keeping.as_mut(), &stop);
    let has_ended = feed.has_ended();
    feed.stop();
    if let Some(keeping) = keeping {
        keeping.finish();
    }
    service.finish();
    match feed.farewell() {
        Some(line) => remark(&line),
        None if has_ended => remark(&format_args!("agent: {target} has ended")),
        None => {}
    }
    collected
}

/// What snapshots come from.
struct Source {
    feed: Box<dyn Feed>,
    /// As the user would write it.
    target: String,
    interval: Duration,
}

impl Source {
    fn of(settings: &Settings) -> Result<Self, Failure> {
        if let Some(target @ Target::File { path }) = &settings.target {
            let played = Played::open(path, settings.replay.speed)?;
            return Ok(Self {
                interval: played.interval(),
                feed: Box::new(played),
                target: target.to_string(),
            });
        }
        let live = start(&settings.to_measure())?;
        Ok(Self {
            target: live.target().to_owned(),
            feed: Box::new(live),
            interval: settings.interval,
        })
    }
}

/// Takes snapshots until it is told to stop or the target ends.
///
/// # Errors
/// Where a recording has something wrong in it: nothing comes after that.
fn collect(
    feed: &mut dyn Feed,
    latest: &Latest,
    service: &Service,
    mut keeping: Option<&mut Keeping>,
    stop: &AtomicBool,
) -> Result<(), Failure> {
    let mut due = Instant::now() + latest.interval();
    let mut has_failed = false;
    loop {
        let at = feed.due().unwrap_or(due);
        wait(at.saturating_duration_since(Instant::now()), || {
            stop.load(Ordering::Relaxed) || feed.has_ended()
        });
        // Asked before the snapshot is taken: the last one holds everything until the signal.
        let stopping = stop.load(Ordering::Relaxed);
        if stopping && feed.is_file() {
            return Ok(());
        }
        match feed.next_snapshot() {
            Ok(Some(snapshot)) => {
                let snapshot = Arc::new(snapshot);
                // Before the metrics, which are never behind what a follower has seen.
                if let Some(followers) = &service.followers {
                    followers.publish(&snapshot);
                }
                if let Some(keeping) = &mut keeping {
                    keeping.keep(&snapshot);
                }
                latest.publish(snapshot);
                has_failed = false;
            }
            Ok(None) => return Ok(()),
            Err(error) if feed.is_file() => return Err(Failure::input(anyhow::anyhow!(error))),
            Err(error) => {
                let why = full_message(error.as_ref());
                // Said once; /healthz and the counter have the rest.
                if !has_failed {
                    remark(&why);
                }
                latest.fail(why);
                has_failed = true;
            }
        }
        if stopping {
            return Ok(());
        }
        // An interval that was missed, because the machine slept say, is not made up for.
        due = (due + latest.interval()).max(Instant::now());
    }
}
