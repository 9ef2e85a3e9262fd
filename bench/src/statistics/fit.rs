//! What a batch costs: t(n) = a + b·n, fitted to the times of batches of n entries.
//!
//! A driver hands no more than so many commands at once to the hardware (the kernel's VT-d driver
//! 16) and waits after each hand-over. Where batches took different numbers h(n) of submissions,
//! each further one has a cost of its own: t(n) = a + s·(h(n) − 1) + b·n. A line without it
//! foretells too little of a large batch from small ones, which one submission is enough for.
//!
//! Times of large batches spread as much more as they are longer: it is the relative error that is
//! the same everywhere, so a point weighs 1/t² (least squares of the relative residuals). Times
//! that came out short weigh more than they should: the line lies some 2·spread² too low, 0.02 % of
//! it at a spread of 1 %.
//! Intervals are Student's, as of any weighted linear regression (N. Draper and H. Smith, "Applied
//! Regression Analysis", chapters 1, 5 and 9).

use nalgebra::{DMatrix, DVector, Matrix3, Vector3};

use super::{Confidence, Estimate, quantiles};

/// The part of a column's length that the columns before it must not explain, for its coefficient
/// to be told apart from theirs.
const OWN_PART_MIN: f64 = 1e-6;

/// Of a submission: what was counted beside a batch's own, by others, does not make it one more.
const NOT_OURS: f64 = 0.015;

/// The time of a batch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// Entries of the batch, n.
    pub entries: f64,
    /// Submissions to the hardware queue that it took, h(n); 1 where nothing counts them.
    pub submissions: f64,
    /// What it took, t(n), in nanoseconds.
    pub ns: f64,
}

/// Why no line can be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoFit {
    /// Fewer than three points: two are on a line whatever they are.
    #[error("{there} points; at least 3 tell how well a line fits")]
    Few {
        /// The points that there are.
        there: usize,
    },
    /// All batches are of one size.
    #[error("all batches are of the same size: the time per entry cannot be told apart")]
    OneSize,
    /// A size, a number of submissions or a time that is none.
    #[error("a size, a number of submissions or a time is zero, negative, infinite or missing")]
    NotPositive,
}

/// A line through the times of batches.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Line {
    /// a: what a request and its first submission cost whatever is in it, in nanoseconds.
    pub intercept: Estimate,
    /// b: what an entry adds, in nanoseconds.
    pub slope: Estimate,
    /// What submissions after the first add; `None` where all batches took as many, or the points
    /// do not tell them apart from entries.
    pub further: Option<Further>,
    /// R²: the part of the weighted variance of the times that the line explains; 1 where the
    /// times do not vary.
    pub r_squared: f64,
    /// The relative standard deviation of the times around the line, e.g. 0.02.
    pub spread: f64,
    /// Student's t at the confidence asked for.
    t: f64,
    /// R⁻¹ of the weighted columns' QR decomposition: what makes standard errors of `spread`.
    errors: Matrix3<f64>,
}

/// The submissions of a batch after its first.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Further {
    /// s: what each adds, in nanoseconds.
    pub ns: Estimate,
    /// The most entries that a submission took.
    pub entries_max: f64,
}

impl Line {
    /// The line nearest to `points` in relative error.
    ///
    /// # Errors
    ///
    /// Where the points tell no line.
    pub fn fit(points: &[Point], confidence: Confidence) -> Result<Self, NoFit> {
        if points.len() < 3 {
            let there = points.len();
            return Err(NoFit::Few { there });
        }
        let positive = |value: f64| value > 0.0 && value.is_finite();
        let mut all = points
            .iter()
            .flat_map(|one| [one.entries, one.submissions, one.ns]);
        if !all.all(positive) {
            return Err(NoFit::NotPositive);
        }
        // A fourth point: through any three there is a line with three coefficients.
        let design = Some(design(points, 3)).filter(|_| points.len() > 3);
        let design = design.filter(are_told_apart);
        let design = design.or_else(|| Some(self::design(points, 2)).filter(are_told_apart));
        let line = Self::of(points, design.ok_or(NoFit::OneSize)?, confidence);
        line.filter(Self::is_finite).ok_or(NoFit::NotPositive)
    }

    /// With a coefficient for each column of `design`; `None` where a figure leaves a double's range.
    fn of(points: &[Point], design: DMatrix<f64>, confidence: Confidence) -> Option<Self> {
        let columns = design.ncols();
        let shortest = shortest(points);
        let sum = |of: &dyn Fn(&Point) -> f64| -> f64 {
            let weighted = |one: &Point| (shortest / one.ns).powi(2) * of(one);
            points.iter().map(weighted).sum()
        };
        let middle = sum(&|one| one.ns) / sum(&|_| 1.0);
        let qr = design.qr();
        let errors = qr.r().try_inverse()?;
        // Of the distances from the middle: where there are none, there is nothing to be rounded.
        let distances = points
            .iter()
            .map(|one| (one.ns - middle) * (shortest / one.ns));
        let distances = DVector::from_iterator(points.len(), distances);
        let found = &errors * qr.q().tr_mul(&distances);
        let mut coefficients = Vector3::from_fn(|row, _| found.get(row).copied().unwrap_or(0.0));
        coefficients[0] += middle;
        let left_over = sum(&|one| (one.ns - coefficients.dot(&row(one))).powi(2));
        let all = sum(&|one| (one.ns - middle).powi(2));
        let freedom = (points.len() - columns) as f64;
        let spread = (left_over / freedom).sqrt() / shortest;
        let t = quantiles::student(1.0 - confidence.beyond(), freedom);
        let errors = Matrix3::from_fn(|row, column| {
            errors
                .get((row, column))
                .map_or(0.0, |error| error * shortest)
        });
        let estimate =
            |index: usize| around(coefficients[index], spread * errors.row(index).norm() * t);
        let per_submission = points.iter().map(|one| one.entries / one.submissions);
        Some(Self {
            intercept: estimate(0),
            slope: estimate(1),
            further: (columns == 3).then(|| Further {
                ns: estimate(2),
                entries_max: per_submission.fold(0.0, f64::max),
            }),
            r_squared: if all > 0.0 {
                1.0 - left_over / all
            } else {
                1.0
            },
            spread,
            t,
            errors,
        })
    }

    fn is_finite(&self) -> bool {
        let estimates = [self.intercept, self.slope];
        let estimates = estimates.into_iter().chain(self.further.map(|of| of.ns));
        let figures = estimates.flat_map(|of| [of.low, of.value, of.high]);
        let mut figures = figures.chain([self.r_squared, self.spread]);
        figures.all(f64::is_finite)
    }

    /// The time of one more batch of `entries`, in nanoseconds, and the interval that it will be
    /// in. No submission is taken to have more entries than the largest that the line is of.
    #[must_use]
    pub fn predict(&self, entries: f64) -> Estimate {
        let submissions = |of: Further| (entries / of.entries_max - NOT_OURS).ceil();
        let submissions = self.further.map_or(1.0, submissions);
        let row = row(&Point {
            entries,
            submissions: submissions.max(1.0),
            ns: 0.0,
        });
        let further = self.further.map_or(0.0, |of| of.ns.value);
        let value = Vector3::new(self.intercept.value, self.slope.value, further).dot(&row);
        let error = self.spread * self.errors.tr_mul(&row).norm();
        around(value, error.hypot(self.spread * value) * self.t)
    }

    /// The time per entry of ever larger batches, in nanoseconds: b, and of a submission's cost the
    /// part of an entry. `None` where it is not above 0, which no batch can have.
    #[must_use]
    pub fn asymptote_ns(&self) -> Option<f64> {
        let part = self.further.map_or(0.0, |of| of.ns.value / of.entries_max);
        Some(self.slope.value + part).filter(|ns| *ns > 0.0)
    }

    /// The asymptotic time of `entries` as a part of what a batch of them takes. `None` where there
    /// is none, or there are no `entries`.
    #[must_use]
    pub fn efficiency(&self, entries: f64) -> Option<f64> {
        self.half_batch()?;
        let part = self.asymptote_ns()? * entries / self.predict(entries).value;
        Some(part).filter(|part| *part > 0.0)
    }

    /// n½: the batch at which half of the asymptotic rate is reached, a/b where submissions cost
    /// nothing more (R. Hockney, "The Science of Computer Benchmarking", 1996). `None` where there
    /// is none above 0.
    #[must_use]
    pub fn half_batch(&self) -> Option<f64> {
        let a = Some(self.intercept.value).filter(|a| *a > 0.0)?;
        let asymptote = self.asymptote_ns()?;
        let in_one = a / (2.0 * asymptote - self.slope.value);
        let half = match self.further {
            // Beyond the first submission, as if each entry had its part of the next one's cost.
            Some(of) if !(0.0..=of.entries_max).contains(&in_one) => (a - of.ns.value) / asymptote,
            _ => in_one,
        };
        Some(half).filter(|half| *half > 0.0 && half.is_finite())
    }
}

fn around(value: f64, half: f64) -> Estimate {
    Estimate {
        value,
        low: value - half,
        high: value + half,
    }
}

/// What a time is made of: a request, its entries, and its submissions after the first.
fn row(point: &Point) -> Vector3<f64> {
    Vector3::new(1.0, point.entries, point.submissions - 1.0)
}

/// Weights are relative to it, so that no square leaves a double's range.
fn shortest(points: &[Point]) -> f64 {
    points.iter().map(|one| one.ns).fold(f64::MAX, f64::min)
}

/// The first `columns` of the [`row`] of each point, by its weight.
fn design(points: &[Point], columns: usize) -> DMatrix<f64> {
    let shortest = shortest(points);
    DMatrix::from_fn(points.len(), columns, |index, column| {
        row(&points[index])[column] * (shortest / points[index].ns)
    })
}

/// Whether no column is made of those before it.
fn are_told_apart(design: &DMatrix<f64>) -> bool {
    let r = design.clone().qr().r();
    design
        .column_iter()
        .enumerate()
        .all(|(index, column)| r[(index, index)].abs() > OWN_PART_MIN * column.norm())
}

#[cfg(test)]
mod tests;
