//! The rows of the screen that is shown, in their order, and which is selected.

use std::{
    cell::RefCell,
    rc::Rc,
    time::{Duration, SystemTime},
};

use hwptop_agent::snapshot::{InstanceSnapshot, Scope, Snapshot};

use crate::{
    App, baseline,
    column::{NameWidths, Row},
    figure, members,
    screen::{Place, Screen},
    sort::{By, Sort},
};

/// The rows of a screen as they are shown.
#[derive(Debug)]
pub(crate) struct Rows {
    /// What they are, from the top.
    pub(crate) scopes: Vec<Scope>,
    /// The place of each in the kernel's order.
    places: Vec<usize>,
    /// How many there are without the filter.
    pub(crate) all: usize,
    /// What the names of all take, shown or not: a filter moves no column.
    pub(crate) names: NameWidths,
}

impl Rows {
    /// The instances that are shown, from row `first` on.
    pub(crate) fn instances<'a>(
        &'a self,
        snapshot: &'a Snapshot,
        first: usize,
    ) -> impl Iterator<Item = (&'a InstanceSnapshot, &'a Scope)> {
        let rows = self.places.iter().zip(&self.scopes).skip(first);
        rows.filter_map(|(&place, scope)| Some((snapshot.instances.get(place)?, scope)))
    }
}

/// The rows that were listed last: a picture is drawn often, and its rows stay the same.
#[derive(Debug, Default)]
pub(crate) struct Listed(RefCell<Option<(Key, Rc<Rows>)>>);

/// What the rows follow from.
#[derive(Debug, PartialEq)]
struct Key {
    screen: Screen,
    filter: String,
    sort: Sort,
    taken: (SystemTime, Duration),
    /// Where what is selected is a row even when it is gone.
    selected: Option<Scope>,
}

/// The rows of `place`, of the picture that `app` shows.
pub(crate) fn listed(app: &App, place: &Place, snapshot: &Snapshot) -> Rc<Rows> {
    let key = Key {
        screen: place.screen.clone(),
        filter: place.filter.clone(),
        sort: place.sort,
        taken: (snapshot.taken_at, snapshot.since_start),
        selected: match place.screen {
            Screen::Compare => place.selected.clone(),
            _ => None,
        },
    };
    let mut last = app.listed.0.borrow_mut();
    if let Some((of, rows)) = &*last
        && *of == key
    {
        return Rc::clone(rows);
    }
    let rows = Rc::new(list(place, snapshot));
    *last = Some((key, Rc::clone(&rows)));
    rows
}

fn list(place: &Place, snapshot: &Snapshot) -> Rows {
    let all = of(place, snapshot);
    let names = NameWidths::of_instances(snapshot);
    let count = all.len();
    let (places, scopes) = if place.filter.is_empty() && place.sort.is_the_kernels() {
        ((0..count).collect(), all)
    } else {
        arranged(place, snapshot, all)
    };
    Rows {
        scopes,
        places,
        all: count,
        names,
    }
}

/// What the rows of `place` are without its filter, in the kernel's order.
fn of(place: &Place, snapshot: &Snapshot) -> Vec<Scope> {
    match &place.screen {
        Screen::Instances => {
            let names = snapshot.instances.iter().map(|one| one.name.clone());
            names.map(Scope::Instance).collect()
        }
        Screen::Part(scope) => {
            let members = members::of(scope, snapshot).into_iter();
            members.map(|member| member.scope).collect()
        }
        Screen::Outliers | Screen::Outlier(_) | Screen::Health | Screen::Help => Vec::new(),
        Screen::Compare => baseline::scopes(place.selected.as_ref(), snapshot),
    }
}

/// Those of `scopes` that the filter of `place` lets through, in its order, with the place of
/// each in `scopes`.
fn arranged(place: &Place, snapshot: &Snapshot, scopes: Vec<Scope>) -> (Vec<usize>, Vec<Scope>) {
    let members = match &place.screen {
        Screen::Part(behind) => members::of(behind, snapshot),
        _ => Vec::new(),
    };
    let row = |(at, _): &(usize, Scope)| {
        if let Screen::Part(behind) = &place.screen {
            let member = members.get(*at)?;
            return Some(member.row(member.full_name(), behind, snapshot));
        }
        let instance = snapshot.instances.get(*at)?;
        Some(Row::interval(instance, snapshot.interval))
    };
    let mut rows: Vec<(usize, Scope)> = scopes.into_iter().enumerate().collect();
    if !place.filter.is_empty() {
        let filter = place.filter.to_lowercase();
        rows.retain(|one| row(one).is_some_and(|row| has(&row, &filter)));
    }
    place.sort.apply(&mut rows, row);
    rows.into_iter().unzip()
}

/// Whether `text`, in small letters, is in the name of `row`, which for an object has its
/// process, or in the word for what is not hardware.
fn has(row: &Row, text: &str) -> bool {
    row.name.to_lowercase().contains(text) || figure::word(row.kind).contains(text)
}

/// Which of `rows` is selected: the one that was, or the one in its place; `None` where there
/// are none.
pub(crate) fn index(place: &Place, rows: &[Scope]) -> Option<usize> {
    let last = rows.len().checked_sub(1)?;
    let selected = place.selected.as_ref();
    let found = rows.iter().position(|row| Some(row) == selected);
    Some(found.unwrap_or(place.row.min(last)))
}

/// The rows of the screen that is shown, and which of them is selected.
fn here(app: &App) -> Option<(Rc<Rows>, usize)> {
    at(app, app.screens.here())
}

fn at(app: &App, place: &Place) -> Option<(Rc<Rows>, usize)> {
    let rows = listed(app, place, app.picture().snapshot.as_ref()?);
    let index = index(place, &rows.scopes)?;
    Some((rows, index))
}

/// The selected row of the screen that is shown.
pub(crate) fn selected(app: &App) -> Option<Scope> {
    selected_at(app, app.screens.here())
}

/// The selected row of `place`.
pub(crate) fn selected_at(app: &App, place: &Place) -> Option<Scope> {
    let (rows, index) = at(app, place)?;
    rows.scopes.get(index).cloned()
}

/// Moves the selection by `lines`.
pub(crate) fn select(app: &mut App, lines: isize) {
    if let Some((rows, index)) = here(app) {
        let last = rows.scopes.len().saturating_sub(1);
        select_row(app, &rows, index.saturating_add_signed(lines).min(last));
    }
}

/// Selects the row of `scope`, where there is one.
pub(crate) fn select_scope(app: &mut App, scope: &Scope) {
    if let Some((rows, _)) = here(app)
        && let Some(row) = rows.scopes.iter().position(|one| one == scope)
    {
        select_row(app, &rows, row);
    }
}

fn select_row(app: &mut App, rows: &Rows, row: usize) {
    let place = app.screens.here_mut();
    place.row = row;
    place.selected = rows.scopes.get(row).cloned();
}

/// How many rows are a screen.
pub(crate) fn page(app: &App) -> isize {
    let rows = app.drawn.borrow().rows.len();
    isize::try_from(rows).unwrap_or(isize::MAX).max(1)
}

/// Changes the order of the rows, which may be by what is `shown`.
pub(crate) fn sort(app: &mut App, change: impl Fn(Sort, &[By]) -> Sort) {
    let shown = app.drawn.borrow().sorts();
    let place = app.screens.here_mut();
    if !shown.is_empty() {
        place.sort = change(place.sort, &shown);
    }
}

/// The uppermost of `count` rows where `lines` are shown: `top`, unless the selected one is
/// above or below, or lines would stay empty.
pub(crate) fn top(top: usize, selected: usize, lines: usize, count: usize) -> usize {
    let lowest = (selected + 1).saturating_sub(lines);
    let most = selected.min(count.saturating_sub(lines));
    top.clamp(lowest.min(most), most)
}
