//! Where there is room below the table: the distribution of each stage of an
//! instance, and its tail over time.

use std::time::Duration;

use hwptop_agent::snapshot::{self, InstanceSnapshot, StageActivity};
use ratatui::{layout::Rect, style::Style};

use super::{
    Canvas,
    chart::{self, LogScale},
};
use crate::theme::{quiet, strong};
use crate::{
    Theme, carried,
    column::Mark,
    figure,
    history::{History, Tail},
};

/// The width from which on another instance fits beside.
const BLOCK_WIDTH: u16 = 56;
/// A title, a caption and the least for a chart.
const BLOCK_LEAST: u16 = 5;
/// A block that is not cramped, where instances share the height.
const BLOCK_SHARED: u16 = 6;
/// The height from which on the distributions are shown above the chart.
const BARS_FROM: u16 = 16;
/// The height from which on the batch sizes are told below them.
const BATCHES_FROM: u16 = 22;
/// The height of what is left from which on both stages have a chart.
const BOTH_CHARTS_FROM: u16 = 10;
const GAP: u16 = 2;
const MARKS: [Mark; 5] = [Mark::P50, Mark::P90, Mark::P99, Mark::P999, Mark::Max];

/// A stage as it is drawn.
struct Stage<'a> {
    name: &'static str,
    activity: &'a StageActivity,
    style: Style,
    tail: fn(&Tail) -> Option<u64>,
}

fn stages(instance: &InstanceSnapshot, theme: Theme) -> [Stage<'_>; 2] {
    [
        Stage {
            name: "request",
            activity: &instance.interval.request,
            style: theme.request(),
            tail: |tail| tail.request_ns,
        },
        Stage {
            name: "submission",
            activity: &instance.interval.submission,
            style: theme.submission(),
            tail: |tail| tail.submission_ns,
        },
    ]
}

/// Draws as many of `instances` as there is room for.
pub(super) fn draw(
    instances: &[&InstanceSnapshot],
    history: &History,
    interval: Duration,
    canvas: &mut Canvas,
) {
    let (width, height) = (canvas.width(), canvas.height());
    if instances.is_empty() || height < BLOCK_LEAST || width < BLOCK_WIDTH {
        return;
    }
    let wanted = u16::try_from(instances.len()).unwrap_or(u16::MAX);
    let columns = (width / BLOCK_WIDTH).min(wanted);
    let rows = (height / BLOCK_SHARED).clamp(1, wanted.div_ceil(columns));
    let (block_width, block_height) = ((width - (columns - 1) * GAP) / columns, height / rows);
    let shown = &instances[..usize::from(columns * rows).min(instances.len())];
    // A blank line parts a block from the one below.
    let height = block_height - u16::from(rows > 1);
    let ahead = history.ahead(interval, block_width);
    let has_bars = height >= BARS_FROM;
    let scale = has_bars
        .then(|| common_scale(shown, canvas.theme))
        .flatten();
    for (index, instance) in (0..).zip(shown) {
        let rect = Rect {
            x: index % columns * (block_width + GAP),
            y: index / columns * block_height,
            width: block_width,
            height,
        };
        draw_block(instance, history, ahead, scale, &mut canvas.part(rect));
    }
}

/// One scale for all that is shown, so that bars compare across instances.
fn common_scale(shown: &[&InstanceSnapshot], theme: Theme) -> Option<LogScale> {
    let stages: Vec<Stage> = shown.iter().flat_map(|one| stages(one, theme)).collect();
    let of_stage = |stage: &Stage| MARKS.map(|mark| mark.of(stage.activity));
    let values: Vec<u64> = stages.iter().flat_map(of_stage).flatten().collect();
    LogScale::around(values.into_iter())
}

fn draw_block(
    instance: &InstanceSnapshot,
    history: &History,
    ahead: usize,
    scale: Option<LogScale>,
    canvas: &mut Canvas,
) {
    draw_title(instance, history, canvas);
    let stages = stages(instance, canvas.theme);
    let mut y = 1;
    if canvas.height() >= BARS_FROM {
        y = draw_distributions(&stages, scale, y, canvas);
        if canvas.height() >= BATCHES_FROM {
            y = draw_batches(instance, y, canvas);
        }
        y += 1;
    }
    let left = canvas.height().saturating_sub(y);
    let charts = if left >= BOTH_CHARTS_FROM {
        &stages[..]
    } else {
        &stages[..1]
    };
    let each = left / u16::try_from(charts.len()).unwrap_or(1);
    for stage in charts {
        let rect = Rect {
            x: 0,
            y,
            width: canvas.width(),
            height: each,
        };
        let tails = history
            .newest(&instance.name, usize::from(canvas.width()))
            .map(|t| (stage.tail)(&t));
        let tails: Vec<_> = tails.collect();
        let mut part = canvas.part(rect);
        chart::draw(stage.name, &tails, ahead, stage.style, &mut part);
        y += each;
    }
}

/// The line that parts a block from what is above: whose it is.
pub(super) fn draw_title(instance: &InstanceSnapshot, history: &History, canvas: &mut Canvas) {
    let theme = canvas.theme;
    let room = usize::from(canvas.width()).saturating_sub(24);
    let name = figure::shortened(&instance.name, room);
    let mut x = canvas.put(0, 0, "── ", quiet());
    x = canvas.put(x, 0, &name, strong()) + 1;
    let word = figure::word(instance.kind);
    if !word.is_empty() {
        x = canvas.put(x, 0, word, theme.unreal()) + 1;
    }
    if instance.fault.is_some() {
        x = canvas.put(x, 0, "frozen", theme.alarm()) + 1;
    }
    if let Some(stages) = history.unusual(&instance.name).stages() {
        let text = format!("! {stages} p99 unusual");
        x = canvas.put(x, 0, &text, theme.alarm()) + 1;
    }
    canvas.put(
        x,
        0,
        &"─".repeat(usize::from(canvas.width().saturating_sub(x))),
        quiet(),
    );
}

/// Returns the line after the last.
fn draw_batches(instance: &InstanceSnapshot, mut y: u16, canvas: &mut Canvas) -> u16 {
    for stage in snapshot::Stage::PROBED {
        let told = carried::batches(stage, instance.interval.stage(stage));
        // Instances side by side keep their lines at one height.
        let line = told.unwrap_or_else(|| format!("{}: {}", carried::what(stage), figure::ABSENT));
        canvas.put(0, y, &line, quiet());
        y += 1;
    }
    y
}

/// One bar per percentile on a logarithmic scale.
/// Returns the line after the last.
fn draw_distributions(
    stages: &[Stage],
    scale: Option<LogScale>,
    mut y: u16,
    canvas: &mut Canvas,
) -> u16 {
    let caption = match scale {
        Some(scale) => format!("latency in this interval, log scale {scale}"),
        None => "latency: nothing recorded in this interval".to_owned(),
    };
    canvas.put(0, y, &caption, quiet());
    y += 1;
    for stage in stages {
        canvas.put(0, y, stage.name, Style::new());
        for mark in MARKS {
            let value = mark.of(stage.activity);
            let text = value.map_or_else(|| figure::ABSENT.to_owned(), figure::latency);
            canvas.put_right(17, y, mark.name(), quiet());
            canvas.put_right(25, y, &text, Style::new());
            if let (Some(value), Some(scale)) = (value, scale) {
                let bar = scale.bar(value, canvas.width().saturating_sub(27));
                canvas.put(26, y, &bar, stage.style);
            }
            y += 1;
        }
    }
    y
}
