//! All instances, and below them what there is room for of the selected one and its neighbours.

use hwptop_agent::snapshot::InstanceSnapshot;
use ratatui::layout::Rect;

use super::{Canvas, View, advice, detail, kernel, rows, table};

/// `gap` blank lines part the sections.
pub(super) fn draw(view: &View, gap: u16, canvas: &mut Canvas) {
    let (snapshot, history) = (view.snapshot, &view.app.picture().history);
    let selected = rows::index(view.place, &view.rows.scopes).unwrap_or_default();
    let used = table::draw(view, selected, canvas) + gap;
    let left = canvas.height().saturating_sub(used + gap);
    let advised = view.rows.scopes.get(selected).map_or(0, |scope| {
        let room = Rect::new(0, used, canvas.width(), left);
        advice::draw_at_bottom(view, scope, &mut canvas.part(room))
    });
    let rest = Rect {
        x: 0,
        y: used,
        width: canvas.width(),
        height: left.saturating_sub(advised),
    };
    let mut rest = canvas.part(rest);
    let mut instances = view.rows.instances(snapshot, selected).map(|(one, _)| one);
    if snapshot.is_of_the_kernel() {
        kernel::draw(snapshot, history, instances.next(), &mut rest);
    } else {
        let instances: Vec<&InstanceSnapshot> = instances.collect();
        detail::draw(&instances, history, snapshot.interval, &mut rest);
    }
}
