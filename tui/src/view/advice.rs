//! What another batching policy would do for a part.

use hwptop_agent::snapshot::{Scope, Snapshot};
use ratatui::style::Style;

use super::{Canvas, View, heat, wrapped_to};
use crate::{advice, figure, theme::quiet};

/// Lines that whatever is above keeps: on a lower screen there is none below the table of
/// instances, and on the screen of a part only the first.
const ABOVE_LEAST: u16 = 18;
/// The most lines that one of the advice takes.
const WRAPPED: usize = 2;

/// Draws the advice for `scope` at the bottom, where there is room. Returns how many lines it
/// takes, with a blank one before it.
pub(super) fn draw_at_bottom(view: &View, scope: &Scope, canvas: &mut Canvas) -> u16 {
    let lines: Vec<String> = of(view, scope)
        .iter()
        .flat_map(|line| wrapped_to(line, canvas.width(), WRAPPED))
        .collect();
    let height = u16::try_from(lines.len() + 2).unwrap_or(u16::MAX);
    if lines.is_empty() || canvas.height() < ABOVE_LEAST.saturating_add(height) {
        return 0;
    }
    let mut y = canvas.height() - height + 1;
    let caption = match name(view.snapshot, scope) {
        Some(name) => format!("batching, {name}"),
        None => "batching".to_owned(),
    };
    canvas.put(0, y, &caption, quiet());
    for line in &lines {
        y += 1;
        canvas.put(0, y, line, Style::new());
    }
    height
}

/// As [`draw_at_bottom`], but only the first of the advice where there is no room for more, as far
/// as a heat map above it can stay.
pub(super) fn draw_some_at_bottom(view: &View, scope: &Scope, canvas: &mut Canvas) -> u16 {
    let whole = draw_at_bottom(view, scope, canvas);
    if whole > 0 {
        return whole;
    }
    let room = canvas.height().saturating_sub(heat::LEAST);
    let limit = usize::from(room).min(WRAPPED);
    let first = of(view, scope).into_iter().next().unwrap_or_default();
    let lines = wrapped_to(&first, canvas.width(), limit);
    let height = u16::try_from(lines.len()).unwrap_or(u16::MAX);
    for (y, line) in (canvas.height() - height..).zip(&lines) {
        canvas.put(0, y, line, Style::new());
    }
    height
}

fn of(view: &View, scope: &Scope) -> Vec<String> {
    advice::lines(&view.app.picture().history, scope, view.snapshot)
}

/// An instance with its mark; `None` for any other part.
fn name(snapshot: &Snapshot, scope: &Scope) -> Option<String> {
    let Scope::Instance(name) = scope else {
        return None;
    };
    let instance = snapshot.instances.iter().find(|one| one.name == *name);
    let mark = instance.map_or("", |one| figure::mark(one.kind));
    Some(format!("{name}{mark}"))
}
