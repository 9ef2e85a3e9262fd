//! Draws the dashboard into a buffer, from the top: header, table, details of
//! the instances (or of one, where the kernel is looked at) where there is room, status.

use std::rc::Rc;

use hwptop_agent::snapshot::Snapshot;
use ratatui::{buffer::Buffer, layout::Rect};

use crate::{
    App,
    app::Picture,
    drawn::Drawn,
    rows::{self, Rows},
    screen::{Place, Screen},
    theme::quiet,
};

mod advice;
mod bars;
mod canvas;
mod chart;
mod compare;
mod curve;
mod detail;
mod failures;
mod header;
mod health;
mod heat;
mod help;
mod instances;
mod kernel;
mod message;
mod outlier;
mod outliers;
mod page;
mod part;
mod plot;
mod prompt;
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

/// What a screen is drawn from.
pub(crate) struct View<'a> {
    app: &'a App,
    snapshot: &'a Snapshot,
    place: &'a Place,
    rows: Rc<Rows>,
}

/// Draws the dashboard, and says what is where.
pub(crate) fn draw(app: &App, area: Rect, buffer: &mut Buffer) -> Drawn {
    let mut drawn = Drawn::default();
    let mut canvas = Canvas::new(buffer, area, app.theme, &mut drawn);
    let header = header::draw(app, &mut canvas);
    let Picture {
        snapshot: Some(snapshot),
        ..
    } = app.picture()
    else {
        let waiting = "waiting for the first interval to end";
        canvas.put(2, header + 1, waiting, quiet());
        over(app, &mut canvas);
        return drawn;
    };
    let room = area.height.saturating_sub(header);
    let status_room = room
        .saturating_sub(TABLE_LEAST)
        .max(STATUS_LEAST.min(room.saturating_sub(rows_least(snapshot))));
    let place = app.screens.below_help();
    let view = View {
        app,
        snapshot,
        place,
        rows: rows::listed(app, place, snapshot),
    };
    let hidden = table::hidden(&view, area.width);
    let status = status::lines(app, snapshot, area.width, status_room, hidden);
    let status_y = area.height.saturating_sub(status.height());
    let gap = u16::from(area.height >= ROOMY);
    let mut middle = canvas.part(Rect {
        x: 0,
        y: header + gap,
        width: area.width,
        height: status_y.saturating_sub(header + gap),
    });
    match &view.place.screen {
        Screen::Instances => instances::draw(&view, gap, &mut middle),
        Screen::Part(scope) => part::draw(&view, scope, &mut middle),
        Screen::Outliers => outliers::draw(&view, &mut middle),
        Screen::Outlier(number) => outlier::draw(&view, *number, &mut middle),
        Screen::Compare => compare::draw(&view, &mut middle),
        Screen::Health => health::draw(&view, &mut middle),
        Screen::Help => {}
    }
    status::draw(&status, status_y, &mut canvas);
    over(app, &mut canvas);
    drawn
}

/// How many lines of rows the table has on any screen that is high enough.
fn rows_least(snapshot: &Snapshot) -> u16 {
    u16::try_from(snapshot.instances.len()).map_or(ROWS_LEAST, |count| count.clamp(1, ROWS_LEAST))
}

/// What is drawn over the rest.
fn over(app: &App, canvas: &mut Canvas) {
    let here = app.screens.here();
    if here.screen == Screen::Help {
        help::draw(&app.keys, here, canvas);
    }
    if let Some(prompt) = &app.prompt {
        prompt::draw(prompt, canvas);
    }
    message::draw(app, canvas);
}

/// `text` in lines of at most `width` characters, broken at spaces where there
/// are any.
fn wrapped(text: &str, width: u16) -> Vec<String> {
    first_lines(text, width, usize::MAX)
}

/// The first `most` lines of `text`, as [`wrapped`] has them.
fn first_lines(text: &str, width: u16, most: usize) -> Vec<String> {
    let width = usize::from(width.max(1));
    let mut lines = Vec::new();
    let room = width.min(text.len());
    let mut line = String::with_capacity(room);
    let mut used = 0;
    for mut word in text.split_whitespace() {
        if lines.len() >= most {
            return lines;
        }
        let mut length = word.chars().count();
        if !line.is_empty() && used + 1 + length > width {
            lines.push(std::mem::replace(&mut line, String::with_capacity(room)));
            used = 0;
        }
        while length > width {
            let cut = word
                .char_indices()
                .nth(width)
                .map_or(word.len(), |(at, _)| at);
            lines.push(word[..cut].to_owned());
            word = &word[cut..];
            length -= width;
        }
        if !line.is_empty() {
            line.push(' ');
            used += 1;
        }
        line.push_str(word);
        used += length;
    }
    if !line.is_empty() {
        lines.push(line);
    }
    lines.truncate(most);
    lines
}

/// The first `limit` lines of `text` wrapped to `width`; `…` says that there
/// is more.
fn wrapped_to(text: &str, width: u16, limit: usize) -> Vec<String> {
    let mut lines = first_lines(text, width, limit.saturating_add(1));
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
