//! The gate: measures a change against what was before it, and judges.

use std::{
    collections::BTreeSet,
    env,
    ffi::OsString,
    fmt::Write as _,
    fs,
    io::{self, Write as _},
    path::Path,
    process::ExitCode,
    time::{Duration, Instant},
};

use anyhow::anyhow;
use hwptop_bench::{
    Measuring, ProcessError, Turns, TurnsError,
    compare::Verdict,
    gate::{Gate, Outcome, Phase, Progress, Rules},
    run_file::{Draft, Key, ProcessRun, RunFile},
};

use super::{
    bench,
    compare::{Compared, meaning, rules},
    in_use::InUse,
    signals::stop_flag,
};
use crate::{
    cli::{GateArgs, GateFormat, of_one_process},
    failure::Failure,
    output::remark,
};

mod base;
mod github;
mod junit;

use base::Base;

/// What a process of these suites measures where no options are given: what takes well below a
/// second.
const SHORT: [(&str, &[&str]); 3] = [
    (
        "batching",
        &[
            "--target",
            "model:vtd,instances=1",
            "--batch",
            "1,64",
            "--time",
            "20ms",
        ],
    ),
    (
        "front-end",
        &["--rounds", "7", "--capture", "smmuv3-nvme-strict"],
    ),
    (
        "policies",
        &["--time", "10ms", "--capture", "smmuv3-nvme-strict"],
    ),
];

pub(crate) fn gate(args: &GateArgs) -> Result<ExitCode, Failure> {
    if args.print_rules {
        io::stdout().lock().write_all(Rules::TEMPLATE.as_bytes())?;
        return Ok(ExitCode::SUCCESS);
    }
    let rules = held(args.rules.as_deref(), args.budget)?;
    let suite = args.suite.as_deref().unwrap_or_default();
    let base = Base::open(args, suite)?;
    let arguments = process(suite, &args.options, base.like())?;
    let outputs = Outputs::create(args)?;
    let stop = stop_flag()?;
    let measuring = |program| Measuring {
        program,
        arguments: arguments.clone(),
    };
    let own = measuring(env::current_exe()?);
    let mut turns = Turns::new(own, args.against.clone().map(measuring));
    // Before the time is spent.
    let started = Instant::now();
    turns.turn(rules.budget, &stop).map_err(failure)?;
    let own = turns.file().ok_or_else(nothing)?;
    hold_something(own, &rules, args.rules.as_deref())?;
    let (base, differences) = base.of(own, args.force)?.unzip();
    let gate = Gate::new(rules.clone(), base.is_none());
    let progress = bench::Progress::start();
    let outcome = gate.run(&mut turns, base.as_ref(), started, &stop, |at| {
        show(&progress, at, rules.budget);
    });
    progress.clear();
    let outcome = outcome.map_err(failure)?;
    let mut run = turns.into_file().ok_or_else(nothing)?;
    run.command = env::args().collect();
    run.complete = !outcome.is_stopped();
    let compared = match &base {
        Some(base) => {
            let differences = differences.unwrap_or_default();
            Some(Compared::files(base, &run, &rules, &differences))
        }
        None => Compared::in_turns(&run, &rules),
    };
    let mut compared = compared.ok_or_else(nothing)?;
    compared.rows.clone_from(&outcome.judged.rows);
    outputs.write(&run, &outcome)?;
    print(&compared, &outcome, args.format)?;
    if is_github(args) {
        github::annotate(&compared, &outcome, args.format)?;
    }
    ended(&outcome, args.strict)
}

fn nothing() -> Failure {
    Failure::cannot(anyhow!("nothing was measured"))
}

fn is_github(args: &GateArgs) -> bool {
    args.github || env::var_os("GITHUB_ACTIONS").is_some_and(|set| set == "true")
}

fn ended(outcome: &Outcome, is_strict: bool) -> Result<ExitCode, Failure> {
    if outcome.is_stopped() {
        let runs = outcome.judged.runs;
        return Err(Failure::Interrupted(anyhow!(
            "stopped; measured until then: {runs}"
        )));
    }
    Ok(match outcome.judged.verdict {
        Verdict::Fail => ExitCode::from(1),
        Verdict::Indeterminate if is_strict => ExitCode::from(3),
        Verdict::Indeterminate | Verdict::Pass => ExitCode::SUCCESS,
    })
}

/// What is written besides the verdict, found to be writable and to replace nothing that is used.
struct Outputs {
    run: Option<Draft>,
    junit: Option<Draft>,
}

impl Outputs {
    fn create(args: &GateArgs) -> Result<Self, Failure> {
        let summary = env::var_os(github::SUMMARY).filter(|_| is_github(args));
        InUse::by_this_binary()
            .reads("--base", args.base.as_deref())
            .reads("--rules", args.rules.as_deref())
            .runs("--against", args.against.as_deref())
            .writes("--output", args.output.as_deref())?
            .writes("--junit", args.junit.as_deref())?
            .writes(github::SUMMARY, summary.as_deref().map(Path::new))?;
        let draft = |path: &Option<_>| path.as_deref().map(Draft::create).transpose();
        Ok(Self {
            run: draft(&args.output).map_err(Failure::input)?,
            junit: draft(&args.junit).map_err(Failure::input)?,
        })
    }

    fn write(self, run: &RunFile, outcome: &Outcome) -> Result<(), Failure> {
        if let Some(file) = self.run {
            file.write(run).map_err(Failure::cannot)?;
        }
        if let Some(file) = self.junit {
            let report = junit::report(&run.suite, outcome).map_err(Failure::cannot)?;
            file.write_text(&report).map_err(Failure::cannot)?;
        }
        Ok(())
    }
}

/// The rules of `path`, found to be such that something can fail by them.
pub(super) fn held(path: Option<&Path>, budget: Option<Duration>) -> Result<Rules, Failure> {
    let mut rules = rules(path)?;
    rules.budget = budget.unwrap_or(rules.budget);
    let Some(path) = path.filter(|_| !rules.can_fail()) else {
        return Ok(rules);
    };
    // As it was read a moment ago.
    let text = fs::read_to_string(path).unwrap_or_default();
    let is_metric = |line: &str| {
        line.trim_start_matches([' ', '\t', '['])
            .starts_with("metric")
    };
    let line = text.lines().position(is_metric).unwrap_or_default() + 1;
    Err(Failure::input(anyhow!(
        "{}:{line}: no metric can fail by these rules: leave out `action = \"report\"` of one that \
         has a better and a worse, and put it before those that it fits, too; begin with `hwptop gate \
         --print-rules`",
        path.display()
    )))
}

/// What a process of `suite` is given: these options, or those of the base, or those that take well
/// below a second; found to be such.
pub(super) fn process(
    suite: &str,
    options: &[OsString],
    base: Option<&RunFile>,
) -> Result<Vec<OsString>, Failure> {
    let short = || {
        let short = SHORT.iter().find(|(name, _)| *name == suite);
        let short = short.map_or(&[][..], |(_, options)| options);
        short.iter().map(OsString::from).collect()
    };
    let options: Vec<OsString> = if options.is_empty() {
        let same = base.and_then(|base| as_measured(base, suite));
        same.unwrap_or_else(short)
    } else {
        options.to_vec()
    };
    let line = ["hwptop", "bench", suite].map(OsString::from);
    let line = line.into_iter().chain(options.iter().cloned());
    let arguments = of_one_process(line).map_err(|error| {
        let said = error.to_string();
        let said = said.lines().next().unwrap_or_default();
        let said = said.strip_prefix("error: ").unwrap_or(said);
        Failure::input(anyhow!("hwptop bench {suite}: {said}"))
    })?;
    // What is not given to one process cannot be given to many.
    if let Some(extra) = options.iter().find(|of| !arguments.contains(of)) {
        return Err(Failure::input(anyhow!(
            "{}: how often the suite is measured and where its figures go is the gate's to say",
            extra.display()
        )));
    }
    Ok(arguments)
}

/// The options that `bench` measured the base with; none where something else did.
fn as_measured(base: &RunFile, suite: &str) -> Option<Vec<OsString>> {
    let line = of_one_process(base.command.iter().map(OsString::from)).ok()?;
    let (name, options) = line.split_first()?;
    (*name == *suite).then(|| options.to_vec())
}

/// A gate that nothing can fail says nothing.
pub(super) fn hold_something(
    run: &RunFile,
    rules: &Rules,
    path: Option<&Path>,
) -> Result<(), Failure> {
    let measured = run.runs.iter().flat_map(ProcessRun::comparable);
    let measured: BTreeSet<Key> = measured.map(|(key, _)| key).collect();
    if measured.iter().any(|key| rules.fails(key)) {
        return Ok(());
    }
    let names: BTreeSet<&str> = measured.iter().map(|key| key.metric.as_str()).collect();
    let names: Vec<&str> = names.into_iter().collect();
    let path = path.map(|path| format!("{}: ", path.display()));
    Err(Failure::input(anyhow!(
        "{}no rule lets a metric of {} fail the gate: add a [[metric]] for one of those that it \
         measures, before those that fit it, too: {}",
        path.unwrap_or_default(),
        run.suite,
        names.join(", ")
    )))
}

/// Why there is nothing to judge.
pub(super) fn failure(error: TurnsError) -> Failure {
    match error {
        TurnsError::Process(hung @ ProcessError::Hung { .. }) => Failure::cannot(anyhow!(
            "{hung}: the first turn has the budget and half a minute; give a longer --budget, or \
             the suite less to measure"
        )),
        TurnsError::Process(ProcessError::Stopped) => Failure::Interrupted(anyhow!("stopped")),
        error @ TurnsError::Differ(_) => Failure::input(error),
        error @ TurnsError::Process(_) => Failure::cannot(error),
    }
}

fn show(progress: &bench::Progress, at: &Progress<'_>, budget: Duration) {
    if let Some(why) = at.dropped {
        progress.clear();
        remark(&format!("a turn is dropped: {why}"));
    }
    // A line of each run would be many where nobody watches.
    if !progress.is_seen() && at.runs < at.until {
        return;
    }
    let what = match at.phase {
        Phase::Exploring => "run",
        Phase::Confirming { .. } => "something looks worse; fresh run",
    };
    let left = budget.saturating_sub(at.elapsed).as_secs();
    progress.show(&format!(
        "{what} {} of {} before it looks; at most {left} s left",
        at.runs, at.until
    ));
}

fn print(compared: &Compared, outcome: &Outcome, format: GateFormat) -> io::Result<()> {
    let out = &mut io::stdout().lock();
    let judged = &outcome.judged;
    if format == GateFormat::Json {
        let document = serde_json::json!({
            "schema": "hwptop.gate/1",
            "verdict": judged.verdict.name(),
            "runs": judged.runs,
            "fresh_runs": judged.fresh,
            "looks": judged.looks,
            "elapsed_s": outcome.elapsed.as_secs_f64(),
            "doubts": judged.doubts.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "failed": outcome.ended.as_ref().map(ToString::to_string),
            "comparison": compared.json(),
        });
        serde_json::to_writer(&mut *out, &document)?;
        return writeln!(out);
    }
    compared.text(out)?;
    writeln!(out, "\n{}", sentence(compared, outcome))
}

/// The verdict in a sentence.
fn sentence(compared: &Compared, outcome: &Outcome) -> String {
    let judged = &outcome.judged;
    let runs = if compared.is_paired { "pairs" } else { "runs" };
    let mut said = format!(
        "{}: {} ({} {runs}",
        judged.verdict.name(),
        meaning(judged.verdict),
        judged.runs
    );
    if judged.fresh > 0 {
        let _ = write!(said, ", the last {} fresh ones", judged.fresh);
    }
    let _ = write!(said, ", {:.1} s)", outcome.elapsed.as_secs_f64());
    if let Some(why) = &outcome.ended {
        let _ = write!(said, "; ended early: {why}");
    }
    if let Some((first, more)) = judged.doubts.split_first() {
        let _ = write!(said, "; not compared: {first}");
        if !more.is_empty() {
            let _ = write!(said, ", and {} more", more.len());
        }
    }
    said
}
