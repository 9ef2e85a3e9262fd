//! The line in which a filter is typed, in place of the lowest.

use ratatui::layout::Rect;

use super::Canvas;
use crate::{
    column::width_of,
    prompt::Prompt,
    theme::{badge, quiet, strong},
};

const SIGN: &str = "/";
const KEYS: &str = "Enter keeps  Esc drops";

pub(super) fn draw(prompt: &Prompt, canvas: &mut Canvas) {
    let line = Rect {
        x: 0,
        y: canvas.height().saturating_sub(1),
        width: canvas.width(),
        height: 1,
    };
    let mut line = canvas.part(line);
    line.clear();
    let x = line.put(0, 0, SIGN, strong());
    // The cursor is seen, and what is left of it.
    let room = usize::from(line.width().saturating_sub(x + 1));
    let skipped = prompt.input.cursor().saturating_sub(room);
    let typed: String = prompt.input.value().chars().skip(skipped).collect();
    let end = line.put(x, 0, &typed, strong()) + 1;
    let before = prompt.input.cursor() - skipped;
    let cursor = Rect {
        x: x.saturating_add(u16::try_from(before).unwrap_or(u16::MAX)),
        y: 0,
        width: 1,
        height: 1,
    };
    line.restyle(cursor, badge(strong()));
    if end + width_of(KEYS) < line.width() {
        line.put_right(line.width(), 0, KEYS, quiet());
    }
}
