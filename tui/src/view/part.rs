//! One instance, process, or nested HWPT or vIOMMU: what it does and what it did, and who is
//! behind it.

use std::borrow::Cow;

use hwptop_agent::{
    InstanceKind,
    snapshot::{Activity, InstanceSnapshot, Scope, Stage},
};
use ratatui::{layout::Rect, style::Style};

use super::{Canvas, View, advice, bars, curve, failures, heat, wrapped_to};
use crate::{
    breakdown::Breakdown,
    column::{Layout, Row, width_of},
    costs, figure,
    members::{self, Member},
    theme::{quiet, strong},
};

mod behind;

/// Below this height costs have one line.
const COSTS_FROM: u16 = 12;
/// The height from which on there are headings and blank lines.
const ROOMY: u16 = 20;
/// The width from which on bars and curves are beside the heat map.
const BESIDE_FROM: u16 = 100;
/// The height from which on they are.
const BESIDE_HEIGHT: u16 = 6;
/// The most that they take of the width.
const FIGURES_MOST: u16 = 76;
const GAP: u16 = 2;
/// The height from which on they are below it where they are not beside.
const BELOW_FROM: u16 = 20;
/// What the batches are given: all they want, or a caption and three bars.
const BATCHES_LEAST: u16 = 4;
/// The height from which on there is a second heat map.
const BOTH_FROM: u16 = 18;

/// What the screen is of.
struct Part<'a> {
    view: &'a View<'a>,
    scope: &'a Scope,
    /// What it did in the interval; `None` where it is gone.
    did: Option<Cow<'a, Activity>>,
    breakdown: Option<Breakdown>,
    /// Who is behind it.
    members: Vec<Member<'a>>,
}

pub(super) fn draw(view: &View, scope: &Scope, canvas: &mut Canvas) {
    let did = scope.interval(view.snapshot);
    let breakdown = did.as_deref();
    let breakdown = breakdown.and_then(|did| Breakdown::of(view.snapshot, did));
    let part = Part {
        view,
        scope,
        did,
        breakdown,
        members: members::of(scope, view.snapshot),
    };
    let height = canvas.height();
    let top = draw_top(&part, canvas);
    // A blank line parts the sections where there is room for one.
    let gap = u16::from(height >= ROOMY);
    let rest = height.saturating_sub(top);
    let members = behind::height(&part, rest);
    let gap = if members > 0 { gap } else { 0 };
    let body = Rect {
        x: 0,
        y: top,
        width: canvas.width(),
        height: rest.saturating_sub(members + gap),
    };
    let members = Rect {
        y: top + body.height + gap,
        height: members,
        ..body
    };
    // Of what is gone there is nothing to be made better.
    let advised = part.did.as_ref().map_or(0, |_| {
        advice::draw_some_at_bottom(view, scope, &mut canvas.part(body))
    });
    let body = Rect {
        height: body.height - advised,
        ..body
    };
    draw_body(&part, &mut canvas.part(body));
    behind::draw(&part, &mut canvas.part(members));
}

/// Its name, its line of figures, and what is wrong with it. Returns the line after the last.
fn draw_top(part: &Part, canvas: &mut Canvas) -> u16 {
    draw_title(part, canvas);
    let Some(did) = &part.did else {
        canvas.put(0, 1, &gone(part), canvas.theme.alarm());
        return 2;
    };
    let snapshot = part.view.snapshot;
    let errors = part.scope.errors(snapshot);
    let did = Cow::Borrowed(&**did);
    let row = Row::part("", InstanceKind::Hardware, did, snapshot.interval, errors);
    let layout = Layout::fit_unnamed(canvas.width());
    let mut y = 1;
    if canvas.height() >= ROOMY {
        canvas.put(0, y, &layout.heading_line(), quiet());
        y += 1;
    }
    canvas.put(0, y, &layout.title_line(), strong());
    canvas.put(0, y + 1, &layout.row_line(&row), Style::new());
    y += 2;
    if !is_beside(canvas)
        && let Some(breakdown) = &part.breakdown
    {
        let caption = "request time: ";
        let line = breakdown.line();
        let fits = width_of(caption) + width_of(&line) <= canvas.width();
        let x = if fits {
            canvas.put(0, y, caption, quiet())
        } else {
            0
        };
        canvas.put(x, y, &line, Style::new());
        y += 1;
    }
    if let Some(fault) = instance(part).and_then(|one| one.fault.as_ref()) {
        for line in wrapped_to(&format!("! {fault}"), canvas.width(), 2) {
            canvas.put(0, y, &line, canvas.theme.alarm());
            y += 1;
        }
    }
    y = draw_costs(part, y, canvas);
    let history = &part.view.app.picture().history;
    failures::draw(history, part.scope, y, canvas)
}

/// The line that says what the screen is of.
fn draw_title(part: &Part, canvas: &mut Canvas) {
    let theme = canvas.theme;
    let kinds = kinds(part).into_iter().map(figure::word);
    let mut words: Vec<_> = kinds.filter(|word| !word.is_empty()).collect();
    let marks = words.len();
    if instance(part).is_some_and(|one| one.fault.is_some()) {
        words.push("frozen");
    }
    let taken: u16 = words.iter().map(|word| width_of(word) + 1).sum();
    let mut x = canvas.put(0, 0, "── ", quiet());
    let room = canvas.width().saturating_sub(x + taken);
    let name = behind::title(part);
    let name = figure::shortened(&name, usize::from(room));
    x = canvas.put(x, 0, &name, strong()) + 1;
    for (index, word) in words.into_iter().enumerate() {
        let style = if index < marks {
            theme.unreal()
        } else {
            theme.alarm()
        };
        x = canvas.put(x, 0, word, style) + 1;
    }
    let line = "─".repeat(usize::from(canvas.width().saturating_sub(x)));
    canvas.put(x, 0, &line, quiet());
}

/// The instance that it is.
fn instance<'a>(part: &Part<'a>) -> Option<&'a InstanceSnapshot> {
    let Scope::Instance(name) = part.scope else {
        return None;
    };
    let mut instances = part.view.snapshot.instances.iter();
    instances.find(|one| one.name == *name)
}

/// What stands behind what it does.
fn kinds(part: &Part) -> Vec<InstanceKind> {
    let snapshot = part.view.snapshot;
    let is_its = |one: &&InstanceSnapshot| match part.scope {
        Scope::Everything => true,
        Scope::Instance(name) => one.name == *name,
        Scope::Object(object) => object.instance.as_ref() == Some(&one.name),
        Scope::Process(_) => snapshot
            .objects
            .iter()
            .any(|object| object.instance == Some(one.number) && part.scope.has(snapshot, object)),
    };
    let instances = snapshot.instances.iter().filter(is_its);
    let mut kinds: Vec<_> = instances.map(|one| one.kind).collect();
    kinds.sort_unstable();
    kinds.dedup();
    kinds
}

/// Since when it is in no snapshot any more.
fn gone(part: &Part) -> String {
    let snapshot = part.view.snapshot;
    let kept = &part.view.app.picture().history.kept;
    let gone = kept.gone(part.scope);
    let ago = gone.and_then(|gone| snapshot.taken_at.duration_since(gone.at).ok());
    let why = match snapshot.objects_left_out {
        0 => "gone",
        _ => "gone, or among those that are left out",
    };
    match ago {
        Some(ago) => format!("{why}: last seen {} ago", figure::span(ago)),
        None => format!("{why}: not seen as far back as is kept"),
    }
}

/// What a request takes of the CPUs, where that is counted for it.
fn draw_costs(part: &Part, y: u16, canvas: &mut Canvas) -> u16 {
    let snapshot = part.view.snapshot;
    let Some(perf) = &snapshot.perf else { return y };
    let is_its = match part.scope {
        Scope::Process(id) => *id == perf.pid,
        Scope::Object(object) => object.process == perf.pid,
        // All that static probes see is of one process.
        Scope::Everything | Scope::Instance(_) => !snapshot.is_of_the_kernel(),
    };
    let each = [costs::a_request(snapshot), costs::an_entry(snapshot)];
    let each: Vec<String> = each.into_iter().flatten().collect();
    if !is_its || each.is_empty() {
        return y;
    }
    // The counts are the whole process's, where the screen is of a part of it.
    let text = format!("{}: {}", perf.of, each.join("; "));
    let limit = if canvas.height() < COSTS_FROM { 1 } else { 2 };
    let lines = wrapped_to(&text, canvas.width(), limit);
    for (y, line) in (y..).zip(&lines) {
        canvas.put(0, y, line, Style::new());
    }
    y.saturating_add(u16::try_from(lines.len()).unwrap_or(u16::MAX))
}

fn draw_body(part: &Part, canvas: &mut Canvas) {
    let (width, height) = (canvas.width(), canvas.height());
    let whole = Rect {
        x: 0,
        y: 0,
        width,
        height,
    };
    let (heat, figures) = if is_beside(canvas) {
        let figures = (width * 2 / 5).min(FIGURES_MOST);
        let heat = Rect {
            width: width - figures - GAP,
            ..whole
        };
        let figures = Rect {
            x: width - figures,
            width: figures,
            ..whole
        };
        (heat, Some(figures))
    } else if height >= BELOW_FROM {
        let heat = Rect {
            height: height / 2,
            ..whole
        };
        let figures = Rect {
            y: heat.height + 1,
            height: height - heat.height - 1,
            ..whole
        };
        (heat, Some(figures))
    } else {
        (whole, None)
    };
    draw_heat(part, &mut canvas.part(heat));
    if let Some(figures) = figures {
        draw_figures(part, &mut canvas.part(figures));
    }
}

/// Whether figures are beside the heat map.
fn is_beside(canvas: &Canvas) -> bool {
    canvas.width() >= BESIDE_FROM && canvas.height() >= BESIDE_HEIGHT
}

/// The heat map of the requests, and below it that of the submissions where there is room.
fn draw_heat(part: &Part, canvas: &mut Canvas) {
    let kept = &part.view.app.picture().history.kept;
    let snapshot = part.view.snapshot;
    let times_both = !snapshot.is_of_the_kernel() || snapshot.times(Stage::Submission);
    let height = canvas.height();
    let both = height >= BOTH_FROM && times_both;
    let first = Rect {
        x: 0,
        y: 0,
        width: canvas.width(),
        height: if both { height.div_ceil(2) } else { height },
    };
    heat::draw(kept, part.scope, Stage::Request, &mut canvas.part(first));
    if both {
        let second = Rect {
            y: first.height,
            height: height - first.height,
            ..first
        };
        heat::draw(
            kept,
            part.scope,
            Stage::Submission,
            &mut canvas.part(second),
        );
    }
}

/// Where the time went, how large the batches were, and the percentiles, as far as there is room.
fn draw_figures(part: &Part, canvas: &mut Canvas) {
    let (width, height) = (canvas.width(), canvas.height());
    let at = |y: u16, lines: u16| Rect {
        x: 0,
        y,
        width,
        height: lines,
    };
    let mut y = 0;
    if let Some(breakdown) = &part.breakdown {
        let lines = bars::breakdown_height(breakdown);
        bars::draw_breakdown(breakdown, &mut canvas.part(at(y, lines)));
        y += lines + 1;
    }
    for stage in Stage::PROBED {
        let Some(did) = part.did.as_deref().map(|did| did.stage(stage)) else {
            continue;
        };
        let left = height.saturating_sub(y);
        let beside_curves = left.saturating_sub(curve::LEAST + 1);
        let lines = bars::batches_height(did);
        let lines = match stage {
            // They come before the curves, those of submissions after them.
            Stage::Request if beside_curves < lines.min(BATCHES_LEAST) => lines.min(left),
            _ => lines.min(beside_curves),
        };
        let least = bars::batches_height(did).min(BATCHES_LEAST);
        if lines >= least && !did.batches.is_empty() {
            bars::draw_batches(stage, did, &mut canvas.part(at(y, lines)));
            y += lines + 1;
        }
    }
    let kept = &part.view.app.picture().history.kept;
    let rest = at(y, height.saturating_sub(y));
    let (snapshot, did) = (part.view.snapshot, part.did.as_deref());
    curve::draw(kept, part.scope, snapshot, did, &mut canvas.part(rest));
}
