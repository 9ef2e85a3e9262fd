//! Many tests at once.

/// The p-values of all tests of a family, adjusted so that one below α is a false alarm in at most
/// a part α of all families, however the tests depend on one another (S. Holm, "A Simple
/// Sequentially Rejective Multiple Test Procedure", Scandinavian Journal of Statistics 6, 1979).
///
/// In the order given. What is no probability counts as 1: it is of the family, and rejects
/// nothing.
#[must_use]
pub fn adjusted(p: &[f64]) -> Vec<f64> {
    let mut order: Vec<(usize, f64)> = p
        .iter()
        .map(|p| if (0.0..=1.0).contains(p) { *p } else { 1.0 })
        .enumerate()
        .collect();
    order.sort_by(|one, other| one.1.total_cmp(&other.1));
    let mut adjusted = vec![1.0; p.len()];
    let mut least = 0.0;
    for (rank, (index, p)) in order.into_iter().enumerate() {
        let left = adjusted.len() - rank;
        least = f64::max(least, (left as f64 * p).min(1.0));
        adjusted[index] = least;
    }
    adjusted
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statistics::reference::{REFERENCE, near};

    #[test]
    fn a_family_is_adjusted_as_statsmodels_adjusts_it() {
        assert!(!REFERENCE.holm.is_empty());
        for case in &REFERENCE.holm {
            let adjusted = adjusted(&case.p);
            assert_eq!(adjusted.len(), case.adjusted.len());
            for (adjusted, expected) in adjusted.iter().zip(&case.adjusted) {
                near(*adjusted, *expected, 1e-12);
            }
        }
    }

    #[test]
    fn what_is_no_probability_rejects_nothing_and_still_counts() {
        assert_eq!(adjusted(&[]), Vec::<f64>::new());
        assert_eq!(adjusted(&[f64::NAN]), [1.0]);
        assert_eq!(
            adjusted(&[0.01, f64::NAN, -1.0, 2.0]),
            [0.04, 1.0, 1.0, 1.0]
        );
    }
}
