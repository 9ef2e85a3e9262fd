use hwptop_agent::snapshot::Snapshot;

use super::{Column, Group, NameWidths, Row, names, width_of};
use crate::figure;

const GAP: u16 = 1;
const GROUP_GAP: u16 = 2;

/// What rows are of.
struct Kind {
    heading: &'static str,
    /// Blanks between the names and the columns.
    gap: u16,
    /// Earlier intervals are known, and with them which figure is unlike those.
    has_history: bool,
}

const INSTANCES: Kind = Kind {
    heading: names::INSTANCE,
    // On the screen a pointer stands before the names.
    gap: GAP,
    has_history: true,
};

const OBJECTS: Kind = Kind {
    heading: names::OBJECT,
    gap: GROUP_GAP,
    has_history: false,
};

/// The name is told elsewhere.
const UNNAMED: Kind = Kind {
    heading: "",
    gap: 0,
    has_history: false,
};

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
    /// The columns that `width` has room for beside the `names` of instances.
    pub(crate) fn fit(names: &NameWidths, width: u16) -> Self {
        Self::fit_names(&INSTANCES, names, width)
    }

    /// The columns that `width` has room for beside the names of objects.
    pub(crate) fn fit_objects(rows: &[Row], width: u16) -> Self {
        let names = NameWidths::of_objects(rows);
        Self::fit_names(&OBJECTS, &names, width)
    }

    /// The columns that `width` has room for where the name is told elsewhere.
    pub(crate) fn fit_unnamed(width: u16) -> Self {
        let names = NameWidths {
            least: 0,
            full: 0,
            word: 0,
        };
        Self::fit_names(&UNNAMED, &names, width)
    }

    fn fit_names(kind: &Kind, names: &NameWidths, width: u16) -> Self {
        let least = names.least + kind.gap;
        let columns = Column::BY_PRIORITY.into_iter();
        let mut chosen = Vec::new();
        for column in columns.filter(|one| kind.has_history || !one.is_history()) {
            chosen.push(column);
            if least + columns_width(&chosen) > width {
                chosen.pop();
                break;
            }
        }
        let mut spare = width.saturating_sub(least + columns_width(&chosen));
        let longer = (names.full - names.least).min(spare);
        spare -= longer;
        let mut name_width = names.least + longer;
        let marks = if kind.has_history {
            marks(&chosen).min(spare)
        } else {
            0
        };
        spare -= marks;
        // A blank, and the word in place of the mark.
        let extra = names.word;
        let word = extra > 0 && longer == names.full - names.least && extra <= spare;
        if word {
            name_width += extra;
            spare -= extra;
        }
        Self {
            heading: kind.heading,
            name_width,
            word,
            slots: slots(&chosen, name_width + kind.gap, marks, spare),
            full_width: least + columns_width(&Column::ALL),
        }
    }

    /// Every column except the sparkline, at its own width.
    pub(crate) fn for_text(snapshot: &Snapshot) -> Self {
        Self::full(&INSTANCES, &NameWidths::of_instances(snapshot))
    }

    /// As [`Self::for_text`], for objects.
    pub(crate) fn for_text_of_objects(rows: &[Row]) -> Self {
        Self::full(&OBJECTS, &NameWidths::of_objects(rows))
    }

    fn full(kind: &Kind, names: &NameWidths) -> Self {
        let chosen: Vec<_> = Column::ALL
            .into_iter()
            .filter(|column| !column.is_history())
            .collect();
        Self {
            heading: kind.heading,
            name_width: names.full,
            word: false,
            slots: slots(&chosen, names.full + GROUP_GAP, 0, 0),
            full_width: names.full + GROUP_GAP + columns_width(&chosen),
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
        line.put(0, &self.name_title());
        for slot in &self.slots {
            let title = slot.column.title();
            line.put(slot.x + slot.width - width_of(title), title);
        }
        line.0
    }

    /// The title of the names.
    pub(crate) fn name_title(&self) -> String {
        figure::shortened(self.heading, usize::from(self.name_width))
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

/// What `chosen` takes with the gaps between.
fn columns_width(chosen: &[Column]) -> u16 {
    slots(chosen, 0, 0, 0)
        .last()
        .map_or(0, |slot| slot.x + slot.width)
}

/// How many of `chosen` have a figure that can be marked, and another column close behind.
fn marks(chosen: &[Column]) -> u16 {
    let in_order = slots(chosen, 0, 0, 0);
    let pairs = in_order.windows(2).filter(|pair| {
        let (one, next) = (pair[0].column, pair[1].column);
        one.can_be_unusual() && one.group() == next.group()
    });
    u16::try_from(pairs.count()).unwrap_or(u16::MAX)
}

/// Sets `chosen` out from `x` to the right; the first `marks` figures that can be marked keep a
/// blank for that, and a sparkline takes what is to `spare`.
fn slots(chosen: &[Column], mut x: u16, mut marks: u16, spare: u16) -> Vec<Slot> {
    let mut slots: Vec<Slot> = Vec::new();
    let mut before: Option<Column> = None;
    for column in Column::ALL
        .into_iter()
        .filter(|column| chosen.contains(column))
    {
        let group = column.group();
        let mut width = column.width();
        match before {
            Some(before) if before.group() == group => {
                let marked = before.can_be_unusual() && marks > 0;
                marks -= u16::from(marked);
                x += GAP + u16::from(marked);
            }
            _ => {
                x += if before.is_some() { GROUP_GAP } else { 0 };
                let together = group_width(chosen, group);
                width += group.least_width().saturating_sub(together);
            }
        }
        if column == Column::Sparkline {
            width += spare;
        }
        slots.push(Slot { column, x, width });
        x += width;
        before = Some(column);
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
    use std::collections::BTreeSet;

    use super::*;
    use crate::fixture;

    fn fit(snapshot: &Snapshot, width: u16) -> Layout {
        Layout::fit(&NameWidths::of_instances(snapshot), width)
    }

    #[test]
    fn no_line_is_wider_than_the_screen_and_no_figure_is_cut() {
        let snapshot = fixture::snapshot();
        for width in 40..240 {
            let layout = fit(&snapshot, width);
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
            let shown = fit(&snapshot, width).slots.len();
            assert!(shown >= before, "{width}");
            before = shown;
        }
        assert_eq!(before, Column::ALL.len());
    }

    #[test]
    fn no_two_instances_are_shortened_to_the_same_name() {
        let snapshot = fixture::many(64);
        let layout = fit(&snapshot, 80);
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
