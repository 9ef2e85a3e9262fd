//! What GitHub Actions shows: annotations on standard output, and a summary in the file that it
//! names.

use std::{
    env,
    fmt::Write as _,
    fs::OpenOptions,
    io::{self, Write},
};

use hwptop_bench::{compare::Verdict, gate::Outcome};

use super::{Compared, junit::said, sentence};
use crate::{cli::GateFormat, command::compare::percent, output::remark};

/// The variable that names the file of the summary.
pub(super) const SUMMARY: &str = "GITHUB_STEP_SUMMARY";

/// Annotations on standard output, which GitHub reads as well as standard error: there they are
/// where the other has one JSON document.
pub(super) fn annotate(
    compared: &Compared,
    outcome: &Outcome,
    format: GateFormat,
) -> io::Result<()> {
    match format {
        GateFormat::Text => annotations(&mut io::stdout().lock(), outcome)?,
        GateFormat::Json => annotations(&mut io::stderr().lock(), outcome)?,
    }
    let Some(path) = env::var_os(SUMMARY) else {
        return Ok(());
    };
    let written = OpenOptions::new()
        .append(true)
        .create(true)
        .open(&path)
        .and_then(|mut file| file.write_all(summary(compared, outcome).as_bytes()));
    if let Err(error) = written {
        // The verdict is told without it.
        remark(&format!("{}: {error}", path.display()));
    }
    Ok(())
}

fn annotations(out: &mut impl Write, outcome: &Outcome) -> io::Result<()> {
    for row in &outcome.judged.rows {
        let level = match (row.verdict, row.counts()) {
            (Verdict::Fail, true) => "error",
            (Verdict::Fail, false) | (Verdict::Indeterminate, true) => "warning",
            _ => continue,
        };
        let title = property(&row.row.key.to_string());
        writeln!(out, "::{level} title={title}::{}", data(&said(row)))?;
    }
    for doubt in &outcome.judged.doubts {
        let said = data(&doubt.to_string());
        writeln!(out, "::warning title=not compared::{said}")?;
    }
    Ok(())
}

fn summary(compared: &Compared, outcome: &Outcome) -> String {
    let mut text = format!(
        "### hwptop gate: {}\n\n| metric | ratio | floor | verdict |\n|---|---|---|---|\n",
        sentence(compared, outcome)
    );
    for row in &compared.rows {
        let ratio = row
            .row
            .ratio
            .as_ref()
            .map_or_else(ToString::to_string, |of| {
                format!("{:.4} [{:.4}, {:.4}]", of.value, of.low, of.high)
            });
        let told = if row.counts() { "" } else { " (told)" };
        let key = row.row.key.to_string().replace('|', "\\|");
        let (floor, verdict) = (percent(row.floor), row.verdict.name());
        // Writing to a String cannot fail.
        let _ = writeln!(text, "| `{key}` | {ratio} | {floor} % | {verdict}{told} |");
    }
    text
}

/// As GitHub's toolkit escapes a message.
fn data(text: &str) -> String {
    text.replace('%', "%25")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

/// As it escapes a property.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_github_reads_as_an_end_is_escaped() {
        assert_eq!(data("3 %\nnext, a: b"), "3 %25%0Anext, a: b");
        assert_eq!(property("k{a=1,b=2}: x"), "k{a=1%2Cb=2}%3A x");
    }
}
