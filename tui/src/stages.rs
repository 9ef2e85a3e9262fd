//! The stages of what the kernel did: one line each, and where the time went.

use std::time::Duration;

use hwptop_agent::snapshot::{Split, Stage, StageActivity};

use crate::figure::{self, ABSENT};

/// The width of all lines but for a note at the end of one.
pub(crate) const WIDTH: u16 = 57;

/// The titles of the columns of [`line`].
pub(crate) fn title() -> String {
    columns(
        "stage",
        &["per s", "items", "mean", "p50", "p99", "max"].map(str::to_owned),
    )
}

/// What `stage` did in `over`.
pub(crate) fn line(stage: Stage, did: &StageActivity, over: Duration) -> String {
    let seconds = over.as_secs_f64();
    let rate = |n: u64| (seconds > 0.0).then(|| figure::scaled(n as f64 / seconds));
    let mean = did.latency_ns_mean().map(f64::round);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a mean of u64s fits, and `as` saturates"
    )]
    let mean = mean.map(|ns| ns as u64);
    let latency = |ns: Option<u64>| ns.map(figure::latency);
    let cells = [
        rate(did.seen),
        did.items_of(stage).and_then(rate),
        latency(mean),
        latency(did.latency_ns(0.5)),
        latency(did.latency_ns(0.99)),
        latency(did.latency_ns_max()),
    ];
    columns(
        stage.name(),
        &cells.map(|cell| cell.unwrap_or_else(|| ABSENT.to_owned())),
    )
}

/// What has to be said beside the line of `stage`.
pub(crate) const fn note(stage: Stage) -> &'static str {
    match stage {
        Stage::HostSubmission => "outside requests",
        _ => "",
    }
}

/// `driver op 12 % · submission 85 % · unattributed 3 %`.
pub(crate) fn split(split: &Split) -> String {
    let parts = split.parts();
    shares(
        parts.map(|(name, ns)| (name, split.share(ns))),
        split.clamped,
    )
}

/// As [`split`], of parts with their shares from 0 to 1.
pub(crate) fn shares(parts: impl Iterator<Item = (&'static str, f64)>, is_clamped: bool) -> String {
    let (names, shares): (Vec<_>, Vec<_>) = parts.unzip();
    let parts = names.iter().zip(figure::percents(&shares));
    let parts = parts.map(|(name, percent)| format!("{name} {percent}"));
    let clamped = if is_clamped { " (clamped)" } else { "" };
    format!("{}{clamped}", parts.collect::<Vec<_>>().join(" · "))
}

fn columns(name: &str, cells: &[String]) -> String {
    let cells = cells.iter().map(|cell| format!(" {cell:>6}"));
    format!("{name:<15}{}", cells.collect::<String>())
}
