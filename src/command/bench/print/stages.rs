use std::io::{self, Write};

use hwptop_agent::snapshot::StageActivity;
use hwptop_bench::{
    run_file::RunFile,
    steadiness::Steadiness,
    suite::{StagePoint, Stages, Watching},
};

use super::{never_steady, place, points::formatted, whole};
use crate::cli::Format;

pub(in crate::command::bench) fn stages(
    out: &mut impl Write,
    run: &RunFile,
    stages: &Stages,
    format: Format,
) -> io::Result<()> {
    formatted(out, run, format, |out| text(out, run, stages))
}

fn text(out: &mut impl Write, run: &RunFile, stages: &Stages) -> io::Result<()> {
    let target = run.target.as_deref().unwrap_or_default();
    let of_points = stages.points.chunk_by(|a, b| a.instance == b.instance);
    for of_instance in of_points {
        let Some(first) = of_instance.first() else {
            continue;
        };
        place(out, &first.instance, (run.kind, target), stages.vendor)?;
        writeln!(out, "timed by {}", stages.watching.name())?;
        writeln!(
            out,
            "{:>6} {:>9}  {:<13} {:>9} {:>7} {:>9} {:>9} {:>9} {:>9}",
            "batch",
            "requests",
            "stage",
            "ns/req.",
            "share",
            "p50 ns",
            "p99 ns",
            "p99.9 ns",
            "max ns",
        )?;
        for point in of_instance {
            rows(out, point)?;
        }
        let never = of_instance
            .iter()
            .filter(|point| point.steadiness == Some(Steadiness::Never));
        never_steady(out, never.map(|point| format!("batch {}", point.batch)))?;
        writeln!(out)?;
    }
    notes(out, stages)
}

fn rows(out: &mut impl Write, point: &StagePoint) -> io::Result<()> {
    let request = Some(point.sums.request_ns);
    let whole_request = (hwptop_abi::Stage::Request, request);
    let parts = point.sums.parts().into_iter();
    for (at, (stage, ns)) in [whole_request].into_iter().chain(parts).enumerate() {
        // What nothing times is told below.
        let Some(ns) = ns else { continue };
        let (batch, requests) = match at {
            0 => (
                point.batch.to_string(),
                point.activity.request.seen.to_string(),
            ),
            _ => Default::default(),
        };
        let activity = point.activity.stage(stage);
        let quantile = |quantile| whole(activity.latency_ns(quantile));
        writeln!(
            out,
            "{batch:>6} {requests:>9}  {:<13} {:>9} {:>7} {:>9} {:>9} {:>9} {:>9}",
            stage.name(),
            rounded(point.per_request(ns)),
            percent(point.sums.share(ns)),
            quantile(0.5),
            quantile(0.99),
            quantile(0.999),
            whole(StageActivity::latency_ns_max(activity)),
        )?;
    }
    if point.sums.clamped || point.lost() > 0 {
        writeln!(
            out,
            "{:>6} {} ends without a beginning were seen: the split is not exact",
            "",
            point.lost()
        )?;
    }
    Ok(())
}

fn rounded(value: Option<f64>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| format!("{value:.0}"))
}

fn percent(share: Option<f64>) -> String {
    share.map_or_else(|| "-".to_owned(), |share| format!("{:.1} %", share * 100.0))
}

fn notes(out: &mut impl Write, stages: &Stages) -> io::Result<()> {
    writeln!(
        out,
        "ns/req. and share are of sums over all requests: a request is its driver op, the submissions of that, and\n\
         what is unattributed, exactly. driver op: without its submissions, where those are timed.\n\
         Percentiles are of each stage's own ends: of a driver op with its submissions, of one submission."
    )?;
    match &stages.watching {
        Watching::Kernel(attached) => {
            for of in attached {
                write!(out, "{}: {}", of.stage.name(), of.site)?;
                match (of.how, &of.why_not_better) {
                    (Some(how), _) => writeln!(out, " by {}", how.name())?,
                    (None, Some(why)) => writeln!(out, " is not timed: {why}")?,
                    (None, None) => writeln!(out, " is not timed")?,
                }
            }
            Ok(())
        }
        Watching::StaticProbes => Ok(()),
        Watching::InProcess { why } => writeln!(out, "no eBPF: {why}"),
    }
}
