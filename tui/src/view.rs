//! Draws the dashboard into a buffer, from the top: header, table, details of
//! the instances (or of one, where the kernel is looked at) where there is room, status.

use hwptop_agent::snapshot::Snapshot;
use ratatui::{buffer::Buffer, layout::Rect};

use crate::theme::quiet;
use crate::{App, app::Picture};

mod canvas;
mod chart;
mod detail;
mod header;
mod help;
mod kernel;
mod status;
mod table;

use canvas::Canvas;
pub(crate) use status::events;

/// From this height on, blank lines part the sections.
const ROOMY: u16 = 24;
/// The lines that the table keeps when the status wants them too: its heading
/// and [`ROWS_LEAST`].
const TABLE_LEAST: u16 = 4;
/// Rows that stay on however low a screen: the heading gives way to them first,
/// then the frozen queues, then the status.
const ROWS_LEAST: u16 = 2;
/// Lines of the status that only rows displace: the events and the keys.
const STATUS_LEAST: u16 = 2;

pub(crate) fn draw(app: &App, area: Rect, buffer: &mut Buffer) {
    let mut canvas = Canvas::new(buffer, area, app.theme);
    let header = header::draw(app, &mut canvas);
    let Picture {
        snapshot: Some(snapshot),
        history,
    } = app.picture()
    else {
        let waiting = "waiting for the first interval to end";
        canvas.put(2, header + 1, waiting, quiet());
        help_over(app, &mut canvas);
        return;
    };
    let room = area.height.saturating_sub(header);
    let status_room = room
        .saturating_sub(TABLE_LEAST)
        .max(STATUS_LEAST.min(room.saturating_sub(rows_least(snapshot))));
    let status = status::lines(snapshot, area.width, status_room);
    let status_y = area.height.saturating_sub(status.height());
    let gap = u16::from(area.height >= ROOMY);
    let mut middle = canvas.part(Rect {
        x: 0,
        y: header + gap,
        width: area.width,
        height: status_y.saturating_sub(header + gap),
    });
    let used = table::draw(app, snapshot, history, &mut middle) + gap;
    let height = middle.height().saturating_sub(used + gap);
    let rest = Rect {
        x: 0,
        y: used,
        width: area.width,
        height,
    };
    let mut rest = middle.part(rest);
    if snapshot.is_of_the_kernel() {
        kernel::draw(snapshot, history, app.skipped, &mut rest);
    } else {
        detail::draw(snapshot, history, app.skipped, &mut rest);
    }
    status::draw(&status, status_y, &mut canvas);
    help_over(app, &mut canvas);
}

/// How many lines of rows the table has on any screen that is high enough.
fn rows_least(snapshot: &Snapshot) -> u16 {
    u16::try_from(snapshot.instances.len()).map_or(ROWS_LEAST, |count| count.clamp(1, ROWS_LEAST))
}

fn help_over(app: &App, canvas: &mut Canvas) {
    if app.help {
        help::draw(canvas);
    }
}

/// `text` in lines of at most `width` characters, broken at spaces where there
/// are any.
fn wrapped(text: &str, width: u16) -> Vec<String> {
    let width = usize::from(width.max(1));
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split_whitespace() {
        let mut word = word;
        let together = line.chars().count() + 1 + word.chars().count();
        if !line.is_empty() && together > width {
            lines.push(std::mem::take(&mut line));
        }
        while word.chars().count() > width {
            let cut = word
                .char_indices()
                .nth(width)
                .map_or(word.len(), |(at, _)| at);
            lines.push(word[..cut].to_owned());
            word = &word[cut..];
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    if !line.is_empty() {
        lines.push(line);
    }
    lines
}

/// The first `limit` lines of `text` wrapped to `width`; `…` says that there
/// is more.
fn wrapped_to(text: &str, width: u16, limit: usize) -> Vec<String> {
    let mut lines = wrapped(text, width);
    if lines.len() > limit {
        lines.truncate(limit);
        if let Some(last) = lines.last_mut() {
            let kept = usize::from(width)
                .saturating_sub(1)
                .min(last.chars().count());
            *last = last.chars().take(kept).chain(['…']).collect();
        }
    }
    lines
}

#[cfg(test)]
mod tests;
