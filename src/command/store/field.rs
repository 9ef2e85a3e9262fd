//! Texts that run files and their names bring along.

use hwptop_agent::printable;
use hwptop_bench::run_file::{Kind, RunFile};

/// Without what would control a terminal.
pub(super) fn plain(text: &str) -> String {
    text.chars().map(printable).collect()
}

/// A field of CSV; an absent one is empty.
pub(super) fn quoted(text: Option<&str>) -> String {
    let quote = |text| format!("\"{}\"", plain(text).replace('"', "\"\""));
    text.map_or_else(String::new, quote)
}

/// A field of a table.
pub(super) fn or_dash(text: Option<&str>) -> String {
    text.map_or_else(|| "-".to_owned(), plain)
}

/// `1 run`, `2 runs`.
pub(super) fn counted(number: usize, what: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {what}{plural}")
}

/// `batching on model (modelled)`.
pub(super) fn subject(run: &RunFile) -> String {
    let target = run.target.as_deref().map(plain);
    let target = target.map_or_else(String::new, |target| format!(" on {target}"));
    let kind = match run.kind {
        Kind::Hardware => String::new(),
        kind => format!(" ({})", kind.name()),
    };
    format!("{}{target}{kind}", plain(&run.suite))
}
