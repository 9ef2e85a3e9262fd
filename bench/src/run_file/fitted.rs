use super::{BatchPoint, BatchingRun};
use crate::statistics::{
    Confidence, Estimate,
    fit::{Line, NoFit, Point},
};

/// The batch that a line of smaller ones has to predict.
const PREDICTED: u32 = 64;
/// The largest of those smaller ones.
const FROM: u32 = 32;

/// What a batch of n entries costs on one instance: t(n) = a + b·n, and more where it takes
/// several submissions.
#[derive(Clone, Debug)]
pub struct Fitted<'a> {
    /// The instance.
    pub instance: &'a str,
    /// The line through all batch sizes, with intervals of 95 %.
    pub line: Result<Line, NoFit>,
    /// What a line through batches of up to 32 says of a batch of 64; absent where one of them was
    /// not measured.
    pub prediction: Option<Prediction>,
}

/// A time foretold, and that which was measured.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Prediction {
    /// The entries of the batch.
    pub batch: u32,
    /// The entries of the largest batch that it is told from.
    pub from: u32,
    /// Nanoseconds, as foretold.
    pub predicted_ns: Estimate,
    /// Nanoseconds, as measured.
    pub measured_ns: f64,
}

impl Prediction {
    /// By which part of what was measured it is off, e.g. −0.01.
    #[must_use]
    pub fn error(&self) -> f64 {
        self.predicted_ns.value / self.measured_ns - 1.0
    }
}

impl BatchingRun {
    /// What a batch costs on each instance.
    #[must_use]
    pub fn fitted(&self) -> Vec<Fitted<'_>> {
        self.points
            .chunk_by(|a, b| a.instance == b.instance)
            .map(|points| Fitted {
                instance: &points[0].instance,
                line: line(points),
                prediction: prediction(points),
            })
            .collect()
    }
}

/// The line through what batches of one instance took, with intervals of 95 %.
///
/// # Errors
/// Where they tell no line.
pub fn line<'a>(points: impl IntoIterator<Item = &'a BatchPoint>) -> Result<Line, NoFit> {
    let point = |point: &BatchPoint| Point {
        entries: f64::from(point.batch),
        submissions: point.submissions_per_batch().unwrap_or(1.0),
        ns: time_of(point),
    };
    let points: Vec<Point> = points.into_iter().map(point).collect();
    Line::fit(&points, Confidence::P95)
}

fn prediction(points: &[BatchPoint]) -> Option<Prediction> {
    let measured = points.iter().find(|point| point.batch == PREDICTED)?;
    let smaller = points.iter().filter(|point| point.batch <= FROM);
    Some(Prediction {
        batch: PREDICTED,
        from: FROM,
        predicted_ns: line(smaller).ok()?.predict(f64::from(PREDICTED)),
        measured_ns: time_of(measured),
    })
}

/// Nanoseconds of the whole batch.
fn time_of(point: &BatchPoint) -> f64 {
    point.ns_per_entry() * f64::from(point.batch)
}
