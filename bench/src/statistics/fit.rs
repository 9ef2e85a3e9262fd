//! What a batch costs: t(n) = a + b·n, fitted to the times of batches of n entries.
//!
//! Times of large batches spread as much more as they are longer: it is the relative error that is
//! the same everywhere, so a point weighs 1/t² (least squares of the relative residuals). Times
//! that came out short weigh more than they should: the line lies some 2·spread² too low, 0.02 % of
//! it at a spread of 1 %.
//! Intervals are Student's, as of any weighted linear regression (N. Draper and H. Smith, "Applied
//! Regression Analysis", chapters 1 and 9).

use super::{Confidence, Estimate, quantiles};

/// The time of a batch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// Entries of the batch, n.
    pub entries: f64,
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
    /// A size or a time that is none.
    #[error("a size or a time is zero, negative, infinite or missing")]
    NotPositive,
}

/// A line through the times of batches.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Line {
    /// a: what a request costs whatever is in it, in nanoseconds.
    pub intercept: Estimate,
    /// b: what an entry adds, in nanoseconds.
    pub slope: Estimate,
    /// R²: the part of the weighted variance of the times that the line explains; 1 where the
    /// times do not vary.
    pub r_squared: f64,
    /// The relative standard deviation of the times around the line, e.g. 0.02.
    pub spread: f64,
    /// Student's t at the confidence asked for.
    t: f64,
    /// The weighted mean of the sizes, the sum of the weights, and of the weighted squares of the
    /// sizes' distances from the mean.
    centre: f64,
    weights: f64,
    squares: f64,
}

impl Line {
    /// The line nearest to `points` in relative error.
    ///
    /// # Errors
    ///
    /// Where the points tell no line.
    pub fn fit(points: &[Point], confidence: Confidence) -> Result<Self, NoFit> {
        let positive = |value: f64| value > 0.0 && value.is_finite();
        if points.len() < 3 {
            return Err(NoFit::Few {
                there: points.len(),
            });
        }
        if !points
            .iter()
            .all(|one| positive(one.entries) && positive(one.ns))
        {
            return Err(NoFit::NotPositive);
        }
        // Weights relative to the shortest time, so that no square leaves a double's range.
        let shortest = points.iter().map(|one| one.ns).fold(f64::MAX, f64::min);
        let weight = |one: &Point| (shortest / one.ns).powi(2);
        let sum = |of: &dyn Fn(&Point) -> f64| -> f64 {
            points.iter().map(|one| weight(one) * of(one)).sum()
        };
        let weights = sum(&|_| 1.0);
        let centre = sum(&|one| one.entries) / weights;
        let middle = sum(&|one| one.ns) / weights;
        let squares = sum(&|one| (one.entries - centre).powi(2));
        if points.iter().all(|one| one.entries.eq(&points[0].entries)) || squares <= 0.0 {
            return Err(NoFit::OneSize);
        }
        let b = sum(&|one| (one.entries - centre) * (one.ns - middle)) / squares;
        let a = middle - b * centre;
        let left_over = sum(&|one| (one.ns - a - b * one.entries).powi(2));
        let all = sum(&|one| (one.ns - middle).powi(2));
        let freedom = (points.len() - 2) as f64;
        let line = Self {
            intercept: around(a, 0.0),
            slope: around(b, 0.0),
            r_squared: if all > 0.0 {
                1.0 - left_over / all
            } else {
                1.0
            },
            spread: (left_over / freedom).sqrt() / shortest,
            t: quantiles::student(1.0 - confidence.beyond(), freedom),
            centre,
            weights: weights / shortest.powi(2),
            squares: squares / shortest.powi(2),
        };
        if ![a, b, line.r_squared, line.spread]
            .iter()
            .all(|value| value.is_finite())
        {
            return Err(NoFit::NotPositive);
        }
        Ok(Self {
            intercept: around(a, line.error_of_mean(0.0) * line.t),
            slope: around(b, line.spread / line.squares.sqrt() * line.t),
            ..line
        })
    }

    /// The time of one more batch of `entries`, in nanoseconds, and the interval that it will be in.
    #[must_use]
    pub fn predict(&self, entries: f64) -> Estimate {
        let value = self.at(entries);
        let error = self.error_of_mean(entries).hypot(self.spread * value);
        around(value, error * self.t)
    }

    /// b: the time per entry of ever larger batches, in nanoseconds; `None` where it is not above
    /// 0, which no batch can have.
    #[must_use]
    pub fn asymptote_ns(&self) -> Option<f64> {
        Some(self.slope.value).filter(|b| *b > 0.0)
    }

    /// b·n / (a + b·n): the part of a batch's time that its entries take. `None` where a or b is
    /// not above 0, or there are no `entries`.
    #[must_use]
    pub fn efficiency(&self, entries: f64) -> Option<f64> {
        let half = self.half_batch()?;
        Some(entries / (half + entries)).filter(|part| *part > 0.0)
    }

    /// n½ = a/b: the batch at which half of the asymptotic rate is reached (R. Hockney, "The
    /// Science of Computer Benchmarking", 1996). `None` where a or b is not above 0.
    #[must_use]
    pub fn half_batch(&self) -> Option<f64> {
        let a = Some(self.intercept.value).filter(|a| *a > 0.0)?;
        Some(a / self.asymptote_ns()?)
    }

    fn at(&self, entries: f64) -> f64 {
        self.intercept.value + self.slope.value * entries
    }

    /// The standard error of the line at `entries`.
    fn error_of_mean(&self, entries: f64) -> f64 {
        let away = (entries - self.centre).powi(2) / self.squares;
        self.spread * (1.0 / self.weights + away).sqrt()
    }
}

fn around(value: f64, half: f64) -> Estimate {
    Estimate {
        value,
        low: value - half,
        high: value + half,
    }
}

#[cfg(test)]
mod tests;
