use std::io::{self, Write};

use hwptop_bench::{
    run_file::RunFile,
    steadiness::Steadiness,
    suite::{Load, ReplayPoint},
};

use super::{never_steady, place, points::formatted, tenth, whole};
use crate::cli::Format;

pub(in crate::command::bench) fn replay(
    out: &mut impl Write,
    (run, target): (&RunFile, &str),
    points: &[ReplayPoint],
    format: Format,
) -> io::Result<()> {
    formatted(out, run, format, |out| text(out, (run, target), points))
}

fn text(
    out: &mut impl Write,
    (run, target): (&RunFile, &str),
    points: &[ReplayPoint],
) -> io::Result<()> {
    for of_stream in points.chunk_by(|a, b| a.stream == b.stream) {
        let first = &of_stream[0];
        place(out, &first.stream, (run.kind, target), first.vendor)?;
        writeln!(
            out,
            "{:>5} {:<8} {:>10} {:>10} {:>10} {:>8} {:>9} {:>9} {:>9} {:>9} {:>9} {:>9}",
            "vCPUs",
            "policy",
            "load",
            "due",
            "done",
            "entries/",
            "response",
            "response",
            "response",
            "service",
            "service",
            "never",
        )?;
        writeln!(
            out,
            "{:>5} {:<8} {:>10} {:>10} {:>10} {:>8} {:>9} {:>9} {:>9} {:>9} {:>9} {:>9}",
            "",
            "",
            "",
            "entries/s",
            "entries/s",
            "request",
            "p50 ns",
            "p99 ns",
            "max ns",
            "p50 ns",
            "p99 ns",
            "started",
        )?;
        for point in of_stream {
            row(out, point)?;
        }
        let never = of_stream
            .iter()
            .filter(|point| point.steadiness == Some(Steadiness::Never));
        never_steady(
            out,
            never.map(|point| {
                format!(
                    "{} vCPUs {} {}",
                    point.vcpus,
                    point.policy.name(),
                    point.load
                )
            }),
        )?;
        writeln!(out)?;
    }
    writeln!(
        out,
        "entries: the guest's commands without its syncs. closed: a vCPU goes on when its last sync completed;\n\
         else groups are due at a fixed rate. response: from when a group was due to its sync's completion;\n\
         service: from when it was submitted. never started: groups that were due and never came to their turn"
    )
}

fn row(out: &mut impl Write, point: &ReplayPoint) -> io::Result<()> {
    let response = |quantile| {
        let response = point.response.as_ref()?;
        (!response.is_empty()).then(|| response.value_at_quantile(quantile))
    };
    let service = |quantile| {
        let service = &point.service;
        (!service.is_empty()).then(|| service.value_at_quantile(quantile))
    };
    let (vcpus, policy) = match point.load {
        Load::Closed => (point.vcpus.to_string(), point.policy.name()),
        _ => (String::new(), ""),
    };
    let per_request = point.entries as f64 / point.requests as f64;
    writeln!(
        out,
        "{vcpus:>5} {policy:<8} {:>10} {:>10} {:>10.0} {:>8} {:>9} {:>9} {:>9} {:>9} {:>9} {:>9}",
        point.load.to_string(),
        point
            .offered
            .map_or_else(|| "-".to_owned(), |rate| format!("{rate:.0}")),
        point.entries_per_s(),
        tenth((point.requests > 0).then_some(per_request)),
        whole(response(0.5)),
        whole(response(0.99)),
        whole(response(1.0)),
        whole(service(0.5)),
        whole(service(0.99)),
        whole(point.not_started),
    )
}
