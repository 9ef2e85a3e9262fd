//! The gate: measures a change against what was before it, and judges.

use std::{
    env,
    ffi::OsString,
    fmt::Write as _,
    io::{self, Write as _},
    process::ExitCode,
    time::Duration,
};

use anyhow::anyhow;
use hwptop_bench::{
    Measuring, ProcessError, Turns, TurnsError,
    compare::Verdict,
    gate::{Gate, Outcome, Phase, Progress, Rules},
    run_file::{Draft, RunFile},
    staged::Staged,
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
    let arguments = process(suite, &args.options)?;
    let output = args.output.as_deref().map(Draft::create).transpose();
    let output = output.map_err(Failure::input)?;
    let junit = args.junit.as_deref().map(Staged::create).transpose();
    let junit = junit.map_err(|error| at(args.junit.as_deref(), error))?;
    let base = args.base.as_deref().map(RunFile::read).transpose();
    let base = base.map_err(Failure::input)?;
    let stop = stop_flag()?;
    let measuring = |program| Measuring {
        program,
        arguments: arguments.clone(),
        limit: LIMIT,
    };
    let own = measuring(env::current_exe()?);
    let mut turns = Turns::new(own, args.against.clone().map(measuring));
    let mut differences = Vec::new();
    if let Some(base) = &base {
        // Before the time is spent.
        turns.turn(&stop).map_err(failure)?;
        if let Some(own) = turns.file() {
            differences = comparable(base, own, args.force)?;
        }
    }
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
    if let Some(mut file) = junit {
        let report = junit::report(&run.suite, &outcome).map_err(Failure::cannot)?;
        let written = file.write(report.as_bytes()).and_then(|()| file.commit());
        written.map_err(|error| at(args.junit.as_deref(), error))?;
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

/// What a process of `suite` is given: these options, or those that take well below a second;
/// found to be such.
pub(super) fn process(suite: &str, options: &[OsString]) -> Result<Vec<OsString>, Failure> {
    let short = SHORT.iter().find(|(name, _)| *name == suite);
    let short = short.map_or(&[][..], |(_, options)| options);
    let options: Vec<OsString> = if options.is_empty() {
        short.iter().map(OsString::from).collect()
    } else {
        options.to_vec()
    };
    let line = ["hwptop", "bench", suite].map(OsString::from);
    let line = line.into_iter().chain(options.iter().cloned());
    let arguments = of_one_process(line).map_err(|error| {
        let said = error.to_string();
        let said = said.lines().next().unwrap_or_default().to_owned();
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

fn failure(error: TurnsError) -> Failure {
    match error {
        TurnsError::Process(ProcessError::Stopped) => Failure::Interrupted(anyhow!("stopped")),
        error @ TurnsError::Differ(_) => Failure::input(error),
        error @ TurnsError::Process(_) => Failure::cannot(error),
    }
}

fn at(path: Option<&std::path::Path>, error: io::Error) -> Failure {
    let path = path.unwrap_or_else(|| std::path::Path::new("-"));
    Failure::input(anyhow!(error).context(path.display().to_string()))
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
        "{what} {}, a look at {}; at most {left} s left",
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
    writeln!(out, "\n{}", sentence(outcome))
}

/// The verdict in a sentence.
fn sentence(outcome: &Outcome) -> String {
    let judged = &outcome.judged;
    let mut said = format!(
        "{}: {} ({} runs a side",
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
