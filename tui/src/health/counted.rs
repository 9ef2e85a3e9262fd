//! What became of the events: every sum is seen to close.

use hwptop_agent::snapshot::{InstanceSnapshot, Snapshot, Stage, StageActivity};

use super::{Said, alarm, alarm_if, plain};
use crate::{figure, history::History, outliers::Order};

/// All events, and those of each stage.
pub(super) fn events(snapshot: &Snapshot) -> Vec<Said> {
    let all = snapshot.events;
    let mut lines = vec![sum("all", [all.seen, all.recorded, all.lost])];
    let mut others = [all.seen, all.recorded, all.lost];
    for stage in Stage::ALL {
        // What is left of a request is no event of its own.
        if stage == Stage::Unattributed {
            continue;
        }
        let of_stage = of_all_instances(snapshot, stage);
        if of_stage == [0; 3] {
            continue;
        }
        for (other, own) in others.iter_mut().zip(of_stage) {
            *other = other.saturating_sub(own);
        }
        lines.push(sum(stage.name(), of_stage));
    }
    if others != [0; 3] {
        lines.push(sum("of no instance that is kept apart", others));
    }
    lines
}

/// Seen, recorded and lost of `stage`.
fn of_all_instances(snapshot: &Snapshot, stage: Stage) -> [u64; 3] {
    let stages = snapshot.instances.iter();
    let stages = stages.map(|one: &InstanceSnapshot| one.total.stage(stage));
    stages.fold([0; 3], |sum, one: &StageActivity| {
        [
            sum[0].saturating_add(one.seen),
            sum[1].saturating_add(one.recorded),
            sum[2].saturating_add(one.lost),
        ]
    })
}

/// An event that was lost, and a sum that does not close, are told.
fn sum(what: &str, [seen, recorded, lost]: [u64; 3]) -> Said {
    let closes = recorded.checked_add(lost) == Some(seen);
    let sign = if closes { "=" } else { "≠" };
    let text = format!("{what}: seen {seen} {sign} recorded {recorded} + lost {lost}");
    alarm_if(lost > 0 || !closes, text)
}

pub(super) fn slow(snapshot: &Snapshot, history: &History) -> Vec<Said> {
    let events = &snapshot.events;
    let outliers = history.outliers();
    let captured = events.slow_seen.saturating_sub(events.slow_dropped);
    vec![
        plain(format!("slower than {}", figure::slow_threshold(snapshot))),
        alarm_if(
            events.slow_dropped > 0,
            format!(
                "since the start: seen {} = captured {captured} + dropped {} (beyond --slow-rate, or full buffers)",
                events.slow_seen, events.slow_dropped
            ),
        ),
        plain(format!(
            "in this interval: {}; kept here: {}, let go: {}",
            snapshot.slow.len(),
            outliers.of(None, Order::default()).len(),
            outliers.forgotten()
        )),
    ]
}

pub(super) fn left_out(snapshot: &Snapshot) -> Vec<Said> {
    let mut lines = Vec::new();
    if snapshot.is_of_the_kernel() {
        lines.push(plain(format!(
            "objects listed: {}, with fewer requests and not listed: {}",
            snapshot.objects.len(),
            snapshot.objects_left_out
        )));
    }
    if snapshot.failures_dropped > 0 {
        let count = snapshot.failures_dropped;
        let text = format!("failed requests that were only counted since the start: {count}");
        lines.push(alarm(&text));
    }
    lines
}
