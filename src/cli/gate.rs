use std::{ffi::OsString, path::PathBuf, time::Duration};

use clap::{Args, ValueEnum};
use hwptop_bench::store::Name;

use super::{Format, duration};

pub(crate) const COMPARE_HELP: &str = concat!(
    "\
Examples:
  hwptop bench batching --runs 20 -o base.json      before a change
  hwptop bench batching --runs 20 -o new.json       after it
  hwptop compare base.json new.json
  hwptop bench batching --runs 20 --against ./hwptop-before -o both.json
  hwptop compare both.json                          pairs: without what both share of the noise

",
    exit_codes!()
);

pub(crate) const GATE_HELP: &str = concat!(
    "\
The verdict, of each metric and of all, and its exit code:
  PASS           0  not worse by more than its floor, as surely as the rules ask
  FAIL           1  worse by more than its floor, and so on fresh runs again
  INDETERMINATE  0  the time was up before either was known: more time, or a
                    quieter machine; or something could not be compared: a
                    process failed, or one side alone has a metric; 3 with
                    --strict

Examples:
  hwptop gate batching --against ./hwptop-before
  hwptop gate batching --against ./hwptop-before --junit gate.xml -- --target selftest --time 50ms
  hwptop gate batching --base base.json         (bench batching --runs 20 -o base.json)
  hwptop gate batching --base .hwptop/baselines  (baseline add base.json)
  hwptop gate --print-rules > rules.toml

",
    exit_codes!()
);

#[derive(Args, Debug)]
pub(crate) struct CompareArgs {
    /// The base; or a file with two binaries' runs (bench --against)
    #[arg(value_name = "BASE.json")]
    pub(crate) base: PathBuf,
    /// What is compared with it
    #[arg(value_name = "NEW.json")]
    pub(crate) new: Option<PathBuf>,
    /// Floors, and how sure intervals are [default: those of `hwptop gate --print-rules`]
    #[arg(long, value_name = "RULES.toml")]
    pub(crate) rules: Option<PathBuf>,
    /// Compare what is not of the same machine, target or options; the output says so
    #[arg(long)]
    pub(crate) force: bool,
    /// How to print the comparison
    #[arg(long, value_enum, value_name = "F", default_value_t)]
    pub(crate) format: Format,
}

#[derive(Args, Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "options that are given or not"
)]
pub(crate) struct GateArgs {
    /// The suite: `hwptop bench list`
    #[arg(value_name = "SUITE", required_unless_present = "print_rules")]
    pub(crate) suite: Option<String>,
    /// The suite's own options [default: those that the runs of --base were measured with, or what
    /// takes a process well below a second]
    #[arg(last = true, value_name = "OPTION")]
    pub(crate) options: Vec<OsString>,
    /// Hold this binary against another of hwptop, in turns (ABBA)
    #[arg(long, value_name = "BINARY", required_unless_present_any = ["base", "print_rules"], conflicts_with = "base")]
    pub(crate) against: Option<PathBuf>,
    /// Hold this binary against the runs of a file, or against the newest in a store of `hwptop
    /// baseline` that can be compared; noise that came or went since is not known from a change
    #[arg(long, value_name = "RUN.json|DIR")]
    pub(crate) base: Option<PathBuf>,
    /// The branch of that store [default: main]
    #[arg(long, value_name = "B", requires = "base")]
    pub(crate) branch: Option<Name>,
    /// What is held, and how surely
    #[arg(long, value_name = "RULES.toml")]
    pub(crate) rules: Option<PathBuf>,
    /// Print the rules that hold without --rules, as a file to begin with, and end
    #[arg(long)]
    pub(crate) print_rules: bool,
    /// Measure at most so long, 1s to 24h [default: what the rules say, 60s]
    #[arg(long, value_name = "TIME", value_parser = budget)]
    pub(crate) budget: Option<Duration>,
    /// End with exit code 3, and not 0, where nothing could be told
    #[arg(long)]
    pub(crate) strict: bool,
    /// Go on where the base is not of the same machine, target or options; the output says so
    #[arg(long, requires = "base")]
    pub(crate) force: bool,
    /// Write a JUnit report, a test case of each metric
    #[arg(long, value_name = "FILE")]
    pub(crate) junit: Option<PathBuf>,
    /// Annotations and a step summary for GitHub Actions [default: within GitHub Actions]
    #[arg(long)]
    pub(crate) github: bool,
    /// Write the runs here
    #[arg(short, long, value_name = "RUN.json")]
    pub(crate) output: Option<PathBuf>,
    /// How to print the verdict
    #[arg(long, value_enum, value_name = "F", default_value_t)]
    pub(crate) format: GateFormat,
}

/// How `gate` prints its verdict.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum GateFormat {
    /// A table
    #[default]
    Text,
    /// One JSON document
    Json,
}

pub(super) fn budget(text: &str) -> Result<Duration, String> {
    let budget = duration(text)?;
    if (Duration::from_secs(1)..=Duration::from_hours(24)).contains(&budget) {
        return Ok(budget);
    }
    Err(format!("{text:?} is out of range: 1s to 24h"))
}
