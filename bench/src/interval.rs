/// A figure over the rounds of a run, and how far it can be trusted.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Interval {
    /// The middle one, or the mean of the two in the middle.
    pub median: f64,
    /// Where the interval begins.
    pub low: f64,
    /// Where it ends.
    pub high: f64,
}

impl Interval {
    /// The median, with the smallest and largest of `values`; `None` where there is none.
    #[must_use]
    pub fn range_of(values: &[f64]) -> Option<Self> {
        let sorted = sorted(values);
        Some(Self {
            median: median(&sorted)?,
            low: *sorted.first()?,
            high: *sorted.last()?,
        })
    }

    /// The median, with its 95 % confidence interval by the ranks of `values` (binomial,
    /// without a distribution assumed): the whole range below six values.
    #[must_use]
    pub fn median_of(values: &[f64]) -> Option<Self> {
        let sorted = sorted(values);
        let half = 0.98 * (sorted.len() as f64).sqrt();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "positive, and below the length"
        )]
        let below = (sorted.len() as f64 / 2.0 - half).max(0.0) as usize;
        Some(Self {
            median: median(&sorted)?,
            low: *sorted.get(below)?,
            high: *sorted.get(sorted.len() - 1 - below)?,
        })
    }
}

pub(crate) fn sorted(values: &[f64]) -> Vec<f64> {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    values
}

/// The middle one, or the mean of the two in the middle; `None` where there is none.
pub(crate) fn median(sorted: &[f64]) -> Option<f64> {
    let middle = sorted.len() / 2;
    Some(if sorted.len() % 2 == 1 {
        *sorted.get(middle)?
    } else {
        f64::midpoint(*sorted.get(middle.checked_sub(1)?)?, *sorted.get(middle)?)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_even_number_of_rounds_has_the_middle_of_the_two_as_median() {
        let expected = Interval {
            median: 2.5,
            low: 1.0,
            high: 4.0,
        };
        assert_eq!(Interval::range_of(&[4.0, 1.0, 2.0, 3.0]), Some(expected));
        assert_eq!(Interval::range_of(&[]), None);
        assert_eq!(Interval::median_of(&[]), None);
    }

    #[test]
    fn outliers_are_outside_the_interval_of_the_median_where_there_are_many_rounds() {
        let mut values: Vec<f64> = (1..=100).map(f64::from).collect();
        values[99] = 1e9;
        let interval = Interval::median_of(&values).expect("there are values");
        // Ranks 41 and 60 of 100.
        let expected = Interval {
            median: 50.5,
            low: 41.0,
            high: 60.0,
        };
        assert_eq!(interval, expected);
        let few = Interval::median_of(&[3.0, 1.0, 2.0]);
        assert_eq!(few, Interval::range_of(&[1.0, 2.0, 3.0]));
    }
}
