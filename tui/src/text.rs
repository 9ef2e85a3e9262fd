//! A snapshot as plain text, for where there is no terminal.

use std::fmt::Write as _;

use hwptop_agent::snapshot::{InstanceSnapshot, MeasuredBy, Snapshot};

use crate::{
    carried,
    column::{Layout, Row, width_of},
    figure::{self, ABSENT, mark, span},
};

mod compare;
mod costs;
mod kernel;
mod slow;

pub use compare::compare;

/// The columns of the table of counts, with their least width.
const COUNTS: [(&str, usize); 8] = [
    ("descriptors", 11),
    ("waits", 8),
    ("requests", 8),
    ("entries", 8),
    ("submissions", 11),
    ("commands", 8),
    ("failed", 6),
    ("faults", 6),
];

/// The snapshot in plain text without colour, about 110 columns wide: the
/// dashboard's table for the last interval and since the start, the exact
/// counts beside the driver's own where there are any, the frozen queues, what
/// the kernel did and for whom, the slow events, and last the line that says what
/// became of the events.
#[must_use]
pub fn render(snapshot: &Snapshot) -> String {
    let mut text = String::new();
    about(&mut text, snapshot);
    if let Some(why) = &snapshot.blind {
        line(&mut text, format_args!("! {why}"));
    }
    if snapshot.instances.is_empty() {
        text.push_str("\nno instance has been seen yet\n");
    } else {
        let (interval, start) = (snapshot.interval, snapshot.since_start);
        if interval < start {
            table(
                &mut text,
                snapshot,
                &format!("last interval, {}", span(interval)),
                |one| Row::interval(one, interval),
            );
        }
        table(
            &mut text,
            snapshot,
            &format!("since the start, {}", span(start)),
            |one| Row::total(one, start),
        );
        counts(&mut text, snapshot);
    }
    for instance in &snapshot.instances {
        if let Some(fault) = &instance.fault {
            line(&mut text, format_args!("\n{}: {fault}", instance.name));
        }
    }
    kernel::render(&mut text, snapshot);
    costs::render(&mut text, snapshot);
    slow::render(&mut text, snapshot);
    line(
        &mut text,
        format_args!("\n{}", crate::view::events(snapshot)),
    );
    text
}

fn line(text: &mut String, what: std::fmt::Arguments) {
    writeln!(text, "{what}").expect("writing to a String cannot fail");
}

fn about(text: &mut String, snapshot: &Snapshot) {
    let policy = snapshot
        .policy
        .as_ref()
        .map_or_else(String::new, |policy| format!(", policy {policy}"));
    line(
        text,
        format_args!("hwptop, target {}{policy}", snapshot.target),
    );
    let profile = snapshot.timing_profile.as_deref();
    for legend in snapshot
        .kinds()
        .into_iter()
        .filter_map(|kind| figure::legend(kind, profile))
    {
        line(text, format_args!("{legend}"));
    }
    let probes = snapshot.probes.len();
    match &snapshot.measured_by {
        MeasuredBy::Ebpf if snapshot.is_of_the_kernel() => kernel::about(text, snapshot),
        MeasuredBy::Ebpf => line(
            text,
            format_args!("measured by eBPF, probes attached: {probes}"),
        ),
        MeasuredBy::InProcess { why } => line(text, format_args!("measured in-process: {why}")),
    }
}

fn table<'a>(
    text: &mut String,
    snapshot: &'a Snapshot,
    title: &str,
    row: impl Fn(&'a InstanceSnapshot) -> Row<'a>,
) {
    let layout = Layout::for_text(snapshot);
    line(text, format_args!("\n{title}"));
    line(text, format_args!("{}", layout.heading_line()));
    line(text, format_args!("{}", layout.title_line()));
    for instance in &snapshot.instances {
        line(text, format_args!("{}", layout.row_line(&row(instance))));
    }
}

/// Exact counts since the start, as they were measured and as the driver itself
/// counted them.
fn counts(text: &mut String, snapshot: &Snapshot) {
    let measured = match snapshot.measured_by {
        MeasuredBy::Ebpf => "eBPF",
        MeasuredBy::InProcess { .. } => "in-process",
    };
    let names = snapshot
        .instances
        .iter()
        .map(|one| usize::from(width_of(&one.name)) + 1);
    let width = names.max().unwrap_or(0).max("instance".len());
    let row = |text: &mut String, name: &str, by: &str, cells: &[String]| {
        let mut row = format!("{name:width$}  {by:<10}");
        for ((_, least), cell) in COUNTS.iter().zip(cells) {
            write!(row, "  {cell:>least$}").expect("writing to a String cannot fail");
        }
        line(text, format_args!("{row}"));
    };
    text.push_str("\ncounts since the start\n");
    row(
        text,
        "instance",
        "counted by",
        &COUNTS.map(|(title, _)| title.to_owned()),
    );
    for instance in &snapshot.instances {
        row(
            text,
            &format!("{}{}", instance.name, mark(instance.kind)),
            measured,
            &measured_counts(snapshot, instance),
        );
        if let Some(counts) = driver_counts(instance) {
            row(text, "", "driver", &counts);
        }
    }
    for instance in &snapshot.instances {
        let Some(driver) = &instance.driver else {
            continue;
        };
        let types: Vec<String> = driver
            .descriptors
            .iter()
            .filter(|(_, count)| *count > 0)
            .map(|(name, count)| format!("{name} = {count}"))
            .collect();
        if !types.is_empty() {
            line(
                text,
                format_args!("{}: {}", instance.name, types.join(", ")),
            );
        }
    }
    for instance in &snapshot.instances {
        for of_stage in [carried::batches, carried::errors] {
            let told = carried::STAGES.map(|stage| of_stage(stage, instance.total.stage(stage)));
            let told: Vec<String> = told.into_iter().flatten().collect();
            if !told.is_empty() {
                line(text, format_args!("{}: {}", instance.name, told.join("; ")));
            }
        }
    }
}

fn measured_counts(snapshot: &Snapshot, instance: &InstanceSnapshot) -> [String; COUNTS.len()] {
    let total = &instance.total;
    let guest = snapshot.guest_of(total);
    [
        guest.map(|guest| guest.descriptors),
        guest.map(|guest| guest.waits),
        Some(total.request.seen),
        Some(total.request.items),
        Some(total.submission.seen),
        Some(total.submission.items),
        Some(total.request.errors),
        guest.map(|guest| guest.faults),
    ]
    .map(|count| count.map_or_else(|| ABSENT.to_owned(), |count| count.to_string()))
}

fn driver_counts(instance: &InstanceSnapshot) -> Option<[String; COUNTS.len()]> {
    let driver = instance.driver.as_ref()?;
    let counts = [
        driver.descriptors.iter().map(|(_, count)| count).sum(),
        driver.waits,
        driver.requests,
        driver.entries,
        driver.submissions,
        driver.commands,
        driver.request_errors,
        driver.faults,
    ];
    Some(counts.map(|count| count.to_string()))
}

#[cfg(test)]
mod tests;
