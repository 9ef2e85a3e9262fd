//! Where the kernel is looked at: what one instance did, for whom, and where the time
//! went.

use hwptop_agent::snapshot::{InstanceSnapshot, ObjectSnapshot, Scope, Snapshot, Stage};
use ratatui::{layout::Rect, style::Style};

use super::{Canvas, chart, detail, failures};
use crate::{
    column::{Layout, Row, width_of},
    history::History,
    stages,
    theme::{quiet, strong},
};

/// Titles and one row: what objects are given before all stages are.
const OBJECTS_LEAST: u16 = 2;
/// The least for a chart, its caption and a blank line before it.
const CHART_LEAST: u16 = 5;

/// The stages in the order in which they are given room, those in which something
/// happened first: the last ones are in the table of instances, too.
const BY_PRIORITY: [Stage; 5] = [
    Stage::DriverOp,
    Stage::HostSubmission,
    Stage::Unattributed,
    Stage::Submission,
    Stage::Request,
];

/// Draws `instance`; without one, the requests that reached none.
pub(super) fn draw(
    snapshot: &Snapshot,
    history: &History,
    instance: Option<&InstanceSnapshot>,
    canvas: &mut Canvas,
) {
    let Some(instance) = instance else {
        draw_objects(snapshot, None, 0, canvas);
        return;
    };
    if canvas.height() < 2 {
        return;
    }
    detail::draw_title(instance, history, canvas);
    let mut y = 1;
    if let Some(split) = snapshot.split(&instance.interval) {
        let split = stages::split(&split);
        let caption = "request time: ";
        let mut x = 0;
        if width_of(caption) + width_of(&split) <= canvas.width() {
            x = canvas.put(0, y, caption, quiet());
        }
        canvas.put(x, y, &split, Style::new());
        y += 1;
    }
    let scope = Scope::Instance(instance.name.clone());
    y = failures::draw(history, &scope, y, canvas);
    y = draw_stages(snapshot, instance, y, canvas);
    y = draw_objects(snapshot, Some(instance), y, canvas);
    let ahead = history.ahead(snapshot.interval, canvas.width());
    draw_chart(history, instance, ahead, y, canvas);
}

fn draw_stages(
    snapshot: &Snapshot,
    instance: &InstanceSnapshot,
    mut y: u16,
    canvas: &mut Canvas,
) -> u16 {
    let objects = objects_of(snapshot, Some(instance)).next().is_some();
    let reserved = if objects { OBJECTS_LEAST } else { 0 };
    let rows = canvas.height().saturating_sub(y + reserved + 1);
    let there: Vec<Stage> = snapshot.stages_of(&instance.total).collect();
    let mut chosen = BY_PRIORITY.to_vec();
    chosen.retain(|stage| there.contains(stage));
    chosen.sort_by_key(|stage| instance.total.stage(*stage).seen == 0);
    chosen.truncate(usize::from(rows));
    if chosen.is_empty() {
        return y;
    }
    canvas.put(0, y, &stages::title(), strong());
    y += 1;
    for stage in there.into_iter().filter(|stage| chosen.contains(stage)) {
        let did = instance.interval.stage(stage);
        canvas.put(
            0,
            y,
            &stages::line(stage, did, snapshot.interval),
            Style::new(),
        );
        let note = stages::note(stage);
        if stages::WIDTH + 2 + width_of(note) <= canvas.width() {
            canvas.put(stages::WIDTH + 2, y, note, quiet());
        }
        y += 1;
    }
    y
}

/// Those of `instance`, and those that reached none.
fn objects_of<'a>(
    snapshot: &'a Snapshot,
    instance: Option<&InstanceSnapshot>,
) -> impl Iterator<Item = &'a ObjectSnapshot> {
    let number = instance.map(|one| one.number);
    let listed = move |one: &&ObjectSnapshot| one.instance.is_none() || one.instance == number;
    snapshot.objects.iter().filter(listed)
}

fn draw_objects(
    snapshot: &Snapshot,
    instance: Option<&InstanceSnapshot>,
    mut y: u16,
    canvas: &mut Canvas,
) -> u16 {
    let here = objects_of(snapshot, instance).count();
    let room = usize::from(canvas.height().saturating_sub(y + 1));
    if here == 0 || room == 0 {
        return y;
    }
    let all = here + snapshot.objects_left_out;
    let noted = all > room && room > 1;
    let rows: Vec<Row> = objects_of(snapshot, instance)
        .take(room - usize::from(noted))
        .map(|one| Row::object(one, snapshot.interval))
        .collect();
    let layout = Layout::fit_objects(&rows, canvas.width());
    canvas.put(0, y, &layout.title_line(), strong());
    y += 1;
    for row in &rows {
        canvas.put(0, y, &layout.row_line(row), Style::new());
        y += 1;
    }
    if noted {
        canvas.put(0, y, &format!("+{} more", all - rows.len()), quiet());
        y += 1;
    }
    y
}

/// The tail of the requests over time, in what is left.
fn draw_chart(
    history: &History,
    instance: &InstanceSnapshot,
    ahead: usize,
    y: u16,
    canvas: &mut Canvas,
) {
    let height = canvas.height().saturating_sub(y);
    if height < CHART_LEAST {
        return;
    }
    let rect = Rect {
        x: 0,
        y: y + 1,
        width: canvas.width(),
        height: height - 1,
    };
    let tails: Vec<_> = history
        .newest(&instance.name, usize::from(canvas.width()))
        .map(|tail| tail.request_ns)
        .collect();
    let style = canvas.theme.request();
    chart::draw("request", &tails, ahead, style, &mut canvas.part(rect));
}
