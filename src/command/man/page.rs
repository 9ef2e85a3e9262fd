//! One manual page.

use std::io;

use clap_mangen::Man;
use roff::{Roff, roman};

/// The file of a command's page, e.g. `hwptop-bench-batching.1`.
pub(super) fn file_name(command: &clap::Command) -> String {
    format!("{}.1", name(command))
}

/// With its subcommands' names before its own: `hwptop-bench-batching`.
fn name(command: &clap::Command) -> &str {
    command.get_display_name().unwrap_or(command.get_name())
}

/// The page of a command that is built, i.e. knows those that it is below.
pub(super) fn of(command: &clap::Command) -> io::Result<Vec<u8>> {
    let version = env!("CARGO_PKG_VERSION");
    let man = Man::new(command.clone())
        .title(name(command).to_uppercase())
        .source(format!("hwptop {version}"))
        .manual("hwptop");
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    if command
        .get_arguments()
        .any(|argument| !argument.is_hide_set())
    {
        man.render_options_section(&mut page)?;
    }
    if command.has_subcommands() {
        man.render_subcommands_section(&mut page)?;
    }
    after(command).to_writer(&mut page)?;
    Ok(page)
}

/// What the help has after the options, as sections of their own: clap_mangen would fill its tables as text.
fn after(command: &clap::Command) -> Roff {
    let text = command.get_after_long_help().or(command.get_after_help());
    let text = text.map(ToString::to_string).unwrap_or_default();
    let mut roff = Roff::new();
    for block in text.split("\n\n").filter(|block| !block.is_empty()) {
        section(&mut roff, block.trim_end());
    }
    if let Some((parent, _)) = name(command).rsplit_once(&format!("-{}", command.get_name())) {
        roff.control("SH", ["SEE ALSO"]);
        roff.text([roman(format!("{parent}(1)"))]);
    }
    roff
}

/// A table below its title, more of one, or a paragraph, of which the exit codes are the only kind with a title.
fn section(roff: &mut Roff, block: &str) {
    if block.starts_with(' ') {
        roff.control("PP", []);
        return table(roff, block);
    }
    if let Some((title, below)) = block.split_once(":\n") {
        roff.control("SH", [title.to_uppercase().as_str()]);
        return table(roff, below);
    }
    if let Some(codes) = block.strip_prefix("Exit codes: ") {
        roff.control("SH", ["EXIT STATUS"]);
        roff.text([roman(codes)]);
        return;
    }
    roff.control("PP", []);
    roff.text([roman(block)]);
}

/// Lines as they are, but for the help's indentation.
fn table(roff: &mut Roff, lines: &str) {
    let lines: Vec<&str> = lines
        .lines()
        .map(|line| line.strip_prefix("  ").unwrap_or(line))
        .collect();
    roff.control("nf", []);
    roff.text([roman(lines.join("\n"))]);
    roff.control("fi", []);
}
