use hwptop_abi::Stage;

use super::Activity;

/// Where the time of requests went, in nanoseconds summed over all of them:
/// request = driver op's own part + its submissions + unattributed. A part is `None`
/// where no probe times what it takes, and never negative. Requests whose driver op was lost are
/// in the whole only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Split {
    /// The whole requests, more than 0.
    pub request_ns: u64,
    /// The driver ops without the submissions they made.
    pub driver_op_ns: Option<u64>,
    /// The submissions that requests made.
    pub submission_ns: Option<u64>,
    /// The requests without their driver ops.
    pub unattributed_ns: Option<u64>,
    /// A part was longer than the whole it belongs to, and was cut: events were lost, or
    /// were counted while they were read.
    pub clamped: bool,
}

impl Split {
    pub(super) fn of(activity: &Activity, times: impl Fn(Stage) -> bool) -> Option<Self> {
        let total = |stage| times(stage).then(|| activity.stage(stage).total_ns);
        let request_ns = total(Stage::Request).filter(|ns| *ns > 0)?;
        let of_ops = &activity.driver_op;
        let is_known = of_ops.recorded > 0 || of_ops.lost == 0;
        let driver_op = total(Stage::DriverOp).filter(|_| is_known);
        let submission = total(Stage::Submission);
        let unattributed = total(Stage::Unattributed).filter(|_| is_known);
        let inside = |part: Option<u64>, whole: Option<u64>| match (part, whole) {
            (Some(part), Some(whole)) => part <= whole,
            _ => true,
        };
        let request = Some(request_ns);
        let fits = inside(submission, driver_op.or(request))
            && inside(driver_op, request)
            && inside(unattributed, request);
        let cut = |ns: u64| ns.min(request_ns);
        let split = Self {
            request_ns,
            driver_op_ns: driver_op
                .zip(submission)
                .map(|(driver_op, submission)| cut(driver_op.saturating_sub(submission))),
            submission_ns: submission.map(cut),
            unattributed_ns: unattributed.map(cut),
            clamped: !fits,
        };
        split.parts().next().is_some().then_some(split)
    }

    /// The part of the whole that `ns` is, from 0 to 1.
    #[must_use]
    pub fn share(&self, ns: u64) -> f64 {
        ns as f64 / self.request_ns as f64
    }

    /// The parts that are known, with their names.
    pub fn parts(&self) -> impl Iterator<Item = (&'static str, u64)> {
        [
            (Stage::DriverOp, self.driver_op_ns),
            (Stage::Submission, self.submission_ns),
            (Stage::Unattributed, self.unattributed_ns),
        ]
        .into_iter()
        .filter_map(|(stage, ns)| Some((stage.name(), ns?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn activity(request: u64, driver_op: u64, submission: u64, unattributed: u64) -> Activity {
        let mut activity = Activity::default();
        activity.request.total_ns = request;
        activity.driver_op.total_ns = driver_op;
        activity.submission.total_ns = submission;
        activity.unattributed.total_ns = unattributed;
        activity
    }

    #[test]
    fn the_parts_of_a_request_add_up_to_it() {
        let split = Split::of(&activity(1000, 970, 850, 30), |_| true).unwrap();
        let parts: Vec<_> = split.parts().collect();
        assert_eq!(
            parts,
            [
                ("driver op", 120),
                ("submission", 850),
                ("unattributed", 30)
            ]
        );
        assert!(!split.clamped);
    }

    #[test]
    fn a_part_that_nothing_times_is_absent_and_not_zero() {
        let without_driver_op = |stage| matches!(stage, Stage::Request | Stage::Submission);
        let split = Split::of(&activity(1000, 0, 850, 0), without_driver_op).unwrap();
        assert_eq!(split.parts().collect::<Vec<_>>(), [("submission", 850)]);
        let request_only = |stage| stage == Stage::Request;
        assert_eq!(Split::of(&activity(1000, 0, 0, 0), request_only), None);
        assert_eq!(Split::of(&activity(0, 0, 0, 0), |_| true), None);
    }

    #[test]
    fn a_driver_op_of_which_no_end_was_seen_is_absent_and_not_zero() {
        let mut activity = activity(1000, 0, 850, 0);
        activity.driver_op.lost = 1;
        let split = Split::of(&activity, |_| true).unwrap();
        assert_eq!(split.parts().collect::<Vec<_>>(), [("submission", 850)]);
        assert!(!split.clamped);
    }

    #[test]
    fn a_part_longer_than_its_whole_is_cut_and_said_to_be() {
        let split = Split::of(&activity(1000, 900, 950, 100), |_| true).unwrap();
        assert_eq!((split.driver_op_ns, split.clamped), (Some(0), true));
        let split = Split::of(&activity(1000, 1200, 1100, 0), |_| true).unwrap();
        assert_eq!((split.submission_ns, split.clamped), (Some(1000), true));
    }
}
