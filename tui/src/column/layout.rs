use std::collections::BTreeSet;

use hwptop_agent::snapshot::Snapshot;

use super::{Column, Group, Row, width_of};
use crate::figure;

const GAP: u16 = 1;
const GROUP_GAP: u16 = 2;
/// What a name is left with where columns compete with it, and by how much more
/// it is widened until no two shortened names are the same.
const SHORT_NAME: u16 = 12;
const SHORT_OBJECT: u16 = 20;
const NAME_STEP: usize = 2;
/// Longer names are shortened even where there is room.
const LONG_NAME: u16 = 40;
const INSTANCE: &str = "instance";
const OBJECT: &str = "process: HWPT";
/// The width of a mark.
const MARK: u16 = 1;

/// Where one column is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Slot {
    pub(crate) column: Column,
    pub(crate) x: u16,
    pub(crate) width: u16,
}

/// Which columns are shown, and where.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    heading: &'static str,
    /// Screen columns of the name and its mark.
    pub(crate) name_width: u16,
    /// What is not hardware is spelled out beside each name; else a mark stands for it.
    pub(crate) word: bool,
    /// From left to right.
    pub(crate) slots: Vec<Slot>,
    /// The width that leaves no column out.
    pub(crate) full_width: u16,
}

impl Layout {
    /// The columns that `width` has room for.
    pub(crate) fn fit(snapshot: &Snapshot, width: u16) -> Self {
        let names = NameWidths::of_instances(snapshot);
        Self::fit_names(INSTANCE, &names, Column::BY_PRIORITY.into_iter(), width)
    }

    /// The columns that `width` has room for beside the names of objects.
    pub(crate) fn fit_objects(rows: &[Row], width: u16) -> Self {
        let names = NameWidths::of_objects(rows);
        let columns = Column::BY_PRIORITY.into_iter();
        Self::fit_names(
            OBJECT,
            &names,
            columns.filter(|one| !one.is_history()),
            width,
        )
    }

    fn fit_names(
        heading: &'static str,
        names: &NameWidths,
        columns: impl Iterator<Item = Column>,
        width: u16,
    ) -> Self {
        let mut chosen = Vec::new();
        for column in columns {
            chosen.push(column);
            if names.least + columns_width(&chosen) > width {
                chosen.pop();
                break;
            }
        }
        let mut spare = width.saturating_sub(names.least + columns_width(&chosen));
        let longer = (names.full - names.least).min(spare);
        spare -= longer;
        let mut name_width = names.least + longer;
        // A blank, and the word in place of the mark.
        let extra = names.word;
        let word = extra > 0 && longer == names.full - names.least && extra <= spare;
        if word {
            name_width += extra;
            spare -= extra;
        }
        Self {
            heading,
            name_width,
            word,
            slots: slots(&chosen, name_width, spare),
            full_width: names.least + columns_width(&Column::ALL),
        }
    }

    /// Every column except the sparkline, at its own width.
    pub(crate) fn for_text(snapshot: &Snapshot) -> Self {
        Self::full(INSTANCE, &NameWidths::of_instances(snapshot))
    }

    /// As [`Self::for_text`], for objects.
    pub(crate) fn for_text_of_objects(rows: &[Row]) -> Self {
        Self::full(OBJECT, &NameWidths::of_objects(rows))
    }

    fn full(heading: &'static str, names: &NameWidths) -> Self {
        let chosen: Vec<_> = Column::ALL
            .into_iter()
            .filter(|column| !column.is_history())
            .collect();
        Self {
            heading,
            name_width: names.full,
            word: false,
            slots: slots(&chosen, names.full, 0),
            full_width: names.full + columns_width(&chosen),
        }
    }

    /// How many columns there is no room for.
    pub(crate) fn hidden(&self) -> usize {
        Column::ALL.len() - self.slots.len()
    }

    /// The line with the groups' headings.
    pub(crate) fn heading_line(&self) -> String {
        let mut line = Line::default();
        for group in self
            .slots
            .chunk_by(|a, b| a.column.group() == b.column.group())
        {
            let (first, last) = (group[0], group[group.len() - 1]);
            let width = last.x + last.width - first.x;
            let heading = first.column.group().heading(width);
            line.put(last.x + last.width - width_of(heading), heading);
        }
        line.0
    }

    /// The line with the columns' titles.
    pub(crate) fn title_line(&self) -> String {
        let mut line = Line::default();
        line.put(
            0,
            &figure::shortened(self.heading, usize::from(self.name_width)),
        );
        for slot in &self.slots {
            let title = slot.column.title();
            line.put(slot.x + slot.width - width_of(title), title);
        }
        line.0
    }

    /// The name of `row` with its mark.
    pub(crate) fn name(&self, row: &Row) -> String {
        let mark = match (figure::word(row.kind), self.word) {
            ("", _) => String::new(),
            (word, true) => format!(" {word}"),
            (_, false) => figure::mark(row.kind).to_owned(),
        };
        let room = self.name_width.saturating_sub(width_of(&mark));
        format!("{}{mark}", figure::shortened(&row.name, usize::from(room)))
    }

    /// The line of one instance or object.
    pub(crate) fn row_line(&self, row: &Row) -> String {
        let mut line = Line::default();
        line.put(0, &self.name(row));
        for slot in &self.slots {
            let text = slot.column.text(row);
            line.put((slot.x + slot.width).saturating_sub(width_of(&text)), &text);
        }
        line.0.truncate(line.0.trim_end().len());
        line.0
    }
}

/// What the names of a table take.
struct NameWidths {
    least: u16,
    full: u16,
    /// The widest word for what is not hardware; 0 where all is.
    word: u16,
}

impl NameWidths {
    fn of_instances(snapshot: &Snapshot) -> Self {
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

    fn of_objects(rows: &[Row]) -> Self {
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

/// What `chosen` takes with the gaps before it.
fn columns_width(chosen: &[Column]) -> u16 {
    slots(chosen, 0, 0)
        .last()
        .map_or(0, |slot| slot.x + slot.width)
}

/// Sets `chosen` out from left to right; a sparkline takes what is to `spare`.
fn slots(chosen: &[Column], name_width: u16, spare: u16) -> Vec<Slot> {
    let mut slots: Vec<Slot> = Vec::new();
    let mut x = name_width;
    let mut before: Option<Group> = None;
    for column in Column::ALL
        .into_iter()
        .filter(|column| chosen.contains(column))
    {
        let group = column.group();
        let mut width = column.width();
        if before == Some(group) {
            x += GAP;
        } else {
            x += GROUP_GAP;
            let together = group_width(chosen, group);
            width += group.least_width().saturating_sub(together);
        }
        if column == Column::Sparkline {
            width += spare;
        }
        slots.push(Slot { column, x, width });
        x += width;
        before = Some(group);
    }
    slots
}

fn group_width(chosen: &[Column], group: Group) -> u16 {
    let widths = chosen
        .iter()
        .filter(|column| column.group() == group)
        .map(|one| one.width());
    widths.reduce(|a, b| a + GAP + b).unwrap_or(0)
}

/// A line that is written from left to right.
#[derive(Default)]
struct Line(String);

impl Line {
    fn put(&mut self, x: u16, text: &str) {
        for _ in width_of(&self.0)..x {
            self.0.push(' ');
        }
        self.0.push_str(text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    #[test]
    fn no_line_is_wider_than_the_screen_and_no_figure_is_cut() {
        let snapshot = fixture::snapshot();
        for width in 40..240 {
            let layout = Layout::fit(&snapshot, width);
            for instance in &snapshot.instances {
                let row = Row::interval(instance, snapshot.interval);
                let line = layout.row_line(&row);
                assert!(width_of(&line) <= width, "{width}: {line}");
                for slot in &layout.slots {
                    assert!(line.contains(&slot.column.text(&row)), "{width}: {line}");
                }
            }
        }
    }

    #[test]
    fn a_table_of_objects_tells_them_apart_and_cuts_no_figure() {
        let snapshot = fixture::kernel::thousand_objects();
        let objects = snapshot.objects.iter();
        let rows: Vec<Row> = objects
            .map(|one| Row::object(one, snapshot.interval))
            .collect();
        for width in 60..240 {
            let layout = Layout::fit_objects(&rows, width);
            let names: BTreeSet<String> = rows.iter().map(|row| layout.name(row)).collect();
            assert_eq!(names.len(), rows.len(), "{width}");
            let line = layout.row_line(&rows[0]);
            assert!(width_of(&line) <= width, "{width}: {line}");
            for slot in &layout.slots {
                assert!(
                    line.contains(&slot.column.text(&rows[0])),
                    "{width}: {line}"
                );
            }
        }
    }

    #[test]
    fn a_wider_screen_never_shows_fewer_columns() {
        let snapshot = fixture::snapshot();
        let mut before = 0;
        for width in 20..240 {
            let shown = Layout::fit(&snapshot, width).slots.len();
            assert!(shown >= before, "{width}");
            before = shown;
        }
        assert_eq!(before, Column::ALL.len());
    }

    #[test]
    fn no_two_instances_are_shortened_to_the_same_name() {
        let snapshot = fixture::many(64);
        let layout = Layout::fit(&snapshot, 80);
        let rows = snapshot
            .instances
            .iter()
            .map(|one| Row::interval(one, snapshot.interval));
        let names: BTreeSet<String> = rows.map(|row| layout.name(&row)).collect();
        assert_eq!(names.len(), 64, "{names:?}");
    }

    #[test]
    fn every_column_has_a_priority() {
        for column in Column::ALL {
            assert!(Column::BY_PRIORITY.contains(&column), "{column:?}");
        }
    }
}
