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
/// The least that what is typed keeps beside them.
const TYPED_LEAST: u16 = 16;

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
    let keys = width_of(KEYS) + 2;
    let keys = if x + TYPED_LEAST + keys <= line.width() {
        keys
    } else {
        0
    };
    if keys > 0 {
        line.put_right(line.width(), 0, KEYS, quiet());
    }
    // The cursor is seen, and what is left of it.
    let width = line.width().saturating_sub(keys);
    let mut line = line.part(Rect::new(0, 0, width, 1));
    let room = usize::from(width.saturating_sub(x + 1));
    let skipped = prompt.input.cursor().saturating_sub(room);
    let typed: String = prompt.input.value().chars().skip(skipped).collect();
    line.put(x, 0, &typed, strong());
    let before = prompt.input.cursor() - skipped;
    let cursor = Rect {
        x: x.saturating_add(u16::try_from(before).unwrap_or(u16::MAX)),
        y: 0,
        width: 1,
        height: 1,
    };
    line.restyle(cursor, badge(strong()));
}
