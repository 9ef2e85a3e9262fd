//! Where the time goes.

use hwptop_agent::{InstanceSum, snapshot::Stage};

use super::Of;
use crate::{
    chart::{Axis, Body, Dots, Mark, Row},
    document::Section,
    figure::percent,
};

/// The most rows of the picture; the table has all.
const ROWS: usize = 16;

impl Of<'_> {
    pub(super) fn stages(&self, section: &mut Section) {
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
            format!("Stage breakdown: mean time of each stage, by instance. {split}"),
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
}
