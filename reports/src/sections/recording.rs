//! What a recording says: latency over time and by percentile, stages, instances.

use hdrhistogram::Histogram;
use hwptop_agent::{Heat as OverTime, InstanceSum, Summary, natural_order, snapshot::Stage};

use super::percentiles::{self, Distributions};
use crate::{
    chart::{Axis, Body, Dots, HEAT, Heat, Mark, Picture, Row},
    document::{Block, Document, Section, Table},
    figure::{clock, counted, figure, grouped, percent, time},
    inputs::{Origin, kinds_of},
};

/// The most rows of the stages' picture.
const ROWS: usize = 16;
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

    fn heats(&self) -> Vec<(&InstanceSum, &OverTime)> {
        let all = self.instances.iter();
        all.filter_map(|one| Some((*one, one.heat(self.stage)?)))
            .collect()
    }

    fn over_time(&self, section: &mut Section) {
        let heats = self.heats();
        if heats.is_empty() {
            section.text(format!(
                "Latency over time is not kept for the stage {}.",
                self.stage.name()
            ));
            return;
        }
        let columns = self.recording.columns;
        let rows: Vec<Vec<u64>> = (0..columns)
            .map(|column| {
                let mut sums = vec![0; OverTime::ROWS];
                for (_, heat) in &heats {
                    for (sum, count) in sums.iter_mut().zip(heat.column(column)) {
                        *sum += u64::from(*count);
                    }
                }
                sums
            })
            .collect();
        let name = self.stage.name();
        let title = format!("Latency of each {name} over time");
        let alt = format!(
            "{title}: a column for {}, a row for a quarter of an octave, the darker the more. {}",
            counted(self.recording.intervals_per_column, "interval"),
            busiest(&rows)
        );
        let body = self.density(&rows);
        section.figure(self.file("over-time"), alt, self.picture(&title, body));
        if heats.len() > 1 {
            let title = format!("p99 of each {name} by instance over time");
            let (body, alt) = self.by_instance(&heats);
            let alt = format!("{title}. {alt}");
            section.figure(
                self.file("instances-over-time"),
                alt,
                self.picture(&title, body),
            );
        }
    }

    fn time_axis(&self) -> Axis {
        let columns = self.recording.columns.max(1);
        let seconds = self.recording.length.as_secs_f64();
        let step = (columns / 8).max(1);
        let ticks = (0..=columns).step_by(step).map(|column| {
            let at = seconds * column as f64 / columns as f64;
            (column as f64, clock(at))
        });
        Axis {
            low: 0.0,
            high: columns as f64,
            ticks: ticks.collect(),
            minor: Vec::new(),
        }
    }

    /// How many of which latency, when.
    fn density(&self, columns: &[Vec<u64>]) -> Body {
        let used = |row: &usize| columns.iter().any(|column| column[*row] > 0);
        let low = (0..OverTime::ROWS).find(used).unwrap_or(0);
        let high = (0..OverTime::ROWS).rev().find(used).unwrap_or(low);
        let most = columns.iter().flatten().copied().max().unwrap_or(1).max(1);
        // Even steps of the logarithm: a tail of one is seen beside a million.
        let levels = HEAT.len().min(usize::try_from(most).unwrap_or(usize::MAX));
        let step = (most as f64).powf(1.0 / levels as f64);
        let level = |count: u64| {
            let level = (count as f64).ln() / step.ln().max(1e-9);
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "cut to the levels"
            )]
            let level = level.clamp(0.0, levels as f64 - 1.0) as u8;
            (count > 0).then_some(level)
        };
        let cells = (low..=high).flat_map(|row| columns.iter().map(move |column| column[row]));
        let from = |level: usize| step.powf(level as f64).ceil().max(1.0);
        let decades = (low..=high + 1).filter(|row| row % 4 == 0);
        let every = decades.clone().count().div_ceil(9).max(1);
        let ticks = decades.step_by(every);
        let ticks = ticks.map(|row| ((row - low) as f64, time(OverTime::from_ns(row))));
        Body::Heat(Heat {
            x_label: "time since the begin".to_owned(),
            y_label: format!("{} latency (log scale)", self.stage.name()),
            x: self.time_axis(),
            y: Axis {
                low: 0.0,
                high: (high - low + 1) as f64,
                ticks: ticks.collect(),
                minor: Vec::new(),
            },
            columns: columns.len(),
            rows: high - low + 1,
            cells: cells.map(level).collect(),
            scale: (0..levels)
                .map(|level| format!("≥ {}", grouped(from(level))))
                .collect(),
            scale_label: format!(
                "{}s in {}, from",
                self.stage.name(),
                counted(self.recording.intervals_per_column, "interval")
            ),
        })
    }

    /// p99 of each instance, when; and the same in words.
    fn by_instance(&self, heats: &[(&InstanceSum, &OverTime)]) -> (Body, String) {
        let columns = self.recording.columns;
        let tail = |heat: &OverTime, column| heat.quantile_ns(column, 0.99);
        let all = heats
            .iter()
            .flat_map(|(_, heat)| (0..columns).filter_map(|column| tail(heat, column)));
        let (low, high) = all.fold((f64::MAX, 1.0_f64), |(low, high), ns| {
            (low.min(ns), high.max(ns))
        });
        let low = low.min(high);
        let levels = HEAT.len();
        let step = (high / low).max(1.0001).ln() / levels as f64;
        let level = |ns: f64| {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "cut to the levels"
            )]
            let level = ((ns / low).ln() / step).clamp(0.0, levels as f64 - 1.0) as u8;
            level
        };
        // The first at the top.
        let from_below = heats.iter().rev();
        let cells = from_below
            .flat_map(|(_, heat)| (0..columns).map(move |column| tail(heat, column).map(level)));
        let count = heats.len();
        let every = count.div_ceil(64).max(1);
        let ticks = heats.iter().enumerate().step_by(every);
        let ticks = ticks.map(|(index, (one, _))| ((count - index) as f64 - 0.5, one.name.clone()));
        let worst = heats.iter().filter_map(|(one, _)| {
            let latency = &one.activity.stage(self.stage).latency;
            (!latency.is_empty()).then(|| (latency.value_at_quantile(0.99), &one.name))
        });
        let words = worst.max().map_or_else(String::new, |(ns, name)| {
            format!(
                "The highest over all time is that of {name}: {}.",
                time(ns as f64)
            )
        });
        let from = |level: usize| time(low * (step * level as f64).exp());
        let body = Body::Heat(Heat {
            x_label: "time since the begin".to_owned(),
            y_label: "instance".to_owned(),
            x: self.time_axis(),
            y: Axis {
                low: 0.0,
                high: count as f64,
                ticks: ticks.collect(),
                minor: Vec::new(),
            },
            columns,
            rows: count,
            cells: cells.collect(),
            scale: (0..levels)
                .map(|level| format!("≥ {}", from(level)))
                .collect(),
            scale_label: "p99, from".to_owned(),
        });
        (body, words)
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

    fn stages(&self, section: &mut Section) {
        let mut slowest: Vec<&InstanceSum> = self.instances.clone();
        let mean = |one: &InstanceSum, stage| one.activity.stage(stage).latency_ns_mean();
        slowest.sort_by(|a, b| {
            let of = |one: &InstanceSum| mean(one, self.stage).unwrap_or(0.0);
            of(b).total_cmp(&of(a))
        });
        let more = slowest.len().saturating_sub(ROWS);
        slowest.truncate(ROWS);
        let timed: Vec<Stage> = Stage::ALL
            .into_iter()
            .filter(|stage| slowest.iter().any(|one| mean(one, *stage).is_some()))
            .collect();
        let rows: Vec<Row> = slowest
            .iter()
            .map(|one| Row {
                name: one.name.clone(),
                marks: timed
                    .iter()
                    .enumerate()
                    .filter_map(|(style, stage)| {
                        Some(Mark {
                            style,
                            at: mean(one, *stage)?.max(1.0).log10(),
                            interval: None,
                        })
                    })
                    .collect(),
            })
            .collect();
        let values = slowest
            .iter()
            .flat_map(|one| timed.iter().filter_map(|stage| mean(one, *stage)));
        let others = match more {
            0 => String::new(),
            more => format!("; the {ROWS} slowest, {more} more in the table"),
        };
        let body = Body::Dots(Dots {
            x_label: format!("mean time (ns, log scale{others})"),
            x: Axis::log10(values),
            line_at: None,
            rows,
            legend: timed.iter().map(|stage| stage.name().to_owned()).collect(),
        });
        let split = self.split();
        section.figure(
            self.file("stages"),
            format!("Mean time of each stage, by instance. {split}"),
            self.picture("Stage breakdown: mean time of each stage", body),
        );
        section.text(split);
    }

    /// Where the time of requests went, over all instances.
    fn split(&self) -> String {
        let total = |stage| -> u64 {
            let all = self.instances.iter();
            all.map(|one| one.activity.stage(stage).total_ns)
                .fold(0, u64::saturating_add)
        };
        let whole = total(Stage::Request);
        if whole == 0 {
            return "No request was timed: there is no whole that stages could be parts of."
                .to_owned();
        }
        let (op, submission, rest) = (
            total(Stage::DriverOp),
            total(Stage::Submission).min(whole),
            total(Stage::Unattributed),
        );
        let part = |ns: u64| percent(ns as f64 / whole as f64);
        if op == 0 {
            return format!(
                "Of the time of all requests, {} is submissions and {} the rest; driver ops were not timed.",
                part(submission),
                part(whole - submission)
            );
        }
        format!(
            "Of the time of all requests, {} is driver ops without their submissions, {} submissions, and {} neither.",
            part(op.saturating_sub(submission)),
            part(submission),
            part(rest)
        )
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

/// The row that has most, over all time.
fn busiest(columns: &[Vec<u64>]) -> String {
    let sum = |row: usize| columns.iter().map(|column| column[row]).sum::<u64>();
    let row = (0..OverTime::ROWS).max_by_key(|row| sum(*row)).unwrap_or(0);
    format!(
        "Most are from {} to {}.",
        time(OverTime::from_ns(row)),
        time(OverTime::from_ns(row + 1))
    )
}
