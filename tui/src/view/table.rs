use hwptop_agent::snapshot::Snapshot;
use ratatui::{layout::Rect, style::Style};

use super::{Canvas, rows_least, wrapped_to};
use crate::theme::{quiet, strong};
use crate::{
    App,
    column::{Column, Layout, Row, Slot, width_of},
    history::{History, Tail},
};

/// Frozen queues told of at once.
const FAULTS: usize = 3;
const HEAD: u16 = 2;

/// Draws one row per instance and, below, why guest queues are frozen. Returns
/// how many lines it takes.
pub(super) fn draw(app: &App, snapshot: &Snapshot, history: &History, canvas: &mut Canvas) -> u16 {
    let layout = Layout::fit(snapshot, canvas.width());
    let spare = canvas.height().saturating_sub(rows_least(snapshot));
    // One reason is worth more than the heading.
    let frozen = snapshot.instances.iter().any(|one| one.fault.is_some());
    let head = HEAD.min(spare.saturating_sub(u16::from(frozen)));
    draw_head(&layout, head, canvas);
    if snapshot.instances.is_empty() {
        canvas.put(0, head, "no instance has been seen yet", quiet());
        return head + 1;
    }
    let faults = fault_lines(snapshot, spare - head, canvas);
    let lines = usize::from(canvas.height().saturating_sub(head)).saturating_sub(faults.len());
    let skipped = app.skipped.min(snapshot.instances.len() - 1);
    let rows = &snapshot.instances[skipped..];
    // The line that says how many are missing takes the place of one of them,
    // but not of the only one.
    let all_shown = skipped == 0 && rows.len() <= lines;
    let noted = !all_shown && lines > 1;
    let shown = rows.len().min(lines - usize::from(noted));
    let mut y = head;
    for instance in &rows[..shown] {
        let row = Row::interval(instance, snapshot.interval);
        draw_row(&layout, &row, instance.fault.is_some(), y, canvas);
        if let Some(slot) = slot_of(&layout, Column::Sparkline) {
            let rect = Rect {
                x: slot.x,
                y,
                width: slot.width,
                height: 1,
            };
            draw_sparkline(history, &instance.name, rect, canvas);
        }
        y += 1;
    }
    if noted {
        let below = rows.len() - shown;
        let text = match (skipped, below) {
            (0, _) => format!("+{below} more (↓)"),
            (_, 0) => format!("{skipped} above (↑)"),
            _ => format!("{skipped} above (↑), +{below} more (↓)"),
        };
        canvas.put(0, y, &text, quiet());
        y += 1;
    }
    for line in faults {
        canvas.put(0, y, &line, app.theme.alarm());
        y += 1;
    }
    y
}

/// The lowest `height` of the heading's lines.
fn draw_head(layout: &Layout, height: u16, canvas: &mut Canvas) {
    if height == HEAD {
        canvas.put(0, 0, &layout.heading_line(), quiet());
    }
    if height > 0 {
        canvas.put(0, height - 1, &layout.title_line(), strong());
    }
}

fn draw_row(layout: &Layout, row: &Row, frozen: bool, y: u16, canvas: &mut Canvas) {
    let theme = canvas.theme;
    let style = if frozen { theme.alarm() } else { Style::new() };
    canvas.put(0, y, &layout.row_line(row), style);
    let name = layout.name(row);
    if !frozen {
        canvas.put(0, y, &name, strong());
        let word = name.strip_prefix(&*row.name).unwrap_or_default();
        canvas.put_right(width_of(&name), y, word, theme.unreal());
    }
    if let Some(slot) = slot_of(layout, Column::Errors)
        && row.errors > 0
    {
        canvas.put_right(
            slot.x + slot.width,
            y,
            &Column::Errors.text(row),
            theme.alarm(),
        );
    }
}

fn draw_sparkline(history: &History, name: &str, rect: Rect, canvas: &mut Canvas) {
    let tails: Vec<Tail> = history.newest(name, usize::from(rect.width)).collect();
    let values = tails.iter().map(|tail| tail.request_ns);
    let peak = values.clone().flatten().max().unwrap_or(0);
    let style = canvas.theme.request();
    canvas.sparkline(rect, values, peak, style);
}

fn slot_of(layout: &Layout, column: Column) -> Option<&Slot> {
    layout.slots.iter().find(|slot| slot.column == column)
}

/// Why queues are frozen, in at most `height` lines.
fn fault_lines(snapshot: &Snapshot, height: u16, canvas: &Canvas) -> Vec<String> {
    let faults: Vec<(&str, &str)> = snapshot
        .instances
        .iter()
        .filter_map(|one| one.fault.as_deref().map(|fault| (one.name.as_str(), fault)))
        .collect();
    // Two lines for each where the screen is high enough to spare them.
    let limit = if canvas.height() >= 12 { 2 } else { 1 };
    let most = FAULTS.min(usize::from(height));
    // The line that counts the others takes the place of one where it must.
    let shown = if faults.len() > most && usize::from(height) == most {
        most.saturating_sub(1)
    } else {
        most
    };
    let mut lines: Vec<String> = faults
        .iter()
        .take(shown)
        .flat_map(|(name, fault)| {
            let text = format!("! {name}: {fault}");
            wrapped_to(&text, canvas.width(), limit)
        })
        .collect();
    let others = faults.len().saturating_sub(shown);
    if others > 0 && height > 0 {
        let sign = if shown == 0 { "" } else { "+" };
        lines.push(format!("! guest queues frozen: {sign}{others}"));
    }
    lines
}
