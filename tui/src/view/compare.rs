//! A baseline against what is measured.

use hwptop_agent::{
    compare::{Blocks, Comparison},
    snapshot::{Scope, Snapshot},
};
use ratatui::{layout::Rect, style::Style};

use super::{Canvas, View, rows, wrapped, wrapped_to};
use crate::{
    App, Baseline,
    column::width_of,
    compared, figure, object,
    theme::{quiet, strong},
};

mod difference;
mod table;

/// From this height on, both sides are told of above the table: lower, its rows are.
const CAPTIONS_FROM: u16 = 9;
/// From this height on, what sets the sides apart has more than a line.
const APART_FROM: u16 = 16;
/// Columns in front of what is told of a side.
const SIDE: u16 = 10;

pub(super) fn draw(view: &View, canvas: &mut Canvas) {
    let blocks = &view.app.picture().blocks;
    let mut y = draw_title(view, canvas);
    if view.app.comparing.baseline.is_none() {
        draw_how(view.app, y, canvas);
    }
    let Some((baseline, comparison)) = view.app.comparing.comparison() else {
        return;
    };
    y = draw_sides(baseline, blocks, comparison, y, canvas);
    y = draw_apart(comparison, y, canvas);
    y = table::draw(comparison, y, canvas);
    y = draw_notes(comparison, y, canvas);
    let rest = Rect {
        x: 0,
        y: y + 1,
        width: canvas.width(),
        height: canvas.height().saturating_sub(y + 1),
    };
    difference::draw(comparison, &mut canvas.part(rest));
}

/// What is compared, and how to choose something else.
fn draw_title(view: &View, canvas: &mut Canvas) -> u16 {
    let scopes = &view.rows.scopes;
    let chosen = rows::index(view.place, scopes).unwrap_or_default();
    let name = scopes
        .get(chosen)
        .map_or_else(String::new, |scope| name_of(scope, view.snapshot));
    let stage = view.app.comparing.stage.name();
    let short = format!("↑↓ {} of {}  Tab stage", chosen + 1, scopes.len());
    let long = if view.app.ended {
        short.clone()
    } else {
        format!("{short}  b new baseline")
    };
    let mut x = canvas.put(0, 0, "compare  ", quiet());
    let room = canvas.width().saturating_sub(x + 10 + width_of(stage));
    x = canvas.put(x, 0, &figure::shortened(&name, usize::from(room)), strong());
    x = canvas.put(x, 0, ", stage ", quiet());
    x = canvas.put(x, 0, stage, strong()) + 2;
    let mut hints = [long, short].into_iter();
    if let Some(hint) = hints.find(|hint| x + width_of(hint) <= canvas.width()) {
        canvas.put_right(canvas.width(), 0, &hint, quiet());
    }
    1
}

fn name_of(scope: &Scope, snapshot: &Snapshot) -> String {
    let its = |one: &&_| Scope::of_object(snapshot, one).as_ref() == Some(scope);
    match scope {
        Scope::Everything => "all instances".to_owned(),
        Scope::Instance(name) => {
            let mut instances = snapshot.instances.iter();
            let instance = instances.find(|one| one.name == *name);
            let mark = instance.map_or("", |one| figure::mark(one.kind));
            format!("{name}{mark}")
        }
        Scope::Process(id) => format!("process {id}"),
        Scope::Object(scope) => match snapshot.objects.iter().find(its) {
            Some(object) => object::name(object),
            None => format!("{} of process {}", object::hwpt(scope), scope.process),
        },
    }
}

/// How to give a baseline, where there is none.
fn draw_how(app: &App, mut y: u16, canvas: &mut Canvas) {
    let blocks = &app.live().blocks;
    let goes_on = if app.is_paused() {
        "; the picture that is held goes on then"
    } else {
        ""
    };
    let kept = if app.ended {
        "the source has ended: nothing comes that what was seen until now could be compared with"
            .to_owned()
    } else {
        format!(
            "press b to take what was seen until now ({} in {} intervals) as baseline, \
             and to compare what comes with it{goes_on}",
            figure::span(blocks.length()),
            blocks.intervals()
        )
    };
    let file = "or start with a recording: hwptop top --baseline FILE.jsonl, or hwptop replay \
                RECORDING.jsonl --baseline FILE.jsonl; hwptop record -o FILE.jsonl makes one";
    canvas.put(0, y, "there is no baseline", Style::new());
    y += 1;
    for text in [&*kept, file] {
        for line in wrapped(text, canvas.width().saturating_sub(2)) {
            canvas.put(2, y, &line, quiet());
            y = y.saturating_add(1);
        }
    }
}

/// A line on each side.
fn draw_sides(
    baseline: &Baseline,
    blocks: &Blocks,
    comparison: &Comparison,
    y: u16,
    canvas: &mut Canvas,
) -> u16 {
    if canvas.height() < CAPTIONS_FROM {
        return y;
    }
    let room = usize::from(canvas.width().saturating_sub(SIDE));
    let least = baseline.name.chars().count().min(room / 3);
    let of_base = baseline.blocks.circumstances();
    let base = compared::about(of_base, &comparison.base, room.saturating_sub(least + 2));
    let live = compared::about(blocks.circumstances(), &comparison.new, room);
    let name = room.saturating_sub(base.chars().count() + 2);
    let name = figure::shortened(&baseline.name, name);
    for (y, side, text) in [
        (y, "baseline", format!("{name}, {base}")),
        (y + 1, "live", live),
    ] {
        canvas.put(0, y, side, quiet());
        canvas.put(SIDE, y, &figure::shortened(&text, room), Style::new());
    }
    y + 2
}

fn draw_apart(comparison: &Comparison, mut y: u16, canvas: &mut Canvas) -> u16 {
    let limit = if canvas.height() < APART_FROM { 1 } else { 3 };
    let told = [compared::apart(comparison), compared::left_out(comparison)];
    for text in told.into_iter().flatten() {
        for line in wrapped_to(&text, canvas.width(), limit) {
            canvas.put(0, y, &line, canvas.theme.alarm());
            y += 1;
        }
    }
    y
}

fn draw_notes(comparison: &Comparison, mut y: u16, canvas: &mut Canvas) -> u16 {
    let needs = compared::needs(comparison).unwrap_or_default();
    for text in [&*needs, compared::NOTE] {
        for line in wrapped(text, canvas.width()) {
            canvas.put(0, y, &line, quiet());
            y = y.saturating_add(1);
        }
    }
    y
}
