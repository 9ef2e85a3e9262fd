//! The last requests that failed.

use hwptop_agent::snapshot::Scope;

use super::Canvas;
use crate::{history::History, object};

/// So many are told, ...
const MOST: usize = 3;
/// ... but only the last below this height.
const MOST_FROM: u16 = 12;

/// Draws those of `scope` from line `y` on. Returns the line after the last.
pub(super) fn draw(history: &History, scope: &Scope, mut y: u16, canvas: &mut Canvas) -> u16 {
    let most = if canvas.height() < MOST_FROM { 1 } else { MOST };
    let mut newest: Vec<_> = history.failures_of(scope).take(most).collect();
    newest.reverse();
    for failed in newest {
        let text = format!("failed: {}", object::failure(failed));
        canvas.put(0, y, &text, canvas.theme.alarm());
        y += 1;
    }
    y
}
