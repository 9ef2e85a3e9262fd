//! In which order rows are.

use std::cmp::Ordering;

use hwptop_agent::natural_order;

use crate::column::{Column, Row};

/// What rows are sorted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum By {
    Name,
    Column(Column),
}

/// The order of rows; their own, which is the kernel's or the model's, if nobody says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sort {
    by: Option<By>,
    reversed: bool,
}

impl Sort {
    /// By the one after, of those that are `shown`; after the last, as the kernel has them.
    pub(crate) fn next(self, shown: &[By]) -> Self {
        let after = match self.by {
            None => shown.first(),
            Some(by) => {
                let mut shown = shown.iter();
                shown.find(|one| **one == by);
                shown.next()
            }
        };
        Self {
            by: after.copied(),
            reversed: false,
        }
    }

    /// By `by`; the other way round where it is so already.
    pub(crate) fn by(self, by: By) -> Self {
        if self.by == Some(by) {
            self.reverse()
        } else {
            Self {
                by: Some(by),
                reversed: false,
            }
        }
    }

    pub(crate) fn reverse(self) -> Self {
        Self {
            reversed: !self.reversed,
            ..self
        }
    }

    pub(crate) fn is_the_kernels(self) -> bool {
        self == Self::default()
    }

    /// Names from a to z, figures from the largest down, unless they are reversed.
    fn is_falling(self) -> bool {
        matches!(self.by, Some(By::Column(_))) != self.reversed
    }

    /// What marks the title of `by`: ▼ where values fall from the top, ▲ where they rise.
    pub(crate) fn arrow(self, by: By) -> Option<&'static str> {
        let arrow = if self.is_falling() { "▼" } else { "▲" };
        (self.by == Some(by)).then_some(arrow)
    }

    /// The order in words; `None` for the kernel's.
    pub(crate) fn said(self) -> Option<String> {
        let falling = self.is_falling();
        match self.by {
            None => self
                .reversed
                .then(|| "in their own order, reversed".to_owned()),
            Some(By::Name) => {
                let ends = if falling { "z to a" } else { "a to z" };
                Some(format!("sorted by name, {ends}"))
            }
            Some(By::Column(column)) => {
                let first = if falling { "largest" } else { "smallest" };
                Some(format!("sorted by {}, {first} first", column.full_name()))
            }
        }
    }

    /// Sorts `rows`, of which `row` says the figures. Rows that are equal keep their order; those
    /// without a value come last, whichever way it goes.
    pub(crate) fn apply<'a, T>(self, rows: &mut Vec<T>, row: impl Fn(&T) -> Option<Row<'a>>) {
        let falling = self.is_falling();
        match self.by {
            None if self.reversed => rows.reverse(),
            None => {}
            Some(By::Name) => {
                let name = |one: &T| row(one).map(|row| row.name);
                sort_by(rows, name, |one, other| natural_order(one, other), falling);
            }
            Some(By::Column(column)) => {
                let value = |one: &T| row(one).and_then(|row| column.value(&row));
                sort_by(rows, value, f64::total_cmp, falling);
            }
        }
    }
}

fn sort_by<T, K>(
    rows: &mut Vec<T>,
    key: impl Fn(&T) -> Option<K>,
    compare: impl Fn(&K, &K) -> Ordering,
    falling: bool,
) {
    let mut keyed: Vec<(Option<K>, T)> = rows.drain(..).map(|row| (key(&row), row)).collect();
    keyed.sort_by(|(one, _), (other, _)| match (one, other) {
        (Some(one), Some(other)) if falling => compare(other, one),
        (Some(one), Some(other)) => compare(one, other),
        // What is there first.
        (one, other) => other.is_some().cmp(&one.is_some()),
    });
    rows.extend(keyed.into_iter().map(|(_, row)| row));
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use hwptop_agent::snapshot::{Activity, InstanceSnapshot};

    use super::*;
    use crate::{column::Mark, fixture};

    const P99: By = By::Column(Column::Request(Mark::P99));

    /// Instances with these latencies in ns, in the kernel's order; 0 for none.
    fn instances(latencies: &[u64]) -> Vec<InstanceSnapshot> {
        let numbered = (0_u16..).zip(latencies);
        let instance = |(number, &ns)| {
            let mut one = fixture::instance(number, &format!("dmar{number}"), 10, ns);
            if ns == 0 {
                one.interval = Activity::default();
            }
            one
        };
        numbered.map(instance).collect()
    }

    fn sorted(sort: Sort, instances: &[InstanceSnapshot]) -> String {
        let mut rows: Vec<usize> = (0..instances.len()).collect();
        let second = Duration::from_secs(1);
        let row = |at: &usize| instances.get(*at).map(|one| Row::interval(one, second));
        sort.apply(&mut rows, row);
        let names = rows
            .iter()
            .map(|at| instances[*at].name.trim_start_matches("dmar"));
        names.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn rows_without_a_value_are_last_in_both_directions_and_equal_ones_keep_their_order() {
        let instances = instances(&[700, 0, 900, 700, 0, 100]);
        let falling = Sort::default().by(P99);
        assert_eq!(sorted(falling, &instances), "2 0 3 5 1 4");
        assert_eq!(sorted(falling.reverse(), &instances), "5 0 3 2 1 4");
    }

    #[test]
    fn names_rise_first_and_the_kernels_order_is_the_default() {
        let mut instances = instances(&[1, 1, 1]);
        instances.swap(0, 2);
        let name = Sort::default().by(By::Name);
        assert_eq!(sorted(Sort::default(), &instances), "2 1 0");
        assert_eq!(sorted(Sort::default().reverse(), &instances), "0 1 2");
        assert_eq!(sorted(name, &instances), "0 1 2");
        assert_eq!(sorted(name.by(By::Name), &instances), "2 1 0");
    }

    #[test]
    fn names_are_sorted_by_the_numbers_in_them() {
        let instances = instances(&[1; 12]);
        let name = Sort::default().by(By::Name);
        assert_eq!(sorted(name, &instances), "0 1 2 3 4 5 6 7 8 9 10 11");
        assert!(sorted(name.reverse(), &instances).starts_with("11 10 9"));
    }

    #[test]
    fn next_goes_through_what_is_shown_and_back_to_the_kernels_order() {
        let shown = [By::Name, P99];
        let mut sort = Sort::default();
        let mut said = Vec::new();
        for _ in 0..4 {
            sort = sort.next(&shown);
            said.push((sort.arrow(By::Name), sort.arrow(P99)));
        }
        let expected = [
            (Some("▲"), None),
            (None, Some("▼")),
            (None, None),
            (Some("▲"), None),
        ];
        assert_eq!(said, expected);
        // A column that a narrower screen no longer shows.
        assert!(Sort::default().by(P99).next(&[By::Name]).is_the_kernels());
    }

    #[test]
    fn the_order_is_said_in_words() {
        let errors = Sort::default().by(By::Column(Column::Errors));
        let said = [
            Sort::default(),
            Sort::default().reverse(),
            Sort::default().by(By::Name),
            Sort::default().by(P99),
            errors.reverse(),
        ]
        .map(|sort| sort.said().unwrap_or_default());
        let expected = [
            "",
            "in their own order, reversed",
            "sorted by name, a to z",
            "sorted by request p99, largest first",
            "sorted by errors, smallest first",
        ];
        assert_eq!(said, expected);
    }
}
