use std::time::Duration;

use hwptop_abi::Stage;
use hwptop_agent::{nanos, snapshot::Activity};

use crate::{run_file::Point, steadiness::Steadiness};

/// Where the time of requests of one size on one instance went.
#[derive(Clone, Debug)]
pub struct StagePoint {
    /// The instance's name.
    pub instance: String,
    /// Entries per request.
    pub batch: u32,
    /// Wall time of the guest.
    pub elapsed: Duration,
    /// What was counted meanwhile.
    pub activity: Activity,
    /// Its time, split.
    pub sums: Sums,
    /// Whether its rounds were steady, as far as they tell.
    pub steadiness: Option<Steadiness>,
}

/// Nanoseconds of all requests together: `request_ns` is exactly the sum of the parts that there
/// are, where there is any and none was cut. A part is absent where nothing times it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sums {
    /// From call to return.
    pub request_ns: u64,
    /// The driver ops without the submissions that they made; where those are not timed, with
    /// them.
    pub driver_op_ns: Option<u64>,
    /// The submissions.
    pub submission_ns: Option<u64>,
    /// What is in none of those.
    pub unattributed_ns: Option<u64>,
    /// A part was longer than its whole, and was cut: ends were lost.
    pub clamped: bool,
}

impl Sums {
    /// The split of what was counted.
    #[must_use]
    pub fn of(activity: &Activity) -> Self {
        let total = |stage| {
            let of = activity.stage(stage);
            (of.recorded > 0).then_some(of.total_ns)
        };
        let request = activity.request.total_ns;
        let (driver_op, submission) = (total(Stage::DriverOp), total(Stage::Submission));
        let within = submission.unwrap_or(0);
        let known = driver_op.or(submission);
        Self {
            request_ns: request,
            driver_op_ns: driver_op.map(|driver_op| driver_op.saturating_sub(within)),
            submission_ns: submission,
            unattributed_ns: known.map(|known| request.saturating_sub(known)),
            clamped: driver_op.is_some_and(|driver_op| within > driver_op)
                || known.is_some_and(|known| known > request),
        }
    }

    /// The parts, with their stage: the driver op, its submissions, the rest.
    #[must_use]
    pub const fn parts(&self) -> [(Stage, Option<u64>); 3] {
        [
            (Stage::DriverOp, self.driver_op_ns),
            (Stage::Submission, self.submission_ns),
            (Stage::Unattributed, self.unattributed_ns),
        ]
    }

    /// The share of the requests' time that `ns` is.
    #[must_use]
    pub fn share(&self, ns: u64) -> Option<f64> {
        (self.request_ns > 0).then(|| ns as f64 / self.request_ns as f64)
    }
}

impl StagePoint {
    /// Mean nanoseconds per request that `ns` of all of them are.
    #[must_use]
    pub fn per_request(&self, ns: u64) -> Option<f64> {
        let requests = self.activity.request.recorded;
        (requests > 0).then(|| ns as f64 / requests as f64)
    }

    /// Ends of stages whose beginning was not seen.
    #[must_use]
    pub fn lost(&self) -> u64 {
        let stages = [Stage::Request, Stage::DriverOp, Stage::Submission];
        stages
            .iter()
            .map(|&stage| self.activity.stage(stage).lost)
            .sum()
    }

    /// For a run file.
    #[must_use]
    pub fn point(&self) -> Point {
        let submission = &self.activity.submission;
        let submitted = (submission.seen > 0).then_some(submission);
        let mut point = Point::at([
            ("instance", self.instance.clone()),
            ("batch", self.batch.to_string()),
        ])
        .with("requests", Some(self.activity.request.seen))
        .with("entries", Some(self.activity.request.items))
        .with("submissions", submitted.map(|of| of.seen))
        .with("commands", submitted.map(|of| of.items))
        .with("events_lost", Some(self.lost()))
        .with("elapsed", Some(nanos(self.elapsed)))
        .with("request_time", Some(self.sums.request_ns));
        for (stage, ns) in self.sums.parts() {
            let name = stage.name().replace(' ', "_");
            point = point
                .with(&format!("{name}_time"), ns)
                .with(
                    &format!("{name}_share"),
                    ns.and_then(|ns| self.sums.share(ns)),
                )
                .with(
                    &format!("{name}_ns_per_request"),
                    ns.and_then(|ns| self.per_request(ns)),
                );
        }
        for stage in [
            Stage::Request,
            Stage::DriverOp,
            Stage::Submission,
            Stage::Unattributed,
        ] {
            let name = format!("{}_latency", stage.name().replace(' ', "_"));
            point = point.with_times(&name, &self.activity.stage(stage).latency);
        }
        point.with_steadiness(self.steadiness)
    }
}
