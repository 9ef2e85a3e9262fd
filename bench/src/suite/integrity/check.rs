use hwptop_abi::Bucket;
use hwptop_agent::StageTotals;

use super::MATCHED_GOAL;
use crate::load::{LoadConfig, LoadReport};

/// One thing that must be true of the figures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// What, in a word or two.
    pub name: &'static str,
    /// What was compared.
    pub what: String,
    /// Whether it is so.
    pub finding: Finding,
}

/// What a check found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finding {
    /// It is so.
    Holds,
    /// It is not so.
    Fails,
    /// What it takes to tell did not happen.
    ProvesNothing,
}

impl Finding {
    const fn of(holds: bool) -> Self {
        if holds { Self::Holds } else { Self::Fails }
    }

    /// Whether it is so, where that was found.
    #[must_use]
    pub const fn holds(self) -> Option<bool> {
        match self {
            Self::Holds => Some(true),
            Self::Fails => Some(false),
            Self::ProvesNothing => None,
        }
    }
}

/// What the probes counted of one load.
pub(super) struct Counted {
    pub(super) requests: StageTotals,
    pub(super) driver_ops: StageTotals,
    pub(super) unattributed: StageTotals,
    /// Ends that belong to no instance.
    pub(super) without_instance: u64,
}

pub(super) fn checks(config: &LoadConfig, load: &LoadReport, counted: &Counted) -> Vec<Check> {
    let walls = &load.seen.walls;
    let mut checks = vec![
        moved(config, load),
        equal("requests", counted.requests.0.seen, walls.0.seen),
        equal("entries", counted.requests.0.items, walls.0.items),
        equal("driver ops", counted.driver_ops.0.seen, walls.0.seen),
        equal("ends without an instance", counted.without_instance, 0),
        matched("matched requests", &counted.requests),
        matched("matched driver ops", &counted.driver_ops),
    ];
    for (name, stage) in [
        ("impossible requests", &counted.requests),
        ("impossible driver ops", &counted.driver_ops),
    ] {
        checks.push(possible(name, stage, walls));
    }
    checks.extend(sums(load, counted));
    checks
}

/// A run in which no thread was moved in the middle of a request proves nothing.
fn moved(config: &LoadConfig, load: &LoadReport) -> Check {
    let within = load.seen.moved_within;
    Check {
        name: "migration",
        what: format!(
            "{} moves of threads to another CPU; {within} requests began on one CPU and returned on another",
            load.moves
        ),
        finding: if config.migrate && within == 0 {
            Finding::ProvesNothing
        } else {
            Finding::Holds
        },
    }
}

fn equal(name: &'static str, counted: u64, made: u64) -> Check {
    Check {
        name,
        what: format!("{counted} counted, {made} made"),
        finding: Finding::of(counted == made),
    }
}

fn matched(name: &'static str, stage: &StageTotals) -> Check {
    let (recorded, seen) = (stage.recorded(), stage.0.seen);
    let part = recorded as f64 / seen as f64;
    Check {
        name,
        what: format!("{recorded} recorded of {seen} seen: {part:.6}, at least {MATCHED_GOAL}"),
        finding: Finding::of(part >= MATCHED_GOAL && recorded + stage.0.lost_no_start == seen),
    }
}

/// No interval of a request or of a part of it is longer than the time that the thread saw
/// around the request. So of any length there are no more of them than of such times (both
/// are counted in the same buckets): those too many cannot be true, nor can those of 0 ns.
fn possible(name: &'static str, stage: &StageTotals, walls: &StageTotals) -> Check {
    let (mut longer, mut walls_longer, mut impossible) = (0_u64, 0_u64, 0);
    let buckets = stage.0.buckets.iter().zip(&walls.0.buckets);
    for (intervals, times) in buckets.rev() {
        longer += intervals;
        walls_longer += times;
        impossible = longer.saturating_sub(walls_longer).max(impossible);
    }
    impossible += stage.0.buckets[Bucket::of(0).index()];
    let slowest = |stage: &StageTotals| {
        stage
            .buckets()
            .last()
            .map_or(0, |(bucket, _)| bucket.low_ns())
    };
    Check {
        name,
        what: format!(
            "{impossible} of 0 ns, or more of a length than threads saw around requests; the longest is in \
             the bucket from {} ns, of the threads' own in that from {} ns",
            slowest(stage),
            slowest(walls)
        ),
        finding: Finding::of(impossible == 0),
    }
}

fn sums(load: &LoadReport, counted: &Counted) -> [Check; 2] {
    let around = load.seen.walls.0.total_ns;
    let requests = counted.requests.0.total_ns;
    let driver_ops = counted.driver_ops.0.total_ns;
    let rest = counted.unattributed.0.total_ns;
    let lost = counted.requests.0.lost_no_start + counted.driver_ops.0.lost_no_start;
    [
        Check {
            name: "sum of requests",
            what: format!("{requests} ns, at most the threads' own {around} ns"),
            finding: Finding::of(requests <= around),
        },
        Check {
            name: "sum of parts",
            what: format!(
                "driver ops {driver_ops} ns + unattributed {rest} ns, requests {requests} ns: equal \
                 where nothing was lost, else no more"
            ),
            finding: Finding::of(
                driver_ops + rest == requests || lost > 0 && driver_ops + rest <= requests,
            ),
        },
    ]
}

#[cfg(test)]
mod tests;
