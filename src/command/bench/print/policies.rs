use std::io::{self, Write};

use hwptop_agent::nanos;
use hwptop_bench::{run_file::Kind, steadiness::Steadiness, suite::PolicyPoint};
use serde_json::{Value, json};

use super::{field, hundredth, json_line, never_steady, place, tenth, whole};
use crate::cli::Format;

pub(in crate::command::bench) fn policies(
    out: &mut impl Write,
    (kind, target): (Kind, &str),
    points: &[PolicyPoint],
    format: Format,
) -> io::Result<()> {
    let modelled = kind == Kind::Modelled;
    match format {
        Format::Text => text(out, (kind, target), points),
        Format::Json => {
            let points: Vec<Value> = points.iter().map(document).collect();
            json_line(
                out,
                &json!({
                    "schema": "hwptop.policies/1",
                    "modelled": modelled,
                    "kind": kind.name(),
                    "target": target,
                    "points": points,
                }),
            )
        }
        Format::Csv => csv(out, modelled, points),
    }
}

fn text(
    out: &mut impl Write,
    (kind, target): (Kind, &str),
    points: &[PolicyPoint],
) -> io::Result<()> {
    for of_stream in points.chunk_by(|a, b| a.stream == b.stream) {
        let vendor = of_stream[0].vendor;
        place(out, &of_stream[0].stream, (kind, target), vendor)?;
        writeln!(
            out,
            "{:>5} {:<9} {:>8} {:>9} {:>9} {:>9} {:>9} {:>9} {:>9} {:>9} {:>10} {:>10}",
            "vCPUs",
            "delivery",
            "entries/",
            "commands/",
            "requests/",
            "hw syncs/",
            "sync p50",
            "sync p99",
            "req. p50",
            "req. p99",
            "guest",
            "instr./",
        )?;
        writeln!(
            out,
            "{:>5} {:<9} {:>8} {:>9} {:>9} {:>9} {:>9} {:>9} {:>9} {:>9} {:>10} {:>10}",
            "",
            "",
            "request",
            "hw sync",
            "sync",
            "sync",
            "ns",
            "ns",
            "ns",
            "ns",
            "commands/s",
            "command",
        )?;
        for point in of_stream {
            row(out, point)?;
        }
        never_steady(
            out,
            of_stream.iter().filter_map(|point| {
                let is_never = point.steadiness == Some(Steadiness::Never);
                is_never.then(|| format!("{} vCPUs {}", point.vcpus, point.delivery))
            }),
        )?;
        writeln!(out)?;
    }
    if points.iter().all(|point| point.instructions.is_none()) {
        writeln!(
            out,
            "instructions: absent, this machine has no hardware counters or this process no right to them"
        )?;
    }
    writeln!(
        out,
        "With more vCPUs and hardware threads than CPUs ({} here) latencies hold the scheduler's time.\n\
         instructions: of the vCPUs' threads, polling for modelled hardware included.\n\
         sync: of the guest, as its vCPU sees it; hw sync: of the modelled hardware queue, - where nothing\n\
         sees one; req.: a request; hw-queue: a queue of hardware's that the guest fills itself, for comparison",
        std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
    )
}

fn row(out: &mut impl Write, point: &PolicyPoint) -> io::Result<()> {
    let vcpus = match point.delivery.name() {
        "single" => point.vcpus.to_string(),
        _ => String::new(),
    };

    writeln!(
        out,
        "{vcpus:>5} {:<9} {:>8} {:>9} {:>9.2} {:>9} {:>9} {:>9} {:>9} {:>9} {:>10.0} {:>10}",
        point.delivery.name(),
        tenth(point.entries_per_request()),
        tenth(point.commands_per_sync()),
        point.requests_per_guest_sync(),
        hundredth(point.syncs_per_guest_sync()),
        point.sync_latency.value_at_quantile(0.5),
        point.sync_latency.value_at_quantile(0.99),
        whole(request(point, 0.5)),
        whole(request(point, 0.99)),
        point.guest_commands_per_s(),
        tenth(point.instructions_per_guest_command()),
    )
}

/// Latency of a request in nanoseconds, where there was any.
fn request(point: &PolicyPoint, quantile: f64) -> Option<u64> {
    let latency = &point.request_latency;
    (!latency.is_empty()).then(|| latency.value_at_quantile(quantile))
}

fn document(point: &PolicyPoint) -> Value {
    let latency = |histogram: &hdrhistogram::Histogram<u64>| {
        if histogram.is_empty() {
            return Value::Null;
        }
        json!({
            "p50_ns": histogram.value_at_quantile(0.5),
            "p90_ns": histogram.value_at_quantile(0.9),
            "p99_ns": histogram.value_at_quantile(0.99),
            "p999_ns": histogram.value_at_quantile(0.999),
            "max_ns": histogram.max(),
        })
    };
    json!({
        "stream": point.stream,
        "vendor": point.vendor.name(),
        "vcpus": point.vcpus,
        "delivery": point.delivery.name(),
        "guest_commands": point.guest_commands,
        "guest_syncs": point.syncs,
        "requests": point.requests,
        "entries": point.entries,
        "submissions": point.submissions,
        "commands": point.commands,
        "sync_latency": latency(&point.sync_latency),
        "request_latency": latency(&point.request_latency),
        "instructions": point.instructions,
        "elapsed_ns": nanos(point.elapsed),
        "steady": point.steadiness.map(|of| of != Steadiness::Never),
    })
}

fn csv(out: &mut impl Write, modelled: bool, points: &[PolicyPoint]) -> io::Result<()> {
    writeln!(
        out,
        "stream,vendor,modelled,vcpus,delivery,guest_commands,guest_syncs,requests,entries,submissions,\
         commands,entries_per_request,commands_per_hw_sync,sync_latency_ns_p50,sync_latency_ns_p99,\
         request_latency_ns_p50,request_latency_ns_p99,instructions_per_guest_command,elapsed_ns"
    )?;
    for point in points {
        writeln!(
            out,
            "\"{}\",{},{modelled},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{}",
            point.stream.replace('"', "\"\""),
            point.vendor.name(),
            point.vcpus,
            point.delivery.name(),
            point.guest_commands,
            point.syncs,
            point.requests,
            point.entries,
            field(point.submissions),
            field(point.commands),
            field(point.entries_per_request()),
            field(point.commands_per_sync()),
            point.sync_latency.value_at_quantile(0.5),
            point.sync_latency.value_at_quantile(0.99),
            field(request(point, 0.5)),
            field(request(point, 0.99)),
            field(point.instructions_per_guest_command()),
            nanos(point.elapsed),
        )?;
    }
    Ok(())
}
