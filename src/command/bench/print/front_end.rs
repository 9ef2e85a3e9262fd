use std::io::{self, Write};

use hwptop_bench::suite::FrontEndPoint;
use serde_json::{Value, json};

use super::{field, json_line, tenth};
use crate::cli::Format;

/// What one command of the front end may take, in nanoseconds.
const GOAL_NS: f64 = 15.0;

pub(in crate::command::bench) fn front_end(
    out: &mut impl Write,
    points: &[FrontEndPoint],
    format: Format,
) -> io::Result<()> {
    match format {
        Format::Text => text(out, points),
        Format::Json => {
            let points: Vec<Value> = points.iter().map(document).collect();
            json_line(
                out,
                &json!({"schema": "hwptop.front-end/1", "points": points}),
            )
        }
        Format::Csv => csv(out, points),
    }
}

fn text(out: &mut impl Write, points: &[FrontEndPoint]) -> io::Result<()> {
    writeln!(
        out,
        "ns per guest command on one core: fetch, decode, group, coalesce, complete; the backend does nothing\n"
    )?;
    writeln!(
        out,
        "{:<36} {:<9} {:<12} {:>8} {:>8} {:>14}",
        "capture", "policy", "doorbell per", "median", "fastest", "instr./command"
    )?;
    for point in points {
        writeln!(
            out,
            "{:<36} {:<9} {:<12} {:>8.1} {:>8.1} {:>14}",
            point.capture,
            point.policy.name(),
            point.doorbells.name(),
            point.median_ns(),
            point.fastest_ns(),
            tenth(point.instructions_per_command),
        )?;
    }
    writeln!(
        out,
        "\ngoal for VT-d captures, coalesce, a doorbell per queue: at most {GOAL_NS} ns per command"
    )
}

fn document(point: &FrontEndPoint) -> Value {
    json!({
        "capture": point.capture,
        "policy": point.policy.name(),
        "doorbell_per": point.doorbells.name(),
        "commands": point.commands,
        "ns_per_command": point.ns_per_command,
        "instructions_per_command": point.instructions_per_command,
    })
}

fn csv(out: &mut impl Write, points: &[FrontEndPoint]) -> io::Result<()> {
    writeln!(
        out,
        "capture,policy,doorbell_per,commands,ns_per_command_median,ns_per_command_fastest,\
         instructions_per_command"
    )?;
    for point in points {
        writeln!(
            out,
            "\"{}\",{},{},{},{},{},{}",
            point.capture.replace('"', "\"\""),
            point.policy.name(),
            point.doorbells.name(),
            point.commands,
            point.median_ns(),
            point.fastest_ns(),
            field(point.instructions_per_command),
        )?;
    }
    Ok(())
}
