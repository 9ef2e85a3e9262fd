use std::collections::BTreeSet;

use hwptop_agent::{
    HwQueues,
    snapshot::{MeasuredBy, Snapshot, Stage},
};
use ratatui::style::Style;

use super::{Canvas, wrapped, wrapped_to};
use crate::theme::quiet;
use crate::{
    App,
    column::width_of,
    costs, figure,
    keys::{self, Action},
    screen::Screen,
};

const SEPARATOR: &str = "  ";
/// The room from which on hardware queues and costs are told of: a line more is a stage less.
const HW_QUEUES_FROM: u16 = 16;

/// The status as it is going to be drawn.
pub(super) struct Status {
    lines: Vec<Vec<Segment>>,
    /// The last line; it is the first to go.
    keys: Option<Keys>,
}

/// The hints at keys, and a note right of them.
struct Keys {
    hints: String,
    note: String,
}

/// A part of the status; it is broken only where it is longer than a line.
struct Segment {
    text: String,
    alarm: bool,
}

impl Segment {
    fn plain(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            alarm: false,
        }
    }
}

impl Status {
    /// Lines it takes.
    pub(super) fn height(&self) -> u16 {
        let lines = self.lines.len() + usize::from(self.keys.is_some());
        u16::try_from(lines).unwrap_or(u16::MAX)
    }
}

/// The status for a screen `width` wide, in at most `height` lines.
/// `note` stands right of the keys.
pub(super) fn lines(
    app: &App,
    snapshot: &Snapshot,
    width: u16,
    height: u16,
    note: String,
) -> Status {
    let with_keys = height > 1;
    let room = height - u16::from(with_keys);
    let mut segments = vec![
        events_within(snapshot, width, room),
        Segment::plain(probes(snapshot)),
        Segment::plain(slow(snapshot)),
    ];
    segments.extend(not_timed(snapshot).map(Segment::plain));
    if height >= HW_QUEUES_FROM {
        segments.extend(hw_queues(snapshot).map(Segment::plain));
        segments.extend(costs::a_request(snapshot).map(Segment::plain));
        segments.extend(costs::looking(snapshot).map(Segment::plain));
    }
    let why = match &snapshot.measured_by {
        MeasuredBy::Ebpf => {
            segments.push(Segment::plain("measured by eBPF"));
            Vec::new()
        }
        MeasuredBy::InProcess { why } => {
            let limit = if height > 8 { 2 } else { 1 };
            wrapped_to(&format!("measured in-process: {why}"), width, limit)
        }
    };
    let mut lines = flow(segments, width);
    lines.extend(why.into_iter().map(|line| vec![Segment::plain(line)]));
    // Before what is cut off at the end: zeros would be taken for the truth.
    if let Some(why) = &snapshot.blind {
        let why = wrapped_to(&format!("! {why}"), width, 2);
        let alarm = |text| vec![Segment { text, alarm: true }];
        lines.splice(0..0, why.into_iter().map(alarm));
    }
    if let Some(said) = diagnostic(snapshot) {
        let said = wrapped_to(&said, width, 1);
        lines.extend(
            said.into_iter()
                .map(|text| vec![Segment { text, alarm: true }]),
        );
    }
    lines.truncate(usize::from(room));
    Status {
        lines,
        keys: with_keys.then(|| Keys {
            hints: hints(app, width),
            note,
        }),
    }
}

/// Whether a key for `action` does anything on the screen that is shown.
fn is_offered(app: &App, action: Action) -> bool {
    let screen = &app.screens.below_help().screen;
    let has_rows = matches!(screen, Screen::Instances | Screen::Part(_));
    match action {
        Action::Back => *screen != Screen::Instances,
        Action::Next => app.by_step,
        Action::Open | Action::Sort => has_rows || *screen == Screen::Outliers,
        Action::Filter => has_rows,
        Action::Baseline => *screen == Screen::Compare && !app.ended,
        Action::Stage => *screen == Screen::Compare,
        Action::Outliers => *screen != Screen::Outliers,
        Action::Compare => *screen != Screen::Compare,
        Action::Health => *screen != Screen::Health,
        _ => true,
    }
}

/// As many hints as fit.
fn hints(app: &App, width: u16) -> String {
    let mut line = String::new();
    let offered = keys::TABLE.iter().filter(|one| is_offered(app, one.action));
    for hint in offered.filter_map(|one| app.keys.hint(one)) {
        let gap = if line.is_empty() { "" } else { SEPARATOR };
        if width_of(&line) + width_of(gap) + width_of(&hint) > width {
            break;
        }
        line.push_str(gap);
        line.push_str(&hint);
    }
    line
}

pub(super) fn draw(status: &Status, mut y: u16, canvas: &mut Canvas) {
    let theme = canvas.theme;
    for line in &status.lines {
        let mut x = 0;
        for segment in line {
            let style = if segment.alarm {
                theme.alarm()
            } else {
                Style::new()
            };
            x = canvas.put(x, y, &segment.text, style) + width_of(SEPARATOR);
        }
        y += 1;
    }
    let Some(Keys { hints, note }) = &status.keys else {
        return;
    };
    let end = canvas.put(0, y, hints, quiet());
    if end + 2 + width_of(note) <= canvas.width() {
        canvas.put_right(canvas.width(), y, note, quiet());
    }
}

/// What became of the events: exact, because the sum must be seen to close.
pub(crate) fn events(snapshot: &Snapshot) -> String {
    let events = &snapshot.events;
    format!(
        "events: seen = {}, recorded = {}, lost = {}",
        events.seen, events.recorded, events.lost
    )
}

/// What became of the events, or only how many were lost where `height` lines
/// of `width` would cut the sum.
fn events_within(snapshot: &Snapshot, width: u16, height: u16) -> Segment {
    let lost = snapshot.events.lost;
    let all = events(snapshot);
    let fits = wrapped(&all, width).len() <= usize::from(height);
    Segment {
        text: if fits {
            all
        } else {
            format!("events lost: {}", figure::count(lost))
        },
        alarm: lost > 0,
    }
}

fn probes(snapshot: &Snapshot) -> String {
    let in_kernel = snapshot.stages.iter().filter(|one| one.how.is_some());
    match snapshot.probes.len() + in_kernel.count() {
        0 => "no probes attached".to_owned(),
        1 => "1 probe attached".to_owned(),
        count => format!("{count} probes attached"),
    }
}

fn slow(snapshot: &Snapshot) -> String {
    let dropped = match snapshot.events.slow_dropped {
        0 => String::new(),
        dropped => format!(
            " in the interval, {} not kept since the start",
            figure::count(dropped)
        ),
    };
    format!(
        "slower than {}: {}{dropped}",
        figure::slow_threshold(snapshot),
        snapshot.slow.len()
    )
}

/// The stages of the kernel that nothing times.
fn not_timed(snapshot: &Snapshot) -> Option<String> {
    let wanted: BTreeSet<Stage> = snapshot.stages.iter().map(|one| one.stage).collect();
    let missing: Vec<_> = wanted
        .into_iter()
        .filter(|&stage| !snapshot.times(stage))
        .map(Stage::name)
        .collect();
    (!missing.is_empty()).then(|| format!("not timed: {}", missing.join(", ")))
}

fn hw_queues(snapshot: &Snapshot) -> Option<String> {
    let HwQueues { allocated, failed } = snapshot.hw_queues?;
    Some(format!(
        "hw queues: {}, {} failed",
        figure::count(allocated),
        figure::count(failed)
    ))
}

/// What the eBPF programs said last, and how much more they said.
fn diagnostic(snapshot: &Snapshot) -> Option<String> {
    let (last, before) = snapshot.diagnostics.split_last()?;
    let more = match before.len() {
        0 => String::new(),
        more => format!(" (+{more} more)"),
    };
    Some(format!("! eBPF program{more}: {last}"))
}

/// Fills lines of `width` with segments, in their order.
fn flow(segments: Vec<Segment>, width: u16) -> Vec<Vec<Segment>> {
    let mut lines: Vec<Vec<Segment>> = Vec::new();
    let mut used = 0;
    for segment in segments {
        let length = width_of(&segment.text);
        let after = used + width_of(SEPARATOR) + length;
        match lines.last_mut() {
            Some(line) if after <= width => {
                line.push(segment);
                used = after;
            }
            _ if length <= width => {
                lines.push(vec![segment]);
                used = length;
            }
            _ => {
                let alarm = segment.alarm;
                for text in wrapped(&segment.text, width) {
                    used = width_of(&text);
                    lines.push(vec![Segment { text, alarm }]);
                }
            }
        }
    }
    lines
}
