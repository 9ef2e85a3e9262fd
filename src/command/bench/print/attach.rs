use std::io::{self, Write};

use hwptop_agent::kernel::Held;
use hwptop_bench::suite::AttachCost;
use serde_json::{Value, json};

use super::json_line;
use crate::cli::Format;

const QUANTILES: [(&str, f64); 2] = [("p50", 0.5), ("max", 1.0)];

pub(in crate::command::bench) fn attach_cost(
    out: &mut impl Write,
    cost: &AttachCost,
    format: Format,
) -> io::Result<()> {
    let parts = [("attach", &cost.attach), ("detach", &cost.detach)];
    match format {
        Format::Text => {
            writeln!(
                out,
                "{} rounds, programs on {} functions of the kernel\n",
                cost.rounds, cost.functions
            )?;
            for (part, times) in parts {
                let [p50, max] = QUANTILES.map(|(_, at)| times.value_at_quantile(at) as f64 / 1e6);
                writeln!(out, "{part}  p50 {p50:.1} ms  max {max:.1} ms")?;
            }
            let held = |held: &Held| {
                format!(
                    "{} programs, {} maps, {} links",
                    held.programs, held.maps, held.links
                )
            };
            writeln!(
                out,
                "\nthe kernel held {} before, {} after",
                held(&cost.before),
                held(&cost.after)
            )
        }
        Format::Json => json_line(out, &document(cost)),
        Format::Csv => {
            writeln!(out, "part,rounds,p50_ns,max_ns")?;
            for (part, times) in parts {
                let [p50, max] = QUANTILES.map(|(_, at)| times.value_at_quantile(at));
                writeln!(out, "{part},{},{p50},{max}", cost.rounds)?;
            }
            Ok(())
        }
    }
}

fn document(cost: &AttachCost) -> Value {
    let held =
        |held: &Held| json!({"programs": held.programs, "maps": held.maps, "links": held.links});
    let times = |times: &hdrhistogram::Histogram<u64>| json!({"p50_ns": times.value_at_quantile(0.5), "max_ns": times.value_at_quantile(1.0)});
    json!({
        "schema": "hwptop.attach-cost/1",
        "rounds": cost.rounds,
        "functions": cost.functions,
        "attach": times(&cost.attach),
        "detach": times(&cost.detach),
        "held_before": held(&cost.before),
        "held_after": held(&cost.after),
    })
}
