//! What requests cost the CPUs of a process, and what looking costs.

use hwptop_agent::snapshot::{PerfCounts, Snapshot};

use super::line;
use crate::{
    costs,
    figure::{ABSENT, count, scaled, span},
};

pub(super) fn render(text: &mut String, snapshot: &Snapshot) {
    if let Some(perf) = &snapshot.perf {
        counts(text, snapshot, perf);
    }
    let Some(looking) = &snapshot.looking else {
        return;
    };
    let sum = costs::looking(snapshot);
    let sum = sum.unwrap_or_else(|| "what looking costs is not known".to_owned());
    line(text, format_args!("\n{sum}"));
    for how in costs::looking_how(looking) {
        line(text, format_args!("  {how}"));
    }
}

fn counts(text: &mut String, snapshot: &Snapshot, perf: &PerfCounts) {
    let part = if perf.user_only {
        ", user space only (the task clock has the kernel's part as well)"
    } else {
        ""
    };
    line(
        text,
        format_args!(
            "\n{}{part}, in the last {}",
            perf.of,
            span(snapshot.interval)
        ),
    );
    if !perf.counts.is_empty() {
        line(
            text,
            format_args!("{}", row("", ["count", "per request", "per entry"])),
        );
    }
    let work = snapshot.work_of(perf.pid);
    let cell = |value: Option<f64>| value.map_or_else(|| ABSENT.to_owned(), scaled);
    for one in &perf.counts {
        let all = one.interval;
        let cells = [
            all.map_or_else(|| ABSENT.to_owned(), count),
            cell(all.and_then(|all| work.per_request(all))),
            cell(all.and_then(|all| work.per_entry(all))),
        ];
        let note = if one.counted < 1.0 {
            format!("  ~ counted {:.0} % of the time", one.counted * 100.0)
        } else {
            String::new()
        };
        let cells = cells.each_ref().map(String::as_str);
        line(text, format_args!("{}{note}", row(one.event.name(), cells)));
    }
    for (count, what) in [
        (
            perf.threads_left_out,
            "threads are left out: too many, or refused",
        ),
        (perf.unread, "threads could not be read"),
    ] {
        if count > 0 {
            line(text, format_args!("  {count} {what}"));
        }
    }
    if perf.unsettled {
        line(
            text,
            format_args!("  threads were started while counting began: some may be missing"),
        );
    }
    for absent in &perf.absent {
        let names: Vec<&str> = absent.events.iter().map(|event| event.name()).collect();
        line(
            text,
            format_args!("  not counted: {}: {}", names.join(", "), absent.why),
        );
    }
}

fn row(name: &str, [count, per_request, per_entry]: [&str; 3]) -> String {
    format!("{name:<16}  {count:>8}  {per_request:>11}  {per_entry:>9}")
}
