use std::collections::BTreeSet;

use hwptop_agent::snapshot::Snapshot;

use super::{Row, width_of};
use crate::figure;

/// What a name is left with where columns compete with it, and by how much more
/// it is widened until no two shortened names are the same.
const SHORT_NAME: u16 = 12;
const SHORT_OBJECT: u16 = 20;
const NAME_STEP: usize = 2;
/// Longer names are shortened even where there is room.
const LONG_NAME: u16 = 40;
/// The width of a mark.
const MARK: u16 = 1;
pub(super) const INSTANCE: &str = "instance";
pub(super) const OBJECT: &str = "process: HWPT";

/// What the names of a table take.
#[derive(Clone, Debug)]
pub(crate) struct NameWidths {
    pub(super) least: u16,
    pub(super) full: u16,
    /// The widest word for what is not hardware; 0 where all is.
    pub(super) word: u16,
}

impl NameWidths {
    pub(crate) fn of_instances(snapshot: &Snapshot) -> Self {
        let names: Vec<&str> = snapshot
            .instances
            .iter()
            .map(|one| one.name.as_str())
            .collect();
        let words = snapshot
            .kinds()
            .into_iter()
            .map(|kind| width_of(figure::word(kind)));
        Self::of(INSTANCE, &names, SHORT_NAME, words.max().unwrap_or(0))
    }

    pub(super) fn of_objects(rows: &[Row]) -> Self {
        let names: Vec<&str> = rows.iter().map(|row| &*row.name).collect();
        Self::of(OBJECT, &names, SHORT_OBJECT, 0)
    }

    fn of(heading: &str, names: &[&str], short: u16, word: u16) -> Self {
        let mark = if word > 0 { MARK } else { 0 };
        let longest = names.iter().map(|name| width_of(name)).max();
        let full = (longest.unwrap_or(0) + mark).clamp(width_of(heading), LONG_NAME);
        let different: BTreeSet<&str> = names.iter().copied().collect();
        let distinct = |width: &u16| {
            let room = usize::from(width - mark);
            let cut: BTreeSet<_> = names
                .iter()
                .map(|name| figure::shortened(name, room))
                .collect();
            cut.len() == different.len()
        };
        let least = (short..full)
            .step_by(NAME_STEP)
            .find(distinct)
            .unwrap_or(full);
        Self { least, full, word }
    }
}
