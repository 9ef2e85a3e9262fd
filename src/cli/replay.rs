use std::path::PathBuf;

use clap::Args;
use hwptop_bench::fleet::Pace;

use super::{LookArgs, ShowArgs, speed};

const AFTER_HELP: &str = concat!(
    "\
A recording is NAME.jsonl with its histograms beside it in NAME.hlog; hwptop record
makes both. One that was cut off, by a full disk or by SIGKILL, is shown up to its
last whole interval. Totals are those since the recording began.

Examples:
  hwptop replay hwptop-recording.jsonl                 the dashboard, at the pace of then
  hwptop replay hwptop-recording.jsonl --step          an interval for each press of n
  hwptop replay hwptop-recording.jsonl --once          all of it in one table
  hwptop replay hwptop-recording.jsonl --format csv    every interval, for a script
  hwptop replay new.jsonl --once --baseline old.jsonl  one recording against another

",
    exit_codes!()
);

#[derive(Args, Debug)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct ReplayFileArgs {
    /// The recording, NAME.jsonl
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Pace: a factor of the recorded one, e.g. 10 or 0.5, or `max`
    /// [default: 1 in the dashboard, else max]
    #[arg(long, value_name = "FACTOR", value_parser = speed)]
    pub(crate) speed: Option<Pace>,
    /// In the dashboard, go on by the key n and not by time
    #[arg(long, conflicts_with = "speed")]
    pub(crate) step: bool,
    /// How to show it
    #[command(flatten)]
    pub(crate) show: ShowArgs,
    #[command(flatten)]
    pub(crate) look: LookArgs,
}
