use std::io::{self, Write};

use hwptop_bench::{Interval, run_file::RunFile, steadiness::Steadiness, suite::ScalingPoint};

use super::{never_steady, place, points::formatted, rate, whole};
use crate::cli::Format;

pub(in crate::command::bench) fn scaling(
    out: &mut impl Write,
    (run, target): (&RunFile, &str),
    points: &[ScalingPoint],
    format: Format,
) -> io::Result<()> {
    formatted(out, run, format, |out| text(out, (run, target), points))
}

fn text(
    out: &mut impl Write,
    (run, target): (&RunFile, &str),
    points: &[ScalingPoint],
) -> io::Result<()> {
    let Some(first) = points.first() else {
        return Ok(());
    };
    let setting = |name: &str| run.settings.get(name).map_or("", String::as_str);
    let what = format!(
        "{} pages unmapped before each wait, {}",
        setting("batch"),
        setting("policy")
    );
    place(out, &what, (run.kind, target), first.vendor)?;
    writeln!(
        out,
        "{:>9} {:>9} {:>6} {:>11} {:>11} {:<22} {:>9} {:>9} {:>9} {:>9}",
        "instances",
        "producers",
        "queues",
        "entries/s",
        "entries/s",
        "efficiency",
        "sync p50",
        "sync p99",
        "req. p50",
        "req. p99",
    )?;
    writeln!(
        out,
        "{:>9} {:>9} {:>6} {:>11} {:>11} {:<22} {:>9} {:>9} {:>9} {:>9}",
        "", "of each", "", "all", "a producer", "to one (95 % interval)", "ns", "ns", "ns", "ns",
    )?;
    for point in points {
        row(out, point)?;
    }
    let never = points
        .iter()
        .filter(|point| point.steadiness == Some(Steadiness::Never));
    never_steady(
        out,
        never.map(|point| format!("{}x{}", point.instances, point.producers)),
    )?;
    writeln!(
        out,
        "\nefficiency: entries/s of a producer to those of one alone, in turns with it on the same queues.\n\
         sync: of a guest, as its producer sees it; req.: a request. With more producers and hardware\n\
         threads than CPUs ({} here) they share those, and latencies hold the scheduler's time.",
        std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
    )
}

fn row(out: &mut impl Write, point: &ScalingPoint) -> io::Result<()> {
    let efficiency = match point.efficiency {
        Some(Interval { median, low, high }) => format!("{median:.2} ({low:.2} to {high:.2})"),
        None => "-".to_owned(),
    };
    let of = |latency: &hdrhistogram::Histogram<u64>, quantile| {
        whole((!latency.is_empty()).then(|| latency.value_at_quantile(quantile)))
    };
    writeln!(
        out,
        "{:>9} {:>9} {:>6} {:>11} {:>11} {efficiency:<22} {:>9} {:>9} {:>9} {:>9}",
        point.instances,
        point.producers,
        point.queues,
        rate(point.per_s.map(|per_s| per_s.median)),
        rate(point.per_s_each()),
        of(&point.sync_latency, 0.5),
        of(&point.sync_latency, 0.99),
        of(&point.request_latency, 0.5),
        of(&point.request_latency, 0.99),
    )
}
