//! `hwptop man`: manual pages, of the definitions of the arguments.

use std::{
    fs,
    io::{self, Write as _},
    path::Path,
};

use anyhow::Context as _;
use clap::CommandFactory as _;

use crate::{
    cli::{Cli, ManArgs},
    failure::Failure,
};

mod page;

pub(crate) fn man(args: &ManArgs) -> Result<(), Failure> {
    // `help` would have a page for each command, which says nothing of its own.
    let mut command = Cli::command().disable_help_subcommand(true);
    command.build();
    let mut out = io::stdout().lock();
    match &args.output {
        None => out.write_all(&page::of(&command)?)?,
        Some(folder) => {
            fs::create_dir_all(folder)
                .with_context(|| folder.display().to_string())
                .map_err(Failure::Input)?;
            write_all(&command, folder, &mut out)?;
        }
    }
    out.flush()?;
    Ok(())
}

/// Writes the page of a command, and those of the commands below it.
fn write_all(
    command: &clap::Command,
    folder: &Path,
    out: &mut dyn io::Write,
) -> Result<(), Failure> {
    let path = folder.join(page::file_name(command));
    fs::write(&path, page::of(command)?)
        .with_context(|| path.display().to_string())
        .map_err(Failure::Input)?;
    writeln!(out, "{}", path.display())?;
    let mut shown = command.get_subcommands().filter(|one| !one.is_hide_set());
    shown.try_for_each(|below| write_all(below, folder, out))
}
