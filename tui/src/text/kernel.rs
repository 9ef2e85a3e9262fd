//! What the kernel did, how that is known, and for whom it did it.

use std::time::Duration;

use hwptop_agent::snapshot::{
    Activity, InstanceSnapshot, ObjectSnapshot, Snapshot, StageAttachment,
};

use super::line;
use crate::{
    column::{Layout, Row},
    figure::{ABSENT, mark, span},
    object, stages,
};

/// Objects of one instance, and failed requests, that get a line. JSON has all that
/// the snapshot carries.
const OBJECT_LINES: usize = 16;
const FAILURE_LINES: usize = 8;

/// How the kernel is looked at, stage by stage.
pub(super) fn about(text: &mut String, snapshot: &Snapshot) {
    line(text, format_args!("measured by eBPF in the kernel"));
    for attachment in &snapshot.stages {
        line(text, format_args!("  {}", attached(attachment)));
    }
    if !snapshot.probes.is_empty() {
        line(
            text,
            format_args!("  static probes attached: {}", snapshot.probes.len()),
        );
    }
}

fn attached(attachment: &StageAttachment) -> String {
    let StageAttachment {
        stage,
        site,
        how,
        why_not_better,
    } = attachment;
    let how = how.map_or("not timed", |how| how.name());
    let why = why_not_better
        .as_ref()
        .map_or_else(String::new, |why| format!(" ({why})"));
    format!("{}: {how}, {site}{why}", stage.name())
}

/// The stages and the objects of the last interval, and the failures in it.
pub(super) fn render(text: &mut String, snapshot: &Snapshot) {
    if !snapshot.is_of_the_kernel() {
        return;
    }
    let over = snapshot.interval;
    let did_something = |one: &&InstanceSnapshot| {
        let did = &one.interval;
        snapshot
            .stages_of(did)
            .any(|stage| did.stage(stage).seen > 0)
    };
    for instance in snapshot.instances.iter().filter(did_something) {
        of_instance(text, snapshot, instance, over);
    }
    let unreached: Vec<_> = objects_of(snapshot, None).collect();
    objects(text, &unreached, over);
    if snapshot.objects_left_out > 0 {
        let count = snapshot.objects_left_out;
        line(
            text,
            format_args!("\nobjects with fewer requests, not listed: {count}"),
        );
    }
    if let Some(queues) = snapshot.hw_queues {
        line(
            text,
            format_args!(
                "\nhardware queues allocated since the start: {}, failed: {}",
                queues.allocated, queues.failed
            ),
        );
    }
    failures(text, snapshot);
}

fn of_instance(
    text: &mut String,
    snapshot: &Snapshot,
    instance: &InstanceSnapshot,
    over: Duration,
) {
    let name = format!("{}{}", instance.name, mark(instance.kind));
    line(
        text,
        format_args!("\n{name}, stages in the last {}", span(over)),
    );
    line(text, format_args!("{}", stages::title()));
    stage_lines(text, snapshot, &instance.interval, over);
    if let Some(split) = snapshot.split(&instance.interval) {
        line(
            text,
            format_args!("request time: {}", stages::split(&split)),
        );
    }
    let objects_here: Vec<_> = objects_of(snapshot, Some(instance.number)).collect();
    objects(text, &objects_here, over);
}

fn stage_lines(text: &mut String, snapshot: &Snapshot, activity: &Activity, over: Duration) {
    for stage in snapshot.stages_of(activity) {
        let row = stages::line(stage, activity.stage(stage), over);
        line(
            text,
            format_args!("{}", format!("{row}  {}", stages::note(stage)).trim_end()),
        );
    }
}

fn objects_of(snapshot: &Snapshot, instance: Option<u16>) -> impl Iterator<Item = &ObjectSnapshot> {
    let of_instance = move |one: &&ObjectSnapshot| one.instance == instance;
    snapshot.objects.iter().filter(of_instance)
}

fn objects(text: &mut String, objects: &[&ObjectSnapshot], over: Duration) {
    if objects.is_empty() {
        return;
    }
    let shown = &objects[..objects.len().min(OBJECT_LINES)];
    let rows: Vec<Row> = shown.iter().map(|one| Row::object(one, over)).collect();
    let layout = Layout::for_text_of_objects(&rows);
    line(text, format_args!("\n{}", layout.heading_line()));
    line(text, format_args!("{}", layout.title_line()));
    for row in &rows {
        line(text, format_args!("{}", layout.row_line(row)));
    }
    let more = objects.len() - shown.len();
    if more > 0 {
        line(text, format_args!("+{more} more"));
    }
}

fn failures(text: &mut String, snapshot: &Snapshot) {
    let (failures, dropped) = (&snapshot.failures, snapshot.failures_dropped);
    if failures.is_empty() && dropped == 0 {
        return;
    }
    line(
        text,
        format_args!(
            "\nfailed requests in the interval: {} (not kept since the start: {dropped})",
            failures.len()
        ),
    );
    for failed in failures.iter().rev().take(FAILURE_LINES).rev() {
        let instance = failed.instance.as_deref().unwrap_or(ABSENT);
        line(
            text,
            format_args!("{instance}: failed: {}", object::failure(failed)),
        );
    }
}
