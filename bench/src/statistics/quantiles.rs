//! Quantiles of the distributions that the intervals and tests are made of, and of samples.

use statrs::{
    distribution::{ContinuousCDF, StudentsT},
    function::erf,
};

/// Where Student's t with so many degrees of freedom, at least 1, has `part` below.
pub(super) fn student(part: f64, freedom: f64) -> f64 {
    distribution(freedom).inverse_cdf(part.clamp(0.0, 1.0))
}

/// How likely Student's t is at least so far from 0, on either side.
pub(super) fn student_beyond(t: f64, freedom: f64) -> f64 {
    (2.0 * distribution(freedom).cdf(-t.abs())).min(1.0)
}

fn distribution(freedom: f64) -> StudentsT {
    // `max` also turns NaN into 1.
    StudentsT::new(0.0, 1.0, freedom.max(1.0)).expect("the scale and the freedom are positive")
}

/// Where the standard normal distribution has `part` below.
pub(super) fn normal(part: f64) -> f64 {
    -std::f64::consts::SQRT_2 * erf::erfc_inv(2.0 * part)
}

/// How likely a standard normal figure is at least so far from 0, on either side.
pub(super) fn normal_beyond(z: f64) -> f64 {
    erf::erfc(z.abs() / std::f64::consts::SQRT_2)
}

/// Between the two of `sorted` that have `part` below, in proportion (R's type 7); `None` where
/// there is none.
pub(super) fn of_sample(sorted: &[f64], part: f64) -> Option<f64> {
    let at = part.clamp(0.0, 1.0) * sorted.len().checked_sub(1)? as f64;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "from 0 to the last"
    )]
    let below = at.floor() as usize;
    let low = *sorted.get(below)?;
    let high = *sorted.get(below + 1).unwrap_or(&low);
    Some(low + (high - low) * at.fract())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statistics::reference::{REFERENCE, near};

    #[test]
    fn quantiles_of_students_t_are_as_scipy_has_them() {
        assert!(!REFERENCE.t_quantiles.is_empty());
        for case in &REFERENCE.t_quantiles {
            near(student(case.p, case.freedom), case.t, 1e-9);
            near(student(1.0 - case.p, case.freedom), -case.t, 1e-9);
            near(
                student_beyond(case.t, case.freedom),
                2.0 * (1.0 - case.p),
                1e-9,
            );
        }
    }

    #[test]
    fn quantiles_of_the_normal_distribution_are_as_tables_have_them() {
        near(normal(0.975), 1.959_963_984_540_054, 1e-12);
        near(normal_beyond(1.959_963_984_540_054), 0.05, 1e-10);
        near(normal_beyond(0.0), 1.0, 1e-12);
    }

    #[test]
    fn a_quantile_of_a_sample_is_in_proportion_between_two() {
        let values = [1.0, 2.0, 4.0];
        assert_eq!(of_sample(&values, 0.0), Some(1.0));
        assert_eq!(of_sample(&values, 0.75), Some(3.0));
        assert_eq!(of_sample(&values, 1.0), Some(4.0));
        assert_eq!(of_sample(&[7.0], 0.3), Some(7.0));
        assert_eq!(of_sample(&[], 0.3), None);
    }
}
