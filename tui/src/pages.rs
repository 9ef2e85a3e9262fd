//! What keys do on the screens of slow requests and of text.

use crate::{
    App,
    keys::Action,
    outliers::Outlier,
    screen::{Place, Screen},
};

/// Does what `action` asks for on such a screen; whether it did.
pub(crate) fn act(app: &mut App, action: Action) -> bool {
    match app.screens.here().screen {
        Screen::Outliers => act_on_outliers(app, action),
        Screen::Outlier(_) | Screen::Health | Screen::Help => {
            scroll(app.screens.here_mut(), action)
        }
        _ => false,
    }
}

/// How many lines `action` goes down, where a screen has `lines` of them; up where that is less
/// than 0.
fn step(action: Action, lines: usize) -> Option<isize> {
    let page = isize::try_from(lines).unwrap_or(isize::MAX).max(1);
    Some(match action {
        Action::Up => -1,
        Action::Down => 1,
        Action::PageUp => -page,
        Action::PageDown => page,
        Action::First => isize::MIN,
        Action::Last => isize::MAX,
        _ => return None,
    })
}

fn scroll(place: &mut Place, action: Action) -> bool {
    let drawn = place.extent.get();
    let Some(step) = step(action, drawn.lines) else {
        return false;
    };
    let row = place.row.min(drawn.beyond);
    place.row = row.saturating_add_signed(step).min(drawn.beyond);
    true
}

fn act_on_outliers(app: &mut App, action: Action) -> bool {
    let place = app.screens.here();
    match action {
        Action::Sort => app.screens.here_mut().order.next(),
        Action::Reverse => app.screens.here_mut().order.reverse(),
        Action::Open => {
            if let Some(number) = selected(app) {
                app.screens.here_mut().outlier = Some(number);
                app.screens.open(Screen::Outlier(number));
            }
        }
        _ => {
            let Some(step) = step(action, place.extent.get().lines) else {
                return false;
            };
            let shown = shown(app, place);
            let Some(index) = index(place, &shown) else {
                return true;
            };
            let row = index.saturating_add_signed(step).min(shown.len() - 1);
            let number = shown[row].number;
            let place = app.screens.here_mut();
            place.row = row;
            place.outlier = Some(number);
        }
    }
    true
}

/// The slow requests on the screen at `place`, from the top.
pub(crate) fn shown<'a>(app: &'a App, place: &Place) -> Vec<&'a Outlier> {
    let outliers = app.picture().history.outliers();
    outliers.of(app.screens.part(), place.order)
}

/// The number of the selected one on the screen that is shown.
pub(crate) fn selected(app: &App) -> Option<u64> {
    let place = app.screens.here();
    let shown = shown(app, place);
    index(place, &shown).map(|index| shown[index].number)
}

/// Which of `shown` is selected: the one that was, or the one in its place.
pub(crate) fn index(place: &Place, shown: &[&Outlier]) -> Option<usize> {
    let last = shown.len().checked_sub(1)?;
    let is_selected = |one: &&Outlier| Some(one.number) == place.outlier;
    let found = shown.iter().position(is_selected);
    Some(found.unwrap_or(place.row.min(last)))
}
