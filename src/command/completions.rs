use std::io::{self, Write as _};

use clap::CommandFactory as _;
use clap_complete::aot;

use crate::{
    cli::{Cli, CompletionsArgs},
    failure::Failure,
};

/// `hwptop completions`.
pub(crate) fn completions(args: &CompletionsArgs) -> Result<(), Failure> {
    // Into memory first: clap_complete panics where a write fails, as it does when a pipe is closed.
    let mut script = Vec::new();
    aot::generate(args.shell, &mut Cli::command(), "hwptop", &mut script);
    let mut out = io::stdout().lock();
    out.write_all(&script)?;
    out.flush()?;
    Ok(())
}
