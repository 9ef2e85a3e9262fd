//! One slow request, whole: who, when, where its time went, and the kernel's stack.

use std::time::Duration;

use hwptop_agent::{
    nanos,
    snapshot::{SlowEvent, Snapshot, Stage},
};
use ratatui::{
    style::Style,
    text::{Line, Span},
};

use super::{Canvas, View, page, wrapped};
use crate::{
    Theme, figure, object,
    outliers::Outlier,
    theme::{quiet, strong},
};

/// A longer bar says no more.
const BAR_MOST: u16 = 80;

pub(super) fn draw(view: &View, number: u64, canvas: &mut Canvas) {
    let outliers = view.app.picture().history.outliers();
    let lines = match outliers.get(number) {
        Some(outlier) => lines(outlier, view.snapshot, canvas.width(), canvas.theme),
        None => vec![Line::styled(
            "this slow request is not kept any more: newer and slower ones came",
            quiet(),
        )],
    };
    page::draw(view.place, &lines, canvas);
}

/// All of `outlier` in lines of `width`.
pub(super) fn lines(
    outlier: &Outlier,
    snapshot: &Snapshot,
    width: u16,
    theme: Theme,
) -> Vec<Line<'static>> {
    let event = &outlier.event;
    let title = format!("slow {}, {}", event.stage.name(), latency(event.latency));
    let mut lines = vec![Line::styled(title, strong())];
    let about = [
        when(outlier, snapshot),
        place(event, snapshot),
        who(event),
        carried(event),
    ];
    for text in about {
        lines.extend(wrapped(&text, width).into_iter().map(Line::raw));
    }
    if event.errno != 0 {
        let text = format!("! ended with {}", object::errno_of(event.errno));
        lines.push(Line::styled(text, theme.alarm()));
    }
    lines.push(Line::raw(""));
    let parts = parts(event, snapshot, theme);
    lines.push(bar(&parts, event.latency, width.min(BAR_MOST)));
    let whole = nanos(event.latency).max(1) as f64;
    let shares: Vec<f64> = parts
        .iter()
        .map(|part| nanos(part.time) as f64 / whole)
        .collect();
    let percents = figure::percents(&shares);
    lines.extend(
        parts
            .iter()
            .zip(&percents)
            .map(|(part, percent)| part.line(percent)),
    );
    lines.push(Line::raw(""));
    lines.extend(stack(event, width));
    lines
}

fn when(outlier: &Outlier, snapshot: &Snapshot) -> String {
    let ago = ago(outlier, snapshot);
    let time = figure::time_of_day(outlier.at).unwrap_or_else(|| figure::ABSENT.to_owned());
    match outlier.event.ended_at {
        Some(_) => format!("ended {time}, {ago} before this picture"),
        None => format!("in the interval that ended {time}, {ago} before this picture"),
    }
}

/// How long before the picture it was.
pub(super) fn ago(outlier: &Outlier, snapshot: &Snapshot) -> String {
    let since = snapshot.taken_at.duration_since(outlier.at);
    figure::span(since.unwrap_or_default())
}

fn place(event: &SlowEvent, snapshot: &Snapshot) -> String {
    let hwpt = match event.hwpt {
        0 => figure::ABSENT.to_owned(),
        hwpt => hwpt.to_string(),
    };
    format!("instance {}, HWPT {hwpt}", instance(event, snapshot))
}

/// The name of its instance with its mark.
pub(super) fn instance(event: &SlowEvent, snapshot: &Snapshot) -> String {
    let Some(name) = &event.instance else {
        return figure::ABSENT.to_owned();
    };
    let instance = snapshot.instances.iter().find(|one| one.name == *name);
    let mark = instance.map_or("", |one| figure::mark(one.kind));
    format!("{name}{mark}")
}

fn who(event: &SlowEvent) -> String {
    format!(
        "process {}, thread {}, CPU {}",
        object::process(event.process.as_ref()),
        or_absent(event.tid),
        or_absent(event.cpu)
    )
}

pub(super) fn or_absent(number: Option<u32>) -> String {
    number.map_or_else(|| figure::ABSENT.to_owned(), |number| number.to_string())
}

fn carried(event: &SlowEvent) -> String {
    match (event.stage, event.asked) {
        (Stage::Submission | Stage::HostSubmission, _) => format!("commands {}", event.items),
        (_, Some(asked)) => format!("entries handled {} of {asked}", event.items),
        (_, None) => format!("entries handled {}", event.items),
    }
}

/// What is left of a request beside its driver op; `None` where that was not timed.
pub(super) fn unattributed(event: &SlowEvent) -> Option<Duration> {
    Some(event.latency.saturating_sub(event.driver_op?))
}

/// A part of the time, told apart by its character as well as by its colour.
struct Part {
    name: String,
    symbol: &'static str,
    time: Duration,
    style: Style,
}

impl Part {
    fn line(&self, percent: &str) -> Line<'static> {
        Line::from(vec![
            Span::styled(self.symbol, self.style),
            Span::raw(format!(
                " {:>6} {percent:>5}  {}",
                latency(self.time),
                self.name
            )),
        ])
    }
}

/// Where its time went: parts that add up to the whole.
fn parts(event: &SlowEvent, snapshot: &Snapshot, theme: Theme) -> Vec<Part> {
    let whole = event.latency;
    let part = |name: &str, symbol, time, style| Part {
        name: name.to_owned(),
        symbol,
        time,
        style,
    };
    let op = event.driver_op.map(|op| op.min(whole));
    let inside = op.unwrap_or(whole);
    let mut parts = Vec::new();
    if let Some(made) = event.submissions {
        let submitted = made.time.min(inside);
        let name = match made.count {
            0 => "no submission was made".to_owned(),
            count => format!("submissions: {count}, commands {}", made.commands),
        };
        parts.push(part(&name, "█", submitted, theme.submission()));
        let rest = inside.saturating_sub(submitted);
        let name = if op.is_some() {
            "driver op without its submissions"
        } else {
            "everything else: no driver op was timed"
        };
        parts.push(part(name, "▒", rest, theme.request()));
    } else if op.is_some() {
        parts.push(part(
            "driver op, submissions not timed",
            "▒",
            inside,
            theme.request(),
        ));
    } else {
        let why = match event.stage {
            Stage::Submission | Stage::HostSubmission => "has no parts that are timed",
            _ if snapshot.is_of_the_kernel() => "nothing inside it was timed",
            // Static probes tell nothing that ties a submission to its request.
            _ => "submissions are timed, but not by the request that made them",
        };
        let name = format!("{}: {why}", event.stage.name());
        parts.push(part(&name, "▒", whole, theme.request()));
    }
    if op.is_some() {
        let rest = whole.saturating_sub(inside);
        parts.push(part(
            "unattributed: outside the driver op",
            "░",
            rest,
            quiet(),
        ));
    }
    parts
}

/// One bar of all parts, `width` long.
fn bar(parts: &[Part], whole: Duration, width: u16) -> Line<'static> {
    let whole = whole.as_nanos().max(1);
    let (mut time, mut drawn) = (0_u128, 0_usize);
    let spans = parts.iter().map(|part| {
        time += part.time.as_nanos();
        // Each ends where it does by itself: rounding does not add up.
        let end = (time * u128::from(width) + whole / 2) / whole;
        let end = usize::try_from(end).unwrap_or(usize::MAX);
        let cells = end.min(usize::from(width)).saturating_sub(drawn);
        drawn += cells;
        Span::styled(part.symbol.repeat(cells), part.style)
    });
    Line::from(spans.collect::<Vec<_>>())
}

fn stack(event: &SlowEvent, width: u16) -> Vec<Line<'static>> {
    let Some(functions) = &event.stack else {
        let none = "no kernel stack was taken: --slow-stacks does, where the kernel is looked at";
        let lines = wrapped(none, width).into_iter();
        return lines.map(|line| Line::styled(line, quiet())).collect();
    };
    let title = Line::styled("kernel stack when it ended, innermost first", quiet());
    let functions = functions.iter().map(|one| Line::raw(format!("  {one}")));
    [title].into_iter().chain(functions).collect()
}

pub(super) fn latency(latency: Duration) -> String {
    figure::latency(nanos(latency))
}
