use std::iter::repeat_n;

use hwptop_agent::snapshot::{InstanceSnapshot, Snapshot};
use ratatui::{
    layout::Rect,
    style::{Modifier, Style},
};

use super::{Canvas, View, rows_least, wrapped_to};
use crate::theme::{badge, quiet, strong};
use crate::{
    column::{Column, Layout, Mark, Row, Slot, width_of},
    history::{History, Tail, Unusual},
    rows::{self, Rows},
    screen::Place,
    sort::{By, Sort},
};

/// Frozen queues told of at once.
const FAULTS: usize = 3;
const HEAD: u16 = 2;
/// What the row that is selected is marked by, left of its name.
const POINTER: &str = ">";
const POINTER_WIDTH: u16 = 1;
/// Stands after a p99 that is unlike those before it.
const UNUSUAL: &str = "!";

/// Draws one row per instance and, below, how many there are beside them and why guest queues
/// are frozen. Returns how many lines it takes.
pub(super) fn draw(view: &View, selected: usize, canvas: &mut Canvas) -> u16 {
    let (snapshot, rows) = (view.snapshot, &*view.rows);
    let layout = layout(rows, canvas.width());
    let spare = canvas.height().saturating_sub(rows_least(snapshot));
    // One reason is worth more than the heading.
    let frozen = snapshot.instances.iter().any(|one| one.fault.is_some());
    let head = HEAD.min(spare.saturating_sub(u16::from(frozen)));
    draw_head(
        &layout,
        view.place.sort,
        head,
        &mut right_of_pointer(canvas),
    );
    let notes = notes(view.place, rows);
    if rows.scopes.is_empty() {
        let none = notes.unwrap_or_else(|| "no instance has been seen yet".to_owned());
        canvas.put(0, head, &none, quiet());
        return head + 1;
    }
    let faults = fault_lines(snapshot, spare - head, canvas);
    let lines = usize::from(canvas.height().saturating_sub(head)).saturating_sub(faults.len());
    let count = rows.scopes.len();
    // The line that says how many are missing takes the place of one of them,
    // but not of the only one.
    let last_is_said = lines > 1 && (count > lines || notes.is_some());
    let shown = count.min(lines - usize::from(last_is_said));
    let top = rows::top(view.place.top.get(), selected, shown, count);
    canvas.is_scrolled_to(top);
    let mut y = head;
    for (row, (instance, scope)) in rows.instances(snapshot, top).take(shown).enumerate() {
        let line = Rect {
            x: 0,
            y,
            width: canvas.width(),
            height: 1,
        };
        canvas.is_row(line, scope);
        let mut line = canvas.part(line);
        draw_instance(view, &layout, instance, top + row == selected, &mut line);
        y += 1;
    }
    if last_is_said {
        let missing = missing(top, count - shown - top);
        let said: Vec<String> = missing.into_iter().chain(notes).collect();
        canvas.put(0, y, &said.join("  "), quiet());
        y += 1;
    }
    for line in faults {
        canvas.put(0, y, &line, canvas.theme.alarm());
        y += 1;
    }
    y
}

/// Says how many columns the table of instances has no room for, where it is what is shown.
pub(super) fn hidden(view: &View, width: u16) -> String {
    if view.place.screen != crate::screen::Screen::Instances {
        return String::new();
    }
    let layout = layout(&view.rows, width);
    let wide = layout.full_width + POINTER_WIDTH;
    match layout.hidden() {
        0 => String::new(),
        1 => format!("1 more column at {wide} wide"),
        count => format!("{count} more columns at {wide} wide"),
    }
}

fn layout(rows: &Rows, width: u16) -> Layout {
    Layout::fit(&rows.names, width.saturating_sub(POINTER_WIDTH))
}

fn right_of_pointer<'a>(canvas: &'a mut Canvas) -> Canvas<'a> {
    canvas.part(Rect {
        x: POINTER_WIDTH,
        y: 0,
        width: canvas.width().saturating_sub(POINTER_WIDTH),
        height: canvas.height(),
    })
}

/// Which rows are shown and in which order, where that is not all as the kernel has them.
pub(super) fn notes(place: &Place, rows: &Rows) -> Option<String> {
    let filter = &place.filter;
    let matching = (!filter.is_empty()).then(|| match (rows.scopes.len(), rows.all) {
        (0, all) => format!("none of {all} matches '{filter}'"),
        (1, all) => format!("1 of {all} matches '{filter}'"),
        (count, all) => format!("{count} of {all} match '{filter}'"),
    });
    let notes: Vec<String> = matching.into_iter().chain(place.sort.said()).collect();
    (!notes.is_empty()).then(|| notes.join("  "))
}

/// How many rows are above and below those that are shown.
pub(super) fn missing(above: usize, below: usize) -> Option<String> {
    match (above, below) {
        (0, 0) => None,
        (0, _) => Some(format!("+{below} more (↓)")),
        (_, 0) => Some(format!("{above} above (↑)")),
        _ => Some(format!("{above} above (↑), +{below} more (↓)")),
    }
}

/// The lowest `height` of the heading's lines.
fn draw_head(layout: &Layout, sort: Sort, height: u16, canvas: &mut Canvas) {
    if height == HEAD {
        canvas.put(0, 0, &layout.heading_line(), quiet());
    }
    if height > 0 {
        draw_titles(layout, sort, height - 1, canvas);
    }
}

/// Draws the titles at line `y`. The mouse can sort by them, and an arrow marks the one that
/// rows are sorted by.
pub(super) fn draw_titles(layout: &Layout, sort: Sort, y: u16, canvas: &mut Canvas) {
    canvas.put(0, y, &layout.title_line(), strong());
    let of_column = |slot: &Slot| (By::Column(slot.column), slot.x, slot.width);
    let sortable = layout.slots.iter().filter(|one| !one.column.is_history());
    let titles = [(By::Name, 0, layout.name_width)].into_iter();
    for (by, x, width) in titles.chain(sortable.map(of_column)) {
        let title = Rect {
            x,
            y,
            width,
            height: 1,
        };
        canvas.is_title(title, by);
        if let Some(arrow) = sort.arrow(by) {
            let (x, text) = match by {
                By::Name => (0, format!("{}{arrow}", layout.name_title())),
                // Titles stand at the right end of their column.
                By::Column(column) => {
                    let text = format!("{arrow}{}", column.title());
                    ((x + width).saturating_sub(width_of(&text)), text)
                }
            };
            // So that it is seen which of two neighbours an arrow between them belongs to.
            canvas.put(x, y, &text, badge(strong()));
        }
    }
}

fn draw_instance(
    view: &View,
    layout: &Layout,
    instance: &InstanceSnapshot,
    is_selected: bool,
    canvas: &mut Canvas,
) {
    let history = &view.app.picture().history;
    let row = Row::interval(instance, view.snapshot.interval);
    let unusual = history.unusual(&instance.name);
    let mut line = right_of_pointer(canvas);
    draw_row(layout, &row, instance.fault.is_some(), unusual, &mut line);
    let sparkline = slot_of(layout, Column::Sparkline).copied();
    if let Some(slot) = sparkline {
        let rect = Rect {
            x: slot.x,
            y: 0,
            width: slot.width,
            height: 1,
        };
        let ahead = history.ahead(view.snapshot.interval, rect.width);
        draw_sparkline(history, &instance.name, ahead, rect, &mut line);
    }
    if is_selected {
        canvas.put(0, 0, POINTER, strong());
        // Bars that are reversed would be read upside down.
        let end = sparkline.map(|slot| slot.x + POINTER_WIDTH);
        let rect = Rect {
            x: 0,
            y: 0,
            width: end.unwrap_or(canvas.width()),
            height: 1,
        };
        canvas.restyle(rect, Style::new().add_modifier(Modifier::REVERSED));
    }
}

fn draw_row(layout: &Layout, row: &Row, frozen: bool, unusual: Unusual, canvas: &mut Canvas) {
    let alarm = canvas.theme.alarm();
    let plain = if frozen { alarm } else { Style::new() };
    let name = layout.name(row);
    let end = canvas.put(0, 0, &name, if frozen { alarm } else { strong() });
    if !frozen {
        let word = name.strip_prefix(&*row.name).unwrap_or_default();
        canvas.put_right(end, 0, word, canvas.theme.unreal());
    }
    for slot in &layout.slots {
        let end = slot.x + slot.width;
        let text = slot.column.text(row);
        match slot.column {
            Column::Request(Mark::P99) if unusual.request => {
                canvas.put_right(end + 1, 0, &format!("{text}{UNUSUAL}"), alarm);
            }
            Column::Submission(Mark::P99) if unusual.submission => {
                canvas.put_right(end + 1, 0, &format!("{text}{UNUSUAL}"), alarm);
            }
            Column::Errors if row.errors > 0 => canvas.put_right(end, 0, &text, alarm),
            _ => canvas.put_right(end, 0, &text, plain),
        }
    }
}

/// `ahead` columns are left free at its right.
fn draw_sparkline(history: &History, name: &str, ahead: usize, rect: Rect, canvas: &mut Canvas) {
    let newest = history.newest(name, usize::from(rect.width));
    let tails: Vec<Tail> = repeat_n(Tail::default(), ahead).chain(newest).collect();
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
