//! What is compared with what on the screen of that name, worked out once per snapshot.

use std::ops::Bound;

use hwptop_agent::{
    compare::{Blocks, Comparison},
    snapshot::{Scope, Snapshot, Stage},
};

use crate::{App, Said, figure::span, rows, screen::Screen};

/// What the baseline is called that was taken in this session.
const EARLIER: &str = "this session, until b was pressed";

/// What is compared with.
#[derive(Clone, Debug)]
pub struct Baseline {
    /// Where it is from, e.g. the name of a file.
    pub name: String,
    /// What happened then.
    pub blocks: Blocks,
}

/// The state of the screen.
#[derive(Debug)]
pub(crate) struct Comparing {
    pub(crate) baseline: Option<Baseline>,
    pub(crate) stage: Stage,
    /// Whether the last key was to replace a baseline, which is done when it comes again.
    pub(crate) asked: bool,
    shown: Option<Shown>,
}

/// What was worked out last, and from what.
#[derive(Debug)]
struct Shown {
    scope: Scope,
    stage: Stage,
    /// How much of the session it is of.
    intervals: u64,
    comparison: Comparison,
}

impl Default for Comparing {
    fn default() -> Self {
        Self {
            baseline: None,
            stage: Stage::Request,
            asked: false,
            shown: None,
        }
    }
}

impl Comparing {
    pub(crate) fn set_baseline(&mut self, baseline: Baseline) {
        self.baseline = Some(baseline);
        self.shown = None;
    }

    /// What is to be drawn; `None` where there is no baseline.
    pub(crate) fn comparison(&self) -> Option<(&Baseline, &Comparison)> {
        let shown = self.shown.as_ref()?;
        Some((self.baseline.as_ref()?, &shown.comparison))
    }

    fn refresh(&mut self, blocks: &Blocks, scope: Scope) {
        let Some(baseline) = &self.baseline else {
            return;
        };
        let (stage, intervals) = (self.stage, blocks.intervals());
        let is_shown = self.shown.as_ref().is_some_and(|shown| {
            (&shown.scope, shown.stage, shown.intervals) == (&scope, stage, intervals)
        });
        if !is_shown {
            self.shown = Some(Shown {
                comparison: Comparison::of(&baseline.blocks, blocks, &scope, stage),
                scope,
                stage,
                intervals,
            });
        }
    }
}

/// What the user can choose from: all instances, each of them, each object, and what is
/// `selected`, whether it is still there or not.
pub(crate) fn scopes(selected: Option<&Scope>, snapshot: &Snapshot) -> Vec<Scope> {
    let names = snapshot.instances.iter().map(|one| one.name.clone());
    let objects = snapshot.objects.iter();
    let mut scopes: Vec<Scope> = std::iter::once(Scope::Everything)
        .chain(names.map(Scope::Instance))
        .chain(objects.filter_map(|one| Scope::of_object(snapshot, one)))
        .collect();
    let gone = selected.filter(|one| !scopes.contains(one)).cloned();
    scopes.extend(gone);
    scopes
}

/// Opens the screen at what the user looks at, or where it was.
pub(crate) fn open(app: &mut App) {
    let place = app.screens.below_help();
    let looked_at = match &place.screen {
        Screen::Compare => None,
        Screen::Part(scope) => Some(scope.clone()),
        Screen::Outliers | Screen::Outlier(_) => app.screens.part().cloned(),
        Screen::Instances | Screen::Health | Screen::Help => rows::selected_at(app, place),
    };
    app.screens.open(Screen::Compare);
    if looked_at.is_some() {
        app.screens.here_mut().selected = looked_at;
    }
}

/// Takes what has been seen until now as baseline, and what comes as that which is compared
/// with it. Only where the screen is shown: a baseline of an hour is not to be lost by a slip.
pub(crate) fn take(app: &mut App) {
    if app.screens.here().screen == Screen::Compare {
        let said = try_to_take(app);
        app.say(said);
    }
}

fn try_to_take(app: &mut App) -> Said {
    let asked = std::mem::take(&mut app.comparing.asked);
    if app.ended {
        return Err("no baseline: the source has ended, and nothing comes to compare".to_owned());
    }
    if app.live().blocks.is_empty() {
        return Err("no baseline: nothing has come yet that could be one".to_owned());
    }
    if let (Some(baseline), false) = (&app.comparing.baseline, asked) {
        app.comparing.asked = true;
        return Err(format!(
            "once more replaces the baseline, {}",
            baseline.name
        ));
    }
    let goes_on = if app.is_paused() {
        ", also while the picture was held, which goes on"
    } else {
        ""
    };
    let blocks = app.take_blocks();
    let said = format!(
        "the baseline is {} until now{goes_on}",
        span(blocks.length())
    );
    app.comparing.set_baseline(Baseline {
        name: EARLIER.to_owned(),
        blocks,
    });
    Ok(said)
}

/// Goes on to the next stage of which either side knows something.
pub(crate) fn next_stage(app: &mut App) {
    if app.screens.here().screen != Screen::Compare {
        return;
    }
    let baseline = app.comparing.baseline.as_ref();
    let mut known = app.picture().blocks.stages();
    known.extend(baseline.iter().flat_map(|one| one.blocks.stages()));
    let after = (Bound::Excluded(app.comparing.stage), Bound::Unbounded);
    let next = known.range(after).next().or_else(|| known.first()).copied();
    app.comparing.stage = next.unwrap_or(Stage::Request);
}

/// Works out what is to be drawn, where the screen is shown and something has changed.
pub(crate) fn refresh(app: &mut App) {
    let place = app.screens.below_help();
    let picture = app.picture();
    let Some(snapshot) = picture.snapshot.as_ref() else {
        return;
    };
    if place.screen != Screen::Compare {
        return;
    }
    let rows = rows::listed(app, place, snapshot);
    let index = rows::index(place, &rows.scopes);
    if let Some(scope) = index.and_then(|index| rows.scopes.get(index)) {
        let mut comparing = std::mem::take(&mut app.comparing);
        comparing.refresh(&app.picture().blocks, scope.clone());
        app.comparing = comparing;
    }
}
