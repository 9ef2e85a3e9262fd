//! Where the time goes.

use hwptop_agent::{InstanceSum, snapshot::Stage};

use super::Of;
use crate::{
    document::Section,
    figure::percent,
    sections::split::{self, Split},
};

/// The most rows of the picture; the table has all.
const ROWS: usize = 16;

impl Of<'_> {
    pub(super) fn stages(&self, section: &mut Section) {
        let mut slowest: Vec<&InstanceSum> = self.instances.clone();
        let mean = |one: &InstanceSum| one.activity.stage(Stage::Request).latency_ns_mean();
        slowest.sort_by(|a, b| mean(b).unwrap_or(0.0).total_cmp(&mean(a).unwrap_or(0.0)));
        let splits = slowest
            .iter()
            .map(|one| Split::of(&one.name, &one.activity));
        let mut splits: Vec<Split> = splits.flatten().collect();
        let title = match splits.len() {
            ..=ROWS => "Stage breakdown".to_owned(),
            all => format!("Stage breakdown of the {ROWS} slowest of {all} instances"),
        };
        splits.truncate(ROWS);
        if !splits.is_empty() {
            let picture = self.picture(&title, split::bars(&splits));
            section.figure(self.file("stages"), split::in_words(&splits), picture);
        }
        section.text(self.split());
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
