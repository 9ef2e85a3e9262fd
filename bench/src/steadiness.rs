//! Whether and when the rounds of a point became steady, as run files and tables tell it.

use crate::{
    run_file::Point,
    statistics::steady::{Steady, steady},
};

/// So many rounds at least tell whether they are steady.
pub const ROUNDS: u32 = 20;

/// Whether the rounds of a point became steady.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub enum Steadiness {
    /// They did, and this part of them was before: 0 to 0.5.
    From(f64),
    /// They did not, to their end.
    Never,
}

impl Steadiness {
    /// Of a figure of each round, in the order in which they were measured. `None` where fewer
    /// than [`ROUNDS`] cannot tell, or one is no number.
    #[must_use]
    pub fn of(rounds: &[f64]) -> Option<Self> {
        match steady(rounds) {
            Steady::From(first) => Some(Self::From(first as f64 / rounds.len() as f64)),
            Steady::Never => Some(Self::Never),
            Steady::Untold => None,
        }
    }
}

impl Point {
    /// With what is known of its rounds.
    #[must_use]
    pub fn with_steadiness(self, of: Option<Steadiness>) -> Self {
        let (is_steady, from) = match of {
            Some(Steadiness::From(share)) => (Some(1_u64), Some(share)),
            Some(Steadiness::Never) => (Some(0), None),
            None => (None, None),
        };
        self.with("steady", is_steady)
            .with("steady_from_share", from)
    }

    /// What is known of its rounds.
    #[must_use]
    pub fn steadiness(&self) -> Option<Steadiness> {
        if self.value("steady")? == 0.0 {
            return Some(Steadiness::Never);
        }
        Some(Steadiness::From(self.value("steady_from_share")?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_says_whether_and_from_when_its_rounds_were_steady() {
        let warming = [[900.0; 5].as_slice(), &[100.0; 15]].concat();
        let point = Point::default().with_steadiness(Steadiness::of(&warming));
        assert_eq!(point.value("steady"), Some(1.0));
        assert_eq!(point.value("steady_from_share"), Some(0.25));
        assert_eq!(point.steadiness(), Some(Steadiness::From(0.25)));

        let drifting: Vec<f64> = (0..40).map(f64::from).collect();
        let point = Point::default().with_steadiness(Steadiness::of(&drifting));
        assert_eq!(point.value("steady"), Some(0.0));
        assert_eq!(point.value("steady_from_share"), None);
        assert_eq!(point.steadiness(), Some(Steadiness::Never));
    }

    #[test]
    fn what_too_few_rounds_cannot_tell_is_absent() {
        for rounds in [&[1.0; 19][..], &[f64::NAN; 20]] {
            let point = Point::default().with_steadiness(Steadiness::of(rounds));
            assert!(point.figures.is_empty() && point.steadiness().is_none());
        }
    }
}
