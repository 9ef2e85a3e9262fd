use std::{num::NonZeroUsize, path::PathBuf};

use clap::{Args, Subcommand};
use hwptop_bench::store::{FILES_MAX, Name};

use super::Format;

/// What the help of these commands ends with.
macro_rules! examples {
    ($($line:literal)*) => {
        concat!("Examples:\n", $("  hwptop baseline ", $line, "\n",)* "\n", exit_codes!())
    };
}

#[derive(Debug, Subcommand)]
pub(crate) enum BaselineCommand {
    /// Add a run file to the store, and remove what is older than is kept
    ///
    /// It is kept as DIR/BRANCH/SUITE/DATE-REVISION.json, by when the run was started and the
    /// revision of the binary that was measured. No other run is replaced; one that is there
    /// already is not added again, but gets the tag that is given. Prints what it added and removed.
    #[command(after_help = examples!(
        "add run.json"
        "add run.json --store /srv/baselines --branch feature/x --keep 30"
        "add run.json --tag v1.2"
    ))]
    Add(BaselineAddArgs),
    /// List the runs of the store, the newest first
    ///
    /// What cannot be read is named on standard error (and in JSON), and hides nothing else.
    #[command(after_help = examples!("list" "list --branch main --format json"))]
    List(BaselineListArgs),
    /// Where metrics changed for good over the history of a branch
    ///
    /// Of each metric the medians of the runs' processes are looked at, in the order in which the
    /// runs were started: change points by Hunter's method (ICPE 2023), with p below 0.0001 and of 1 % at
    /// least. Only runs that can be compared are looked at together: of one target, kind and
    /// settings, on one machine with one kernel. What is a change for a metric by itself is found
    /// by chance now and then where there are hundreds.
    #[command(after_help = examples!(
        "changes"
        "changes --suite batching --branch main --format csv"
    ))]
    Changes(BaselineChangesArgs),
}

#[derive(Args, Debug)]
pub(crate) struct StoreArgs {
    /// Directory of the store
    #[arg(long, value_name = "DIR", default_value = ".hwptop/baselines")]
    pub(crate) store: PathBuf,
}

#[derive(Args, Debug)]
pub(crate) struct BaselineAddArgs {
    /// A run file that `hwptop bench` wrote
    #[arg(value_name = "RUN.json")]
    pub(crate) run: PathBuf,
    #[command(flatten)]
    pub(crate) store: StoreArgs,
    /// Branch to add it to; it is not asked of git, which knows none in most CI checkouts
    #[arg(long, value_name = "B", default_value = "main")]
    pub(crate) branch: Name,
    /// Name it, e.g. by the release: it is never removed then
    #[arg(long, value_name = "TAG")]
    pub(crate) tag: Option<Name>,
    /// Keep the newest N runs of this branch and suite, and those with a tag, 1 to 1000
    #[arg(long, value_name = "N", default_value = "100", value_parser = keep)]
    pub(crate) keep: NonZeroUsize,
    /// Add a run that was stopped before it was done, too
    #[arg(long)]
    pub(crate) force: bool,
}

#[derive(Args, Debug)]
pub(crate) struct BaselineListArgs {
    #[command(flatten)]
    pub(crate) store: StoreArgs,
    /// The runs of this branch [default: of all]
    #[arg(long, value_name = "B")]
    pub(crate) branch: Option<Name>,
    /// How to print them
    #[arg(long, value_enum, value_name = "F", default_value_t)]
    pub(crate) format: Format,
}

#[derive(Args, Debug)]
pub(crate) struct BaselineChangesArgs {
    #[command(flatten)]
    pub(crate) store: StoreArgs,
    /// The branch
    #[arg(long, value_name = "B", default_value = "main")]
    pub(crate) branch: Name,
    /// The runs of this suite [default: of each]
    #[arg(long, value_name = "S")]
    pub(crate) suite: Option<Name>,
    /// How to print them
    #[arg(long, value_enum, value_name = "F", default_value_t)]
    pub(crate) format: Format,
}

fn keep(text: &str) -> Result<NonZeroUsize, String> {
    let number = text.parse().ok();
    number
        .filter(|number: &NonZeroUsize| number.get() <= FILES_MAX)
        .ok_or_else(|| format!("{text:?} is no number from 1 to {FILES_MAX}"))
}
