//! What is made of the definitions of all arguments.

use std::path::PathBuf;

use clap::Args;
use clap_complete::Shell;

pub(crate) const MAN_HELP: &str = concat!(
    "\
Examples:
  hwptop man > hwptop.1
  hwptop man -o ~/.local/share/man/man1

",
    exit_codes!()
);

pub(crate) const COMPLETIONS_HELP: &str = concat!(
    "\
Examples:
  hwptop completions bash > ~/.local/share/bash-completion/completions/hwptop
  hwptop completions zsh > /usr/local/share/zsh/site-functions/_hwptop
  hwptop completions fish > ~/.config/fish/completions/hwptop.fish

",
    exit_codes!()
);

#[derive(Args, Debug)]
pub(crate) struct ManArgs {
    /// Write a page of each command into this directory, made if it is not there; prints the
    /// files' names
    #[arg(short, long, value_name = "DIR")]
    pub(crate) output: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub(crate) struct CompletionsArgs {
    /// The shell
    #[arg(value_enum, value_name = "SHELL")]
    pub(crate) shell: Shell,
}
