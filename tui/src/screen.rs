//! What the dashboard shows, and where the user is in it.

use std::cell::Cell;

use hwptop_agent::snapshot::Scope;

use crate::{outliers::Order, sort::Sort};

/// What the dashboard shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Screen {
    /// All instances.
    Instances,
    /// One instance, process, or nested HWPT or vIOMMU.
    Part(Scope),
    /// Slow requests, one by one.
    Outliers,
    /// The slow request with this number, whole.
    Outlier(u64),
    /// A baseline against what is measured.
    Compare,
    /// How the figures are taken.
    Health,
    /// Keys and words.
    Help,
}

/// A screen, and what the user has chosen on it.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) screen: Screen,
    /// The selected row: it stays so where rows move.
    pub(crate) selected: Option<Scope>,
    /// Where the selected row was last: what is there then is selected once it is gone. On a screen
    /// of text, the lines scrolled out at its top.
    pub(crate) row: usize,
    /// The uppermost row when it was drawn last: it moves no more than it must.
    pub(crate) top: Cell<usize>,
    /// Only rows with this text are shown; all where it is empty.
    pub(crate) filter: String,
    /// The order of the rows.
    pub(crate) sort: Sort,
    /// The number of the selected slow request, on their screen.
    pub(crate) outlier: Option<u64>,
    /// The order of slow requests, on their screen.
    pub(crate) order: Order,
    /// What it was drawn in last.
    pub(crate) extent: Cell<Extent>,
}

/// How much of a screen was drawn.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Extent {
    /// Lines that it had room for.
    pub(crate) lines: usize,
    /// Lines that there are beyond those.
    pub(crate) beyond: usize,
}

impl Place {
    fn new(screen: Screen) -> Self {
        Self {
            screen,
            selected: None,
            row: 0,
            top: Cell::new(0),
            filter: String::new(),
            sort: Sort::default(),
            outlier: None,
            order: Order::default(),
            extent: Cell::default(),
        }
    }
}

/// The screens that were opened from one another.
#[derive(Clone, Debug)]
pub(crate) struct Screens {
    /// Never empty.
    places: Vec<Place>,
}

impl Default for Screens {
    fn default() -> Self {
        Self {
            places: vec![Place::new(Screen::Instances)],
        }
    }
}

impl Screens {
    /// Where the user is.
    pub(crate) fn here(&self) -> &Place {
        &self.places[self.places.len() - 1]
    }

    /// Where the user is, or was when the help was opened: it is drawn over that.
    pub(crate) fn below_help(&self) -> &Place {
        let mut places = self.places.iter().rev();
        places
            .find(|place| place.screen != Screen::Help)
            .unwrap_or_else(|| self.here())
    }

    /// As [`Self::here`].
    pub(crate) fn here_mut(&mut self) -> &mut Place {
        let last = self.places.len() - 1;
        &mut self.places[last]
    }

    /// Opens `screen` from here, or goes back to it where it was opened on the way here: what was
    /// chosen on it is as it was, and the way does not grow.
    pub(crate) fn open(&mut self, screen: Screen) {
        // The help is over a screen, and not on the way to another.
        self.places.retain(|place| place.screen != Screen::Help);
        let known = self.places.iter().position(|place| place.screen == screen);
        match known {
            Some(at) => self.places.truncate(at + 1),
            None => self.places.push(Place::new(screen)),
        }
    }

    /// Goes back to all instances.
    pub(crate) fn home(&mut self) {
        self.places.truncate(1);
    }

    /// Goes back to the screen before; whether there is one.
    pub(crate) fn back(&mut self) -> bool {
        let deeper = self.places.len() > 1;
        if deeper {
            self.places.pop();
        }
        deeper
    }

    /// The part that this screen is of: that whose screen it was opened from, if there is one.
    pub(crate) fn part(&self) -> Option<&Scope> {
        let parts = self.path().filter_map(|screen| match screen {
            Screen::Part(scope) => Some(scope),
            _ => None,
        });
        parts.last()
    }

    /// The names of the screens from the first to this one.
    pub(crate) fn path(&self) -> impl Iterator<Item = &Screen> {
        self.places.iter().map(|place| &place.screen)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn back_leads_to_where_one_was_and_not_beyond_the_first() {
        let mut screens = Screens::default();
        screens.here_mut().row = 3;
        screens.open(Screen::Part(Scope::Instance("dmar0".to_owned())));
        screens.open(Screen::Health);
        assert!(screens.back());
        assert_eq!(
            screens.here().screen,
            Screen::Part(Scope::Instance("dmar0".to_owned()))
        );
        assert!(screens.back());
        assert_eq!(
            (&screens.here().screen, screens.here().row),
            (&Screen::Instances, 3)
        );
        assert!(!screens.back());
    }

    #[test]
    fn a_screen_on_the_way_here_is_gone_back_to_as_it_was() {
        let mut screens = Screens::default();
        for number in 0..100 {
            screens.open(Screen::Outliers);
            if number > 0 {
                assert_eq!(screens.here().row, 7);
            }
            screens.here_mut().row = 7;
            screens.open(Screen::Outlier(number));
        }
        assert_eq!(
            screens.path().collect::<Vec<_>>(),
            [&Screen::Instances, &Screen::Outliers, &Screen::Outlier(99)]
        );
    }

    #[test]
    fn the_help_is_opened_over_the_screen_that_is_shown() {
        let mut screens = Screens::default();
        screens.open(Screen::Help);
        screens.open(Screen::Health);
        screens.open(Screen::Help);
        assert_eq!(screens.below_help().screen, Screen::Health);
        assert!(screens.back() && screens.back());
        assert_eq!(screens.here().screen, Screen::Instances);
    }
}
