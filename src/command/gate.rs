//! The gate: measures a change against what was before it, and judges.

use std::{
    collections::BTreeSet,
    env,
    ffi::OsString,
    fmt::Write as _,
    io::{self, Write as _},
    path::Path,
    process::ExitCode,
    time::Duration,
};

use anyhow::anyhow;
use hwptop_bench::{
    Measuring, ProcessError, Turns, TurnsError,
    compare::Verdict,
    gate::{Action, Gate, Outcome, Phase, Progress, Rules},
    run_file::{Draft, Key, ProcessRun, RunFile},
    statistics::ratio::RUNS_LEAST,
};

use super::{
    bench,
    compare::{Compared, comparable, meaning, rules},
    signals::stop_flag,
};
use crate::{
    cli::{GateArgs, GateFormat, of_one_process},
    failure::Failure,
    output::remark,
};

mod github;
mod junit;

/// How long one process may take.
pub(super) const LIMIT: Duration = Duration::from_hours(1);

/// What a process of these suites measures where no options are given: what takes well below a
/// second.
const SHORT: [(&str, &[&str]); 2] = [
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
        "policies",
        &["--time", "10ms", "--capture", "smmuv3-nvme-strict"],
    ),
];

pub(crate) fn gate(args: &GateArgs) -> Result<ExitCode, Failure> {
    if args.print_rules {
        io::stdout().lock().write_all(Rules::TEMPLATE.as_bytes())?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut rules = rules(args.rules.as_deref())?;
    rules.budget = args.budget.unwrap_or(rules.budget);
    let suite = args.suite.as_deref().unwrap_or_default();
    let base = args.base.as_deref().map(RunFile::read).transpose();
    let base = base.map_err(Failure::input)?;
    if let (Some(base), Some(path)) = (&base, &args.base) {
        is_enough(base, path)?;
    }
    let arguments = process(suite, &args.options, base.as_ref())?;
    let output = args.output.as_deref().map(Draft::create).transpose();
    let output = output.map_err(Failure::input)?;
    let junit = args.junit.as_deref().map(Draft::create).transpose();
    let junit = junit.map_err(Failure::input)?;
    let stop = stop_flag()?;
    let measuring = |program| Measuring {
        program,
        arguments: arguments.clone(),
        limit: LIMIT,
    };
    let own = measuring(env::current_exe()?);
    let mut turns = Turns::new(own, args.against.clone().map(measuring));
    // Before the time is spent.
    turns.turn(&stop).map_err(failure)?;
    let own = turns.file();
    if let Some(own) = own {
        hold_something(own, &rules)?;
    }
    let differences = match (&base, own) {
        (Some(base), Some(own)) => comparable(base, own, args.force)?,
        _ => Vec::new(),
    };
    let gate = Gate::new(rules.clone(), base.is_none());
    let progress = bench::Progress::start();
    let outcome = gate.run(&mut turns, base.as_ref(), &stop, |at| {
        show(&progress, at, rules.budget);
    });
    progress.clear();
    let outcome = outcome.map_err(failure)?;
    let mut run = turns
        .into_file()
        .ok_or_else(|| Failure::cannot(anyhow!("nothing was measured")))?;
    run.command = env::args().collect();
    let compared = match &base {
        Some(base) => Some(Compared::files(base, &run, &rules, &differences)),
        None => Compared::in_turns(&run, &rules),
    };
    let mut compared = compared.ok_or_else(|| Failure::cannot(anyhow!("nothing to compare")))?;
    compared.rows.clone_from(&outcome.judged.rows);
    if let Some(output) = output {
        output.write(&run).map_err(Failure::cannot)?;
    }
    if let Some(file) = junit {
        let report = junit::report(&run.suite, &outcome).map_err(Failure::cannot)?;
        file.write_text(&report).map_err(Failure::cannot)?;
    }
    print(&compared, &outcome, args.format)?;
    if args.github || env::var_os("GITHUB_ACTIONS").is_some_and(|set| set == "true") {
        github::annotate(&compared, &outcome)?;
    }
    Ok(match outcome.judged.verdict {
        Verdict::Fail => ExitCode::from(1),
        Verdict::Indeterminate if args.strict => ExitCode::from(3),
        Verdict::Indeterminate | Verdict::Pass => ExitCode::SUCCESS,
    })
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

/// Too few runs tell nothing, however many they are held against.
fn is_enough(base: &RunFile, path: &Path) -> Result<(), Failure> {
    let (runs, path) = (base.runs.len(), path.display());
    if runs >= RUNS_LEAST {
        return Ok(());
    }
    Err(Failure::input(anyhow!(
        "{path}: processes that it has figures of: {runs}; a base has {RUNS_LEAST} or more \
         (hwptop bench {} --runs 20 -o {path})",
        base.suite
    )))
}

/// A gate that nothing can fail says nothing.
fn hold_something(run: &RunFile, rules: &Rules) -> Result<(), Failure> {
    let measured = run.runs.iter().flat_map(ProcessRun::comparable);
    let measured: BTreeSet<Key> = measured.map(|(key, _)| key).collect();
    let fails = |key: &Key| {
        rules
            .of(key)
            .is_some_and(|rule| rule.action == Action::Fail)
    };
    if measured.iter().any(fails) {
        return Ok(());
    }
    let names: BTreeSet<&str> = measured.iter().map(|key| key.metric.as_str()).collect();
    let names: Vec<&str> = names.into_iter().collect();
    Err(Failure::input(anyhow!(
        "no rule lets a metric of {} fail the gate: begin with --print-rules; it measures {}",
        run.suite,
        names.join(", ")
    )))
}

fn failure(error: TurnsError) -> Failure {
    match error {
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
            "failed": outcome.failed.as_ref().map(ToString::to_string),
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
    if let Some(why) = &outcome.failed {
        let _ = write!(said, "; ended early: {why}");
    }
    said
}
