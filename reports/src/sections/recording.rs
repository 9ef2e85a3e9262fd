//! What a recording says: latency over time and by percentile, stages, instances.

use hdrhistogram::Histogram;
use hwptop_agent::{InstanceSum, Summary, natural_order, snapshot::Stage};

use super::percentiles::{self, Distributions};
use crate::{
    chart::{Body, Picture},
    document::{Block, Document, Section, Table},
    figure::{clock, counted, figure, grouped, percent, time},
    inputs::{Origin, kinds_of},
};

mod over_time;
mod stages;

/// A longer table is folded.
const LONG: usize = 16;

/// Adds `recording`, the `index`th; `name` tells it from the others.
pub(crate) fn add(document: &mut Document, index: usize, name: &str, recording: &Summary) {
    let origin = Origin::of(kinds_of(recording));
    let mut section = Section::new(origin.titled(&format!("Recording {name}")));
    let mut instances: Vec<&InstanceSum> = recording.instances.iter().collect();
    instances.sort_by(|a, b| natural_order(&a.name, &b.name));
    let Some(stage) = main_stage(&instances) else {
        document.answers.push(format!(
            "In {} of {name}, nothing was recorded of any instance.",
            clock(recording.length.as_secs_f64())
        ));
        section.text("There is nothing to draw: no stage has a latency.");
        document.sections.push(section);
        return;
    };
    let whole = sum(&instances, stage);
    document
        .answers
        .push(answer(name, recording, origin, stage, &whole));
    document.warnings.extend(warnings(name, recording));
    let of = Of {
        index,
        recording,
        origin,
        instances,
        stage,
    };
    of.over_time(&mut section);
    of.percentiles(&mut section);
    of.stages(&mut section);
    of.table(&mut section);
    document.sections.push(section);
}

/// A recording, and what is drawn of it.
struct Of<'a> {
    index: usize,
    recording: &'a Summary,
    origin: Origin,
    /// By name.
    instances: Vec<&'a InstanceSum>,
    stage: Stage,
}

/// Requests, else what the host itself submits, else any other stage that has latencies.
fn main_stage(instances: &[&InstanceSum]) -> Option<Stage> {
    let order = [
        Stage::Request,
        Stage::HostSubmission,
        Stage::Submission,
        Stage::DriverOp,
    ];
    order.into_iter().find(|stage| {
        instances
            .iter()
            .any(|one| one.activity.stage(*stage).recorded > 0)
    })
}

fn sum(instances: &[&InstanceSum], stage: Stage) -> Histogram<u64> {
    let mut sum = Histogram::new(2).unwrap_or_else(|_| unreachable!("two digits are valid"));
    for one in instances {
        // It grows as it must.
        let added = sum.add(&one.activity.stage(stage).latency);
        debug_assert!(added.is_ok(), "{added:?}");
    }
    sum
}

fn answer(
    name: &str,
    of: &Summary,
    origin: Origin,
    stage: Stage,
    whole: &Histogram<u64>,
) -> String {
    let events = of.last.events;
    let lost = match events.lost {
        0 => "none was lost".to_owned(),
        lost => format!(
            "{} of {} events were lost ({})",
            grouped(lost as f64),
            grouped(events.seen as f64),
            percent(lost as f64 / events.seen.max(1) as f64)
        ),
    };
    let instances = counted(of.instances.len() as u64, "instance");
    format!(
        "{}, {}: {} on {instances} in {}: p50 {}, p99 {}, the longest {}; {lost}.",
        origin.titled(name),
        of.last.target,
        counted(whole.len(), stage.name()),
        clock(of.length.as_secs_f64()),
        time(whole.value_at_quantile(0.5) as f64),
        time(whole.value_at_quantile(0.99) as f64),
        time(whole.max() as f64),
    )
}

fn warnings(name: &str, of: &Summary) -> Vec<String> {
    let mut warnings = Vec::new();
    if of.is_cut {
        warnings.push(format!(
            "{name} ends in the middle of an interval, which is left out."
        ));
    }
    if of.missing > 0 {
        warnings.push(format!(
            "{name}: {} missing between two that are there.",
            counted(of.missing, "interval")
        ));
    }
    if of.blind > 0 {
        warnings.push(format!("{name}: in {} the kernel was told not to run the probes: what happened then is in no count.", counted(of.blind, "interval")));
    }
    warnings
}

impl Of<'_> {
    fn subtitle(&self) -> String {
        let instances = counted(self.instances.len() as u64, "instance");
        let length = clock(self.recording.length.as_secs_f64());
        format!("{} · {instances} · {length}", self.recording.last.target)
    }

    fn file(&self, what: &str) -> String {
        format!("recording-{}-{what}", self.index)
    }

    fn picture(&self, title: &str, body: Body) -> Picture {
        Picture {
            title: self.origin.titled(title),
            subtitle: self.subtitle(),
            body,
        }
    }

    fn percentiles(&self, section: &mut Section) {
        let there = |one: &&&InstanceSum| !one.activity.stage(self.stage).latency.is_empty();
        let there: Vec<&&InstanceSum> = self.instances.iter().filter(there).collect();
        let names: Vec<String> = there.iter().map(|one| one.name.clone()).collect();
        let panels = [Distributions {
            heading: None,
            of: there
                .iter()
                .map(|one| Some(&one.activity.stage(self.stage).latency))
                .collect(),
        }];
        let name = self.stage.name();
        let body = percentiles::chart(&names, &panels, &format!("{name} latency (ns, log scale)"));
        let title = format!("Latency of each {name} by percentile");
        let alt = percentiles::in_words(&names, &panels);
        section.figure(self.file("percentiles"), alt, self.picture(&title, body));
    }

    fn table(&self, section: &mut Section) {
        let columns = [
            "events",
            "lost",
            "errors",
            "items/event",
            "mean (ns)",
            "p50 (ns)",
            "p99 (ns)",
            "p99.9 (ns)",
            "longest (ns)",
        ];
        let mut table = Table::of(["instance", "stage"], columns);
        for one in &self.instances {
            for stage in Stage::ALL {
                let did = one.activity.stage(stage);
                if did.seen == 0 {
                    continue;
                }
                let absent = || "absent".to_owned();
                let quantile = |quantile| {
                    did.latency_ns(quantile)
                        .map_or_else(absent, |ns| grouped(ns as f64))
                };
                let items = did.items_of(stage).and(did.batch_factor());
                table.row([
                    one.name.clone(),
                    stage.name().to_owned(),
                    grouped(did.seen as f64),
                    grouped(did.lost as f64),
                    grouped(did.errors as f64),
                    items.map_or_else(absent, figure),
                    did.latency_ns_mean().map_or_else(absent, figure),
                    quantile(0.5),
                    quantile(0.99),
                    quantile(0.999),
                    did.latency_ns_max()
                        .map_or_else(absent, |ns| grouped(ns as f64)),
                ]);
            }
        }
        if table.rows.len() > LONG {
            let title = format!("All {} stages of instances as a table", table.rows.len());
            section
                .blocks
                .push(Block::Folded(title, vec![Block::Table(table)]));
        } else {
            section.table(table);
        }
    }
}
