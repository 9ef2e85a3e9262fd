use std::io::{self, Write};

use hwptop_bench::{
    Interval,
    suite::{COST_BATCHES, KernelCost, KernelCosts, KernelVariant},
};
use serde_json::{Value, json};

use super::{field, json_line, spread, verdict};
use crate::cli::Format;

/// What an event may cost as a ratio of an empty fentry+fexit pair's, at most.
const EVENT_GOAL: f64 = 2.0;

/// What the throughput with the probes must be as a ratio of that without, at least.
const fn throughput_goal(batch: u32) -> f64 {
    if batch == 1 { 0.80 } else { 0.95 }
}

pub(in crate::command::bench) fn kernel_cost(
    out: &mut impl Write,
    costs: &KernelCosts,
    format: Format,
) -> io::Result<()> {
    match format {
        Format::Text => text(out, costs),
        Format::Json => {
            let variants: Vec<Value> = costs.0.iter().map(|cost| document(costs, cost)).collect();
            let goals: Vec<Value> = COST_BATCHES
                .iter()
                .map(|&batch| goals(costs, batch))
                .collect();
            json_line(
                out,
                &json!({
                    "schema": "hwptop.kernel-probe-cost/1",
                    "kind": "mock",
                    "variants": variants,
                    "goals": goals,
                }),
            )
        }
        Format::Csv => csv(out, costs),
    }
}

fn text(out: &mut impl Write, costs: &KernelCosts) -> io::Result<()> {
    writeln!(
        out,
        "requests to the kernel's selftest mock (mock: no IOMMU behind it), on one CPU\n\
         figures: median (smallest to largest) of the rounds; an event is one begin/end pair, a request \
         has two: request and driver op"
    )?;
    for batch in COST_BATCHES {
        writeln!(out, "\nbatch {batch}")?;
        writeln!(
            out,
            "{:<38} {:>24} {:>24} {:>24}",
            "variant", "ns per request", "throughput, ratio", "ns per event"
        )?;
        for cost in costs.0.iter().filter(|cost| cost.batch == batch) {
            let shown = |of: Option<Interval>, decimals| {
                of.map_or_else(|| "-".to_owned(), |of| spread(of, decimals))
            };
            let throughput = costs.throughput(cost.variant, batch);
            writeln!(
                out,
                "{:<38} {:>24} {:>24} {:>24}",
                cost.variant.name(),
                shown(cost.interval(), 0),
                shown(
                    throughput.filter(|_| cost.variant != KernelVariant::Nothing),
                    3
                ),
                shown(costs.ns_per_event(cost.variant, batch), 0),
            )?;
        }
        verdicts(out, costs, batch)?;
    }
    Ok(())
}

fn verdicts(out: &mut impl Write, costs: &KernelCosts, batch: u32) -> io::Result<()> {
    let goal = throughput_goal(batch);
    if let Some(ratio) = costs.throughput(KernelVariant::Hwptop, batch) {
        writeln!(
            out,
            "throughput with hwptop's probes to without: {}, at least {goal}: {}",
            spread(ratio, 3),
            verdict(ratio.median >= goal)
        )?;
        if let Some(most) = costs.throughput(KernelVariant::Empty, batch)
            && ratio.median < goal
        {
            writeln!(
                out,
                "  programs that do nothing on the same functions leave {}: what fentry and fexit take \
                 themselves",
                spread(most, 3)
            )?;
        }
    }
    for variant in [KernelVariant::HwptopRequests, KernelVariant::Hwptop] {
        if let Some(ratio) = costs.event_ratio(variant, batch) {
            writeln!(
                out,
                "an event of {} to an empty fentry+fexit pair: {}, at most {EVENT_GOAL}: {}",
                variant.name(),
                spread(ratio, 2),
                verdict(ratio.median <= EVENT_GOAL)
            )?;
        }
    }
    Ok(())
}

fn interval(of: Option<Interval>) -> Value {
    of.map_or(
        Value::Null,
        |of| json!({"median": of.median, "low": of.low, "high": of.high}),
    )
}

fn document(costs: &KernelCosts, cost: &KernelCost) -> Value {
    json!({
        "variant": cost.variant.name(),
        "batch": cost.batch,
        "events_per_request": cost.variant.events(),
        "ns_per_request": cost.ns_per_request,
        "throughput_ratio": interval(costs.throughput(cost.variant, cost.batch)),
        "ns_per_event": interval(costs.ns_per_event(cost.variant, cost.batch)),
        "event_ratio_to_empty": interval(costs.event_ratio(cost.variant, cost.batch)),
    })
}

fn goals(costs: &KernelCosts, batch: u32) -> Value {
    let throughput = costs.throughput(KernelVariant::Hwptop, batch);
    let event = costs.event_ratio(KernelVariant::Hwptop, batch);
    json!({
        "batch": batch,
        "throughput_ratio": interval(throughput),
        "throughput_goal_at_least": throughput_goal(batch),
        "throughput_reached": throughput.map(|ratio| ratio.median >= throughput_goal(batch)),
        "event_ratio_to_empty": interval(event),
        "event_goal_at_most": EVENT_GOAL,
        "event_reached": event.map(|ratio| ratio.median <= EVENT_GOAL),
    })
}

fn csv(out: &mut impl Write, costs: &KernelCosts) -> io::Result<()> {
    writeln!(
        out,
        "variant,kind,batch,round,ns_per_request,throughput_ratio,ns_per_event"
    )?;
    for cost in &costs.0 {
        let nothing = costs.of(KernelVariant::Nothing, cost.batch);
        for (round, ns) in cost.ns_per_request.iter().enumerate() {
            let without = nothing.and_then(|nothing| nothing.ns_per_request.get(round));
            let events = f64::from(cost.variant.events());
            writeln!(
                out,
                "\"{}\",mock,{},{round},{ns},{},{}",
                cost.variant.name(),
                cost.batch,
                field(without.map(|without| without / ns)),
                field(
                    without
                        .filter(|_| events > 0.0)
                        .map(|without| (ns - without) / events)
                ),
            )?;
        }
    }
    Ok(())
}
