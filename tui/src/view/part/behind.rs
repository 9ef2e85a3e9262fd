//! The processes and HWPTs behind a part, as rows that can be selected.

use hwptop_agent::snapshot::Scope;
use ratatui::{
    layout::Rect,
    style::{Modifier, Style},
};

use super::{
    super::{Canvas, table},
    Part,
};
use crate::{
    column::{Layout, Row},
    members::Member,
    object, rows,
    theme::quiet,
};

/// Below this height only the selected row is shown, without a title.
const TITLED_FROM: u16 = 12;
/// Of so many lines of the screen one is for a row.
const SHARE: u16 = 3;
const SELECTED: &str = "> ";
const OTHERS: &str = "  ";
/// The width of either.
const POINTER: u16 = 2;

/// What the title of the screen says.
pub(super) fn title(part: &Part) -> String {
    match part.scope {
        Scope::Everything => "all instances".to_owned(),
        Scope::Instance(name) => name.clone(),
        Scope::Process(id) => process(part, *id),
        Scope::Object(own) => {
            let instance = own.instance.as_deref();
            let on = instance.map_or_else(String::new, |name| format!(" on {name}"));
            let process = process(part, own.process);
            format!("{} of {process}{on}", object::hwpt(own))
        }
    }
}

/// The process `id` behind the part, by its name where that is or was known.
fn process(part: &Part, id: u32) -> String {
    let snapshot = part.view.snapshot;
    let mut objects = snapshot.objects.iter();
    let here = objects.find(|one| part.scope.has(snapshot, one));
    let here = here.and_then(|one| one.owner.as_ref());
    let kept = &part.view.app.picture().history.kept;
    let was = || kept.gone(part.scope)?.process.as_ref();
    match here.map(|owner| &owner.process).or_else(was) {
        None => format!("process {id}"),
        known => object::process(known),
    }
}

/// How many of `room` lines it takes.
pub(super) fn height(part: &Part, room: u16) -> u16 {
    let rows = &part.view.rows;
    if rows.all == 0 {
        return 0;
    }
    if room < TITLED_FROM {
        return u16::from(room > super::heat::LEAST);
    }
    let left_out = part.view.snapshot.objects_left_out > 0;
    let noted = left_out || table::notes(part.view.place, rows).is_some();
    let wanted = u16::try_from(rows.scopes.len() + usize::from(noted) + 1).unwrap_or(u16::MAX);
    wanted.min((room / SHARE).max(2))
}

/// Draws them over the whole canvas, the selected one among them.
pub(super) fn draw(part: &Part, canvas: &mut Canvas) {
    let (snapshot, place, rows) = (part.view.snapshot, part.view.place, &*part.view.rows);
    let height = usize::from(canvas.height());
    if rows.all == 0 || height == 0 {
        return;
    }
    let titled = height > 1;
    let mut lines = height - usize::from(titled);
    let count = rows.scopes.len();
    let selected = rows::index(place, &rows.scopes).unwrap_or(0);
    let others = table::notes(place, rows);
    let left_out = snapshot.objects_left_out;
    // The line that tells how many there are takes the place of one, but not of the only one.
    let noted = (count > lines || left_out > 0 || others.is_some()) && (lines > 1 || count == 0);
    lines -= usize::from(noted);
    let top = rows::top(place.top.get(), selected, lines, count);
    canvas.is_scrolled_to(top);
    let shown = rows.scopes.get(top..).unwrap_or_default();
    let shown = &shown[..shown.len().min(lines)];
    draw_rows(part, shown, selected.saturating_sub(top), titled, canvas);
    if noted {
        let below = count - top - shown.len();
        let left_out =
            (left_out > 0).then(|| format!("{left_out} HWPTs of all instances are not told apart"));
        let said = table::missing(top, below).into_iter();
        let said: Vec<String> = said.chain(others).chain(left_out).collect();
        canvas.put(POINTER, canvas.height() - 1, &said.join(", "), quiet());
    }
}

fn draw_rows(part: &Part, shown: &[Scope], selected: usize, titled: bool, canvas: &mut Canvas) {
    let (snapshot, place) = (part.view.snapshot, part.view.place);
    // Below their process they are told by what they are; elsewhere by whose they are, too.
    let is_tree = place.sort.is_the_kernels() && place.filter.is_empty();
    let shown = shown
        .iter()
        .filter_map(|scope| part.members.iter().find(|member| member.scope == *scope));
    let shown: Vec<(&Member, Row)> = shown
        .map(|member| {
            let name = if is_tree {
                member.name(part.scope)
            } else {
                member.full_name()
            };
            (member, member.row(name, part.scope, snapshot))
        })
        .collect();
    let (shown, rows): (Vec<&Member>, Vec<Row>) = shown.into_iter().unzip();
    let whole = Rect {
        x: 0,
        y: 0,
        width: canvas.width(),
        height: canvas.height(),
    };
    let layout = Layout::fit_objects(&rows, whole.width.saturating_sub(POINTER));
    if titled {
        let right = Rect {
            x: POINTER,
            width: whole.width.saturating_sub(POINTER),
            ..whole
        };
        table::draw_titles(&layout, place.sort, 0, &mut canvas.part(right));
    }
    let lines = shown.iter().zip(&rows).enumerate();
    for (y, (index, (member, row))) in (u16::from(titled)..).zip(lines) {
        let (sign, style) = if index == selected {
            (SELECTED, Style::new().add_modifier(Modifier::REVERSED))
        } else {
            (OTHERS, Style::new())
        };
        canvas.put(0, y, &format!("{sign}{}", layout.row_line(row)), style);
        let line = Rect {
            y,
            height: 1,
            ..whole
        };
        canvas.is_row(line, &member.scope);
    }
}
