use std::path::PathBuf;

use clap::Args;
use hwptop_bench::store::Name;

#[derive(Args, Debug)]
pub(crate) struct ReportArgs {
    /// Run files of `hwptop bench` (RUN.json) and recordings of `hwptop record` (NAME.jsonl, with
    /// NAME.hlog beside it)
    #[arg(value_name = "INPUT", required_unless_present = "history")]
    pub(crate) inputs: Vec<PathBuf>,
    /// A run file or recording that those of its kind are compared with: ratios with intervals, no
    /// verdict. A run file of two binaries is compared with its own base
    #[arg(long, value_name = "INPUT", requires = "inputs")]
    pub(crate) base: Option<PathBuf>,
    /// A store of `hwptop baseline`: the trend of each metric, with the changes marked
    #[arg(long, value_name = "STORE")]
    pub(crate) history: Option<PathBuf>,
    /// The branch whose history is drawn
    #[arg(
        long,
        value_name = "BRANCH",
        default_value = "main",
        requires = "history"
    )]
    pub(crate) branch: Name,
    /// Directory for the report; made if it is not there
    #[arg(short, long, value_name = "DIR")]
    pub(crate) output: PathBuf,
}
