//! Latencies over time: a character is a part of the time, a row a range of latencies, and its
//! colour or shade how many there were.

use std::time::Duration;

use hwptop_agent::{
    HeatColumn,
    snapshot::{Scope, Stage},
};
use ratatui::{layout::Rect, style::Style};

use super::Canvas;
use crate::{
    column::width_of,
    figure,
    heat::{HeatMap, Steps},
    kept::Kept,
    theme::{Ramp, colour, quiet, strong},
};

const AXIS_WIDTH: u16 = figure::LATENCY_WIDTH + 1;
/// A caption, two lines and the axis of time.
pub(super) const LEAST: u16 = 4;

/// Draws `stage` of `scope` over the whole canvas.
pub(super) fn draw(kept: &Kept, scope: &Scope, stage: Stage, canvas: &mut Canvas) {
    if canvas.height() < LEAST || canvas.width() <= AXIS_WIDTH {
        return;
    }
    let plot = Rect {
        x: AXIS_WIDTH,
        y: 1,
        width: canvas.width() - AXIS_WIDTH,
        height: canvas.height() - 2,
    };
    let ramp = canvas.theme.ramp();
    let columns = kept.columns(scope, stage, usize::from(plot.width));
    let rows = usize::from(plot.height) * ramp.rows_per_line();
    let Some(map) = HeatMap::of(&columns, rows) else {
        let nothing = format!("{} latency over time: nothing recorded yet", stage.name());
        canvas.put(0, 0, &nothing, quiet());
        return;
    };
    draw_caption(stage, &map, canvas);
    draw_latencies(&map, plot, canvas);
    let steps = Steps::new(map.top(), ramp.steps());
    let of_stage = canvas.theme.stage(stage);
    for (x, counts) in (plot.x..plot.x + plot.width).zip(map.columns()) {
        let lines = counts.chunks_exact(ramp.rows_per_line());
        for (y, counts) in (plot.y..plot.y + plot.height).rev().zip(lines) {
            if let Some((symbol, style)) = cell(counts, &steps, ramp, of_stage) {
                canvas.set(x, y, symbol, style);
            }
        }
    }
    draw_time(&columns, plot, canvas);
}

/// What shows the counts that are in one character, from the fastest; shades have the style of
/// their stage.
fn cell(counts: &[u64], steps: &Steps, ramp: Ramp, of_stage: Style) -> Option<(char, Style)> {
    let step_at = |row: usize| counts.get(row).and_then(|count| steps.of(*count));
    match ramp {
        Ramp::Shades(shades) => {
            let shade = step_at(0).and_then(|step| shades.get(step));
            shade.map(|shade| (*shade, of_stage))
        }
        Ramp::Colours(colours) => {
            let colour = |step| colour(colours, step);
            match (step_at(0).map(colour), step_at(1).map(colour)) {
                (None, None) => None,
                (Some(lower), None) => Some(('▄', Style::new().fg(lower))),
                (None, Some(upper)) => Some(('▀', Style::new().fg(upper))),
                (Some(lower), Some(upper)) => Some(('▀', Style::new().fg(upper).bg(lower))),
            }
        }
    }
}

/// What is shown, and the scale of the counts.
fn draw_caption(stage: Stage, map: &HeatMap, canvas: &mut Canvas) {
    let theme = canvas.theme;
    let x = canvas.put(0, 0, stage.name(), strong());
    let few = if map.top() > 1 { "1 " } else { "" };
    let many = format!(" {}", figure::count(map.top()));
    let what = match stage {
        Stage::Submission | Stage::HostSubmission => "submissions",
        Stage::Request | Stage::DriverOp | Stage::Unattributed => "requests",
    };
    let ramp = theme.ramp();
    let steps = u16::try_from(ramp.steps()).unwrap_or(u16::MAX);
    let scale = width_of(few) + steps + width_of(&many);
    // The first that fits.
    let words = [
        format!(" latency over time, both log scale; {what} in a cell, log scale: "),
        format!(" latency over time; {what} in a cell, log scale: "),
        format!(" latency; {what} in a cell, log scale: "),
        format!(" latency; {what} in a cell: "),
        format!(": {what} "),
    ];
    let room = canvas.width().saturating_sub(x + scale);
    let fits = words.into_iter().find(|words| width_of(words) <= room);
    let mut x = canvas.put(x, 0, &fits.unwrap_or_else(|| " ".to_owned()), quiet());
    x = canvas.put(x, 0, few, quiet());
    for at in 0..ramp.steps() {
        let (symbol, style) = match ramp {
            Ramp::Shades(shades) => (shades[at], theme.stage(stage)),
            Ramp::Colours(colours) => ('█', Style::new().fg(colour(colours, at))),
        };
        canvas.set(x, 0, symbol, style);
        x += 1;
    }
    canvas.put(x, 0, &many, quiet());
}

/// The decades beside their rows.
fn draw_latencies(map: &HeatMap, plot: Rect, canvas: &mut Canvas) {
    let per_line = canvas.theme.ramp().rows_per_line();
    let mut last = None;
    for decade in (0..=10).map(|power| 10_u64.pow(power)) {
        let line = map.row_of(decade).map(|row| row / per_line);
        let Some(line) = line.and_then(|line| u16::try_from(line).ok()) else {
            continue;
        };
        if last != Some(line) && line < plot.height {
            let y = plot.y + plot.height - 1 - line;
            canvas.put_right(AXIS_WIDTH - 1, y, &figure::latency(decade), quiet());
            last = Some(line);
        }
    }
}

/// How long ago the first column began, where the last is, and what a column covers.
fn draw_time(columns: &[HeatColumn], plot: Rect, canvas: &mut Canvas) {
    let (Some(newest), Some(oldest)) = (columns.last(), columns.first()) else {
        return;
    };
    let y = plot.y + plot.height;
    let now = newest.begin.checked_add(newest.length);
    let covered = columns.iter().map(|one| one.length);
    let covered = covered.fold(Duration::ZERO, Duration::saturating_add);
    let ago = now.and_then(|now| now.duration_since(oldest.begin).ok());
    let ago = format!("{} ago", told(ago.unwrap_or(covered)));
    let end = plot.x
        + u16::try_from(columns.len())
            .unwrap_or(plot.width)
            .min(plot.width);
    let ends = plot.x + width_of(&ago) + 2 + width_of("now") <= end;
    if !ends {
        // Too near for their words: these stand after them.
        let x = canvas.put(plot.x, y, &format!("{ago} to now"), quiet()) + 2;
        let room = canvas.width().saturating_sub(x);
        canvas.put(x, y, &a_column(columns, room), quiet());
        return;
    }
    let x = canvas.put(plot.x, y, &ago, quiet()) + 2;
    canvas.put_right(end, y, "now", quiet());
    let between = (end - width_of("now")).saturating_sub(x + 2);
    let after = canvas.width().saturating_sub(end + 2);
    let (from, room) = if after > between {
        (end + 2, after)
    } else {
        (x, between)
    };
    let each = a_column(columns, room);
    let slack = if after > between {
        0
    } else {
        room.saturating_sub(width_of(&each)) / 2
    };
    canvas.put(from + slack, y, &each, quiet());
}

/// `a column is 24 s, the last 1 s`, in at most `room` characters.
fn a_column(columns: &[HeatColumn], room: u16) -> String {
    let mut lengths: Vec<Duration> = columns.iter().map(|one| one.length).collect();
    let last = told(lengths.pop().unwrap_or_default());
    lengths.sort_unstable();
    let usual = lengths.get(lengths.len() / 2).copied();
    let words = match usual.map(told) {
        Some(usual) if usual != last => vec![
            format!("a column is {usual}, the last {last}"),
            format!("{usual} a column"),
        ],
        _ => vec![format!("a column is {last}"), format!("{last} a column")],
    };
    let fits = words.into_iter().find(|words| width_of(words) <= room);
    fits.unwrap_or_default()
}

/// A span of time to three digits, or the clock's jitter would be all that is read.
pub(super) fn told(length: Duration) -> String {
    let ns = length.as_nanos();
    let unit = 10_u128.pow(ns.max(1).ilog10().saturating_sub(2));
    let rounded = (ns + unit / 2) / unit * unit;
    figure::span(u64::try_from(rounded).map_or(length, Duration::from_nanos))
}
