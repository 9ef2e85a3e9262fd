//! What is where on the screen, as it was drawn last: what the mouse hits, and how far a screen
//! of rows reaches.

use hwptop_agent::snapshot::Scope;
use ratatui::layout::{Position, Rect};

use crate::{outliers, sort::By};

/// What was drawn, in the screen's own coordinates.
#[derive(Clone, Debug, Default)]
pub(crate) struct Drawn {
    /// Rows that can be selected, from the top.
    pub(crate) rows: Vec<(Rect, Scope)>,
    /// Slow requests that can be selected, by their numbers.
    pub(crate) outliers: Vec<(Rect, u64)>,
    /// Titles that can be sorted by, from the left.
    pub(crate) titles: Vec<(Rect, By)>,
    /// Titles that slow requests can be sorted by.
    pub(crate) orders: Vec<(Rect, outliers::By)>,
    /// Which of all rows is the uppermost.
    pub(crate) top: usize,
}

/// What there is at a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    Row(Scope),
    Outlier(u64),
    Title(By),
    Order(outliers::By),
}

impl Drawn {
    /// What can be sorted by, from the left.
    pub(crate) fn sorts(&self) -> Vec<By> {
        self.titles.iter().map(|(_, by)| *by).collect()
    }

    pub(crate) fn at(&self, position: Position) -> Option<Target> {
        let mut rows = self.rows.iter();
        if let Some((_, scope)) = rows.find(|(rect, _)| rect.contains(position)) {
            return Some(Target::Row(scope.clone()));
        }
        let mut outliers = self.outliers.iter();
        if let Some((_, number)) = outliers.find(|(rect, _)| rect.contains(position)) {
            return Some(Target::Outlier(*number));
        }
        let mut titles = self.titles.iter();
        if let Some((_, by)) = titles.find(|(rect, _)| rect.contains(position)) {
            return Some(Target::Title(*by));
        }
        let mut orders = self.orders.iter();
        let (_, by) = orders.find(|(rect, _)| rect.contains(position))?;
        Some(Target::Order(*by))
    }
}
