//! What all suites do alike with their figures, and measuring in several processes.

use std::{
    collections::BTreeMap,
    env, io,
    path::{Display, Path},
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use hwptop_bench::{
    Measuring, ProcessError, Turns, TurnsError,
    gate::Rules,
    run_file::{Draft, Environment, Kind, Point, ProcessRun, RunFile, SCHEMA},
};

use super::{Progress, REVISION, print};
use crate::{
    cli::{RunsArgs, of_one_process},
    command::{
        compare::{self, Compared},
        in_use::InUse,
        signals::stop_flag,
    },
    failure::Failure,
    output::remark,
};

/// How long one turn may take.
const LIMIT: Duration = Duration::from_hours(24);
/// So many lines of progress where no terminal shows them.
const LINES_MAX: u32 = 20;

/// Refuses an output that is one of the files that are read.
pub(super) fn keep_inputs<'a>(
    args: &RunsArgs,
    inputs: impl IntoIterator<Item = (&'a str, &'a Path)>,
) -> Result<(), Failure> {
    let in_use = InUse::by_this_binary().runs("--against", args.against.as_deref());
    let inputs = inputs.into_iter();
    let in_use = inputs.fold(in_use, |all, (what, path)| all.reads(what, Some(path)));
    in_use.writes("--output", args.output.as_deref()).map(drop)
}

/// The run file to be, where one is asked for: found to be writable before anything is measured,
/// and to be no binary that measures.
pub(super) fn draft(args: &RunsArgs) -> Result<Option<Draft>, Failure> {
    keep_inputs(args, [])?;
    let draft = args.output.as_deref().map(Draft::create).transpose();
    draft.map_err(Failure::input)
}

/// Writes the run file that was asked for; says where it is.
pub(super) fn write<'a>(
    draft: Option<Draft>,
    args: &'a RunsArgs,
    run: &RunFile,
) -> Result<Option<Display<'a>>, Failure> {
    let (Some(draft), Some(path)) = (draft, &args.output) else {
        return Ok(None);
    };
    draft.write(run).map_err(Failure::cannot)?;
    Ok(Some(path.display()))
}

/// What a suite measured of what, in this process.
pub(super) struct Measured {
    pub(super) suite: &'static str,
    pub(super) target: Option<String>,
    pub(super) kind: Kind,
    /// The model's, where it is of one vendor or of few.
    pub(super) timing_profile: Option<String>,
    /// What its figures depend on beyond that.
    pub(super) settings: BTreeMap<String, String>,
    pub(super) started: SystemTime,
    /// What was attached meanwhile; nothing where that is empty.
    pub(super) probes: Vec<String>,
    pub(super) points: Vec<Point>,
    pub(super) is_complete: bool,
}

impl Measured {
    /// Writes the run file that was asked for, and returns what is in it.
    pub(super) fn write(self, draft: Option<Draft>, args: &RunsArgs) -> Result<RunFile, Failure> {
        // Nothing is in no file.
        let draft = draft.filter(|_| !self.points.is_empty());
        let run = self.into();
        if let Some(path) = write(draft, args, &run)? {
            remark(&format!("wrote {path}"));
        }
        Ok(run)
    }
}

/// What is attached by turns.
pub(super) fn probes<const N: usize>(names: [&str; N]) -> Vec<String> {
    names.map(str::to_owned).into()
}

/// What the figures of a suite depend on, for its run file.
pub(super) fn settings<const N: usize>(of: [(&str, String); N]) -> BTreeMap<String, String> {
    of.map(|(name, value)| (name.to_owned(), value)).into()
}

impl From<Measured> for RunFile {
    fn from(measured: Measured) -> Self {
        let started = measured.started.duration_since(UNIX_EPOCH);
        let started_unix_s = started.unwrap_or_default().as_secs();
        Self {
            schema: SCHEMA.to_owned(),
            suite: measured.suite.to_owned(),
            target: measured.target,
            kind: measured.kind,
            timing_profile: measured.timing_profile,
            settings: measured.settings,
            started_unix_s,
            command: env::args().collect(),
            environment: Environment::of_this_machine(REVISION).with_probes(measured.probes),
            complete: measured.is_complete,
            dropped: 0,
            runs: vec![ProcessRun {
                order: 0,
                started_unix_s,
                cpus: Vec::new(),
                points: measured.points,
            }],
            base: None,
        }
    }
}

/// Measures this command line in several processes, in turns with those of another binary where
/// there is one.
pub(super) fn several(args: &RunsArgs) -> Result<(), Failure> {
    let draft = draft(args)?;
    let stop = stop_flag()?;
    let measuring = |program| -> Result<_, Failure> {
        Ok(Measuring {
            program,
            arguments: of_one_process(env::args_os()).map_err(Failure::input)?,
        })
    };
    let own = measuring(env::current_exe()?)?;
    let base = args.against.clone().map(measuring).transpose()?;
    let mut turns = Turns::new(own, base);
    measure(args, &mut turns, &stop)?;
    let stopped = |measured: usize| {
        let why = if stop.load(Ordering::Relaxed) {
            Failure::Interrupted
        } else {
            Failure::Cannot
        };
        why(anyhow::anyhow!(
            "stopped; {measured} of {} are measured",
            args.runs
        ))
    };
    let Some(mut run) = turns.into_file() else {
        return Err(stopped(0));
    };
    let measured = run.runs.len();
    let done = measured + run.dropped as usize;
    run.complete = done == args.runs as usize && run.runs.iter().all(|of| !of.points.is_empty());
    run.command = env::args().collect();
    if let Some(path) = write(draft, args, &run)? {
        remark(&format!("wrote {path}"));
    }
    match Compared::in_turns(&run, &Rules::default()) {
        Some(compared) => compare::print(&compared, args.format)?,
        None => print::several(&mut io::stdout().lock(), &run, args.format)?,
    }
    if done == args.runs as usize {
        Ok(())
    } else {
        Err(stopped(measured))
    }
}

/// As many turns as are asked for, or as there are until `stop` is set or processes fail.
fn measure(args: &RunsArgs, turns: &mut Turns, stop: &AtomicBool) -> Result<(), Failure> {
    let progress = Progress::start();
    let started = Instant::now();
    let what = match &args.against {
        Some(_) => "turn",
        None => "process",
    };
    for done in 0..args.runs {
        let left = match done {
            0 => String::new(),
            _ => format!(", about {} left", left(started.elapsed(), done, args.runs)),
        };
        // A line of each run would be many where nobody watches.
        if progress.is_seen() || done.is_multiple_of(args.runs.div_ceil(LINES_MAX)) {
            progress.show(&format!("{what} {} of {}{left}", done + 1, args.runs));
        }
        match turns.turn(LIMIT, stop) {
            Ok(()) => {}
            Err(TurnsError::Process(ProcessError::Stopped)) => break,
            // What was measured until then is kept.
            Err(error) if turns.file().is_some() => {
                progress.clear();
                remark(&format!("{error}"));
                break;
            }
            Err(error @ TurnsError::Differ(_)) => return Err(Failure::input(error)),
            Err(error) => return Err(Failure::cannot(error)),
        }
        if let Some(why) = turns.dropped() {
            progress.clear();
            remark(&format!("a turn is dropped: {why}"));
        }
    }
    progress.clear();
    Ok(())
}

/// What `all` will take beyond what `done` of them took.
pub(super) fn left(elapsed: Duration, done: u32, all: u32) -> String {
    let left = elapsed / done.max(1) * all.saturating_sub(done);
    match left.as_secs() {
        seconds @ 0..120 => format!("{seconds} s"),
        seconds => format!("{} min", seconds.div_ceil(60)),
    }
}
