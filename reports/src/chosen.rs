/// Which of many lines have a name and a colour: more than a few cannot be told apart.
pub(crate) struct Chosen {
    /// By line: its place in the legend.
    pub(crate) styles: Vec<Option<usize>>,
    pub(crate) legend: Vec<String>,
    /// How many are not in it.
    pub(crate) unnamed: usize,
}

/// So many lines can be told apart.
const MOST: usize = 8;

impl Chosen {
    /// All of a few; of many the lowest, the middle and the highest by `values`.
    pub(crate) fn of(names: &[String], values: &[f64]) -> Self {
        let count = names.len();
        if count <= MOST {
            return Self {
                styles: (0..count).map(Some).collect(),
                legend: names.to_vec(),
                unnamed: 0,
            };
        }
        let mut order: Vec<usize> = (0..count).collect();
        let value = |index: usize| values.get(index).copied().unwrap_or(f64::NAN);
        order.sort_by(|a, b| value(*a).total_cmp(&value(*b)));
        let ends = [("lowest", 0), ("median", count / 2), ("highest", count - 1)];
        let mut styles = vec![None; count];
        let mut legend = Vec::new();
        for (style, (what, rank)) in ends.into_iter().enumerate() {
            styles[order[rank]] = Some(style);
            legend.push(format!("{what}: {}", names[order[rank]]));
        }
        Self {
            styles,
            unnamed: count - legend.len(),
            legend,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_many_lines_the_ends_and_the_middle_have_names() {
        let names: Vec<String> = (0..64).map(|number| format!("dmar{number}")).collect();
        let values: Vec<f64> = (0..64_u8).map(|number| f64::from(number ^ 5)).collect();
        let chosen = Chosen::of(&names, &values);
        assert_eq!(
            chosen.legend,
            ["lowest: dmar5", "median: dmar37", "highest: dmar58"]
        );
        assert_eq!((chosen.styles[5], chosen.unnamed), (Some(0), 61));
        let few = Chosen::of(&names[..8], &values);
        assert_eq!((few.legend.len(), few.unnamed), (8, 0));
    }
}
