//! What the last action did, and what the user is asked, over the hints at the bottom.

use ratatui::{layout::Rect, style::Style};

use super::{Canvas, wrapped_to};
use crate::{App, theme::strong};

const QUESTION: &str = "export as: c csv, j json, s svg (Esc: not at all)";
/// The most lines that a message takes.
const LINES: usize = 2;

pub(super) fn draw(app: &App, canvas: &mut Canvas) {
    let (text, style) = match &app.message {
        _ if app.asks_for_form => (QUESTION, strong()),
        Some(message) if message.is_alarm => (message.text.as_str(), canvas.theme.alarm()),
        Some(message) => (message.text.as_str(), Style::new()),
        None => return,
    };
    let lines = wrapped_to(text, canvas.width(), LINES);
    let height = u16::try_from(lines.len()).unwrap_or(0).min(canvas.height());
    let mut place = canvas.part(Rect {
        x: 0,
        y: canvas.height() - height,
        width: canvas.width(),
        height,
    });
    place.clear();
    for (y, line) in (0..).zip(&lines) {
        place.put(0, y, line, style);
    }
}
