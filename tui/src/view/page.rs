//! Lines that can be scrolled through.

use ratatui::text::Line;

use super::Canvas;
use crate::{
    screen::{Extent, Place},
    theme::quiet,
};

/// Draws `lines` from the one that `place` is at; the last line of the screen says how many are
/// out of sight.
pub(super) fn draw(place: &Place, lines: &[Line], canvas: &mut Canvas) {
    let height = usize::from(canvas.height());
    let scrolls = lines.len() > height;
    let room = height - usize::from(scrolls && height > 1);
    let beyond = lines.len().saturating_sub(room);
    place.extent.set(Extent {
        lines: room,
        beyond,
    });
    let first = place.row.min(beyond);
    for (y, line) in (0..).zip(lines.iter().skip(first).take(room)) {
        canvas.put_line(y, line);
    }
    if scrolls && height > 1 {
        more(first, beyond - first, canvas);
    }
}

/// The last line: how many are out of sight.
pub(super) fn more(above: usize, below: usize, canvas: &mut Canvas) {
    let note = format!("more: ↑ {above}  ↓ {below}");
    canvas.put(0, canvas.height().saturating_sub(1), &note, quiet());
}
