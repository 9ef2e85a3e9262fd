//! The slow events, as far as they have room.

use std::{cmp::Reverse, fmt::Write as _, time::Duration};

use hwptop_agent::snapshot::{SlowEvent, Snapshot, Stage};

use super::line;
use crate::{
    figure::{self, ABSENT},
    object,
};

/// Slow events that are told.
const SHOWN: usize = 8;

/// The width that stacks are broken at.
const WIDTH: usize = 110;

const INDENT: &str = "    ";

pub(super) fn render(text: &mut String, snapshot: &Snapshot) {
    let counts = &snapshot.events;
    if snapshot.slow.is_empty() && counts.slow_seen == 0 && counts.slow_dropped == 0 {
        return;
    }
    line(
        text,
        format_args!(
            "\nslow events in the interval, beyond {}: {} (since the start: {}, not kept: {})",
            figure::slow_threshold(snapshot),
            snapshot.slow.len(),
            counts.slow_seen,
            counts.slow_dropped,
        ),
    );
    // The slowest say most. JSON has every event that the snapshot carries; those
    // that it does not carry are only counted, in `slow_dropped`.
    let mut slowest: Vec<_> = snapshot.slow.iter().collect();
    slowest.sort_by_key(|event| Reverse(event.latency));
    for event in slowest.into_iter().take(SHOWN) {
        head(text, event);
        let parts = [parts(event), who(event)].concat();
        if !parts.is_empty() {
            line(text, format_args!("{INDENT}{}", parts.join(", ")));
        }
        stack(text, event.stack.as_deref().unwrap_or_default());
    }
}

fn head(text: &mut String, event: &SlowEvent) {
    let hwpt = match event.hwpt {
        0 => ABSENT.to_owned(),
        hwpt => hwpt.to_string(),
    };
    let asked = match event.asked {
        Some(asked) if asked != event.items => format!(" of {asked}"),
        _ => String::new(),
    };
    let thread = event
        .tid
        .map_or_else(|| ABSENT.to_owned(), |tid| tid.to_string());
    let errno = match event.errno {
        0 => String::new(),
        errno => format!(", {}", object::errno_of(errno)),
    };
    line(
        text,
        format_args!(
            "{}: {} {}, HWPT {hwpt}, items {}{asked}, thread {thread}{errno}",
            event.instance.as_deref().unwrap_or(ABSENT),
            event.stage.name(),
            latency(event.latency),
            event.items,
        ),
    );
}

/// Where a request's time went.
fn parts(event: &SlowEvent) -> Vec<String> {
    let mut parts = Vec::new();
    if let Some(driver_op) = event.driver_op {
        parts.push(format!("{} {}", Stage::DriverOp.name(), latency(driver_op)));
    }
    if let Some(made) = event.submissions {
        parts.push(match made.count {
            0 => "no submission".to_owned(),
            count => format!(
                "submissions {} ({count}, commands {})",
                latency(made.time),
                made.commands
            ),
        });
    }
    parts
}

/// Who, where and when.
fn who(event: &SlowEvent) -> Vec<String> {
    let process = event.process.as_ref().map(|process| {
        let name = process.name.as_deref().unwrap_or(ABSENT);
        format!("{name}[{}]", process.id)
    });
    let cpu = event.cpu.map(|cpu| format!("CPU {cpu}"));
    let time = event.ended_at.and_then(figure::time_of_day);
    [process, cpu, time].into_iter().flatten().collect()
}

/// The functions, each called by the next.
fn stack(text: &mut String, functions: &[String]) {
    let mut row = String::new();
    for function in functions {
        if !row.is_empty() && INDENT.len() + row.len() + 3 + function.len() > WIDTH {
            line(text, format_args!("{INDENT}{}", row.trim_end()));
            row.clear();
        }
        write!(row, "< {function} ").expect("writing to a String cannot fail");
    }
    if !row.is_empty() {
        line(text, format_args!("{INDENT}{}", row.trim_end()));
    }
}

fn latency(latency: Duration) -> String {
    figure::latency(hwptop_agent::nanos(latency))
}
