use std::borrow::Cow;

use hdrhistogram::Histogram;
use hwptop_abi::{STAGES, Stage};
use serde::{Deserialize, Serialize};

use super::{BatchSizes, ErrorCodes, serial};

/// What a stage of one instance did.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct StageActivity {
    /// Ends that reached a program.
    pub seen: u64,
    /// Ends in `latency`.
    pub recorded: u64,
    /// Ends whose start is not known.
    pub lost: u64,
    /// Entries (request) or commands (submission) the ends carried.
    pub items: u64,
    /// Ends with an error.
    pub errors: u64,
    /// Sum of the recorded latencies in nanoseconds: exact, where `latency` is not.
    pub total_ns: u64,
    /// Latencies in nanoseconds.
    #[serde(
        rename = "latency_ns",
        default = "serial::histogram::empty",
        skip_serializing_if = "Histogram::is_empty",
        with = "serial::histogram"
    )]
    pub latency: Histogram<u64>,
    /// The seen ends by how many items they carried; empty for what is left of a request, which
    /// carries none.
    #[serde(default, skip_serializing_if = "BatchSizes::is_empty")]
    pub batches: BatchSizes,
    /// Ends with an error by its code.
    #[serde(default, skip_serializing_if = "ErrorCodes::is_empty")]
    pub error_codes: ErrorCodes,
}

impl Default for StageActivity {
    fn default() -> Self {
        Self {
            seen: 0,
            recorded: 0,
            lost: 0,
            items: 0,
            errors: 0,
            total_ns: 0,
            latency: serial::histogram::empty(),
            batches: BatchSizes::default(),
            error_codes: ErrorCodes::default(),
        }
    }
}

impl StageActivity {
    /// Whether nothing happened.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let counts = [self.seen, self.lost, self.items, self.errors];
        counts == [0; 4]
            && self.recorded == 0
            && self.total_ns == 0
            && self.latency.is_empty()
            && self.batches.is_empty()
            && self.error_codes.is_empty()
    }

    /// Takes in what came after.
    pub fn add(&mut self, later: &Self) {
        for (mine, theirs) in [
            (&mut self.seen, later.seen),
            (&mut self.recorded, later.recorded),
            (&mut self.lost, later.lost),
            (&mut self.items, later.items),
            (&mut self.errors, later.errors),
            (&mut self.total_ns, later.total_ns),
        ] {
            *mine = mine.saturating_add(theirs);
        }
        // Each is as large as its own slowest event.
        self.latency.auto(true);
        let added = self.latency.add(&later.latency);
        debug_assert!(added.is_ok(), "they have the same precision: {added:?}");
        self.batches.add(&later.batches);
        self.error_codes.add(&later.error_codes);
    }

    /// The items, where `stage`, whose activity it is, has any: what is left of a request
    /// carries none.
    #[must_use]
    pub fn items_of(&self, stage: Stage) -> Option<u64> {
        (stage != Stage::Unattributed).then_some(self.items)
    }

    /// The same without its latencies.
    fn without_latencies(&self) -> Self {
        Self {
            latency: serial::histogram::empty(),
            batches: self.batches.clone(),
            error_codes: self.error_codes.clone(),
            ..*self
        }
    }

    /// Items per event: entries per request, commands per submission. `None`
    /// before the first event.
    #[must_use]
    pub fn batch_factor(&self) -> Option<f64> {
        (self.seen > 0).then(|| self.items as f64 / self.seen as f64)
    }

    /// The latency at `quantile` (0 to 1) in nanoseconds, `None` where nothing
    /// was recorded.
    #[must_use]
    pub fn latency_ns(&self, quantile: f64) -> Option<u64> {
        (!self.latency.is_empty()).then(|| self.latency.value_at_quantile(quantile))
    }

    /// The mean latency in nanoseconds, from the exact sum; `None` where nothing was
    /// recorded.
    #[must_use]
    pub fn latency_ns_mean(&self) -> Option<f64> {
        (self.recorded > 0).then(|| self.total_ns as f64 / self.recorded as f64)
    }

    /// The longest latency in nanoseconds, `None` where nothing was recorded.
    #[must_use]
    pub fn latency_ns_max(&self) -> Option<u64> {
        (!self.latency.is_empty()).then(|| self.latency.max())
    }
}

/// What the guest queue in front of one instance did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GuestCounts {
    /// Doorbells handled.
    pub doorbells: u64,
    /// Descriptors consumed.
    pub descriptors: u64,
    /// Wait descriptors completed.
    pub waits: u64,
    /// Faults that froze the queue.
    pub faults: u64,
}

/// What one instance did.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Activity {
    /// In front of it.
    #[serde(skip_serializing_if = "GuestCounts::is_empty")]
    pub guest: GuestCounts,
    /// `IOMMU_HWPT_INVALIDATE` or the driver call that stands for it.
    #[serde(skip_serializing_if = "StageActivity::is_empty")]
    pub request: StageActivity,
    /// Hand-overs to its hardware queue.
    #[serde(skip_serializing_if = "StageActivity::is_empty")]
    pub submission: StageActivity,
    /// The IOMMU driver's part of the requests (kernel probes only).
    #[serde(skip_serializing_if = "StageActivity::is_empty")]
    pub driver_op: StageActivity,
    /// The requests without their driver op (kernel probes only).
    #[serde(skip_serializing_if = "StageActivity::is_empty")]
    pub unattributed: StageActivity,
    /// Hand-overs outside any request (kernel probes only).
    #[serde(skip_serializing_if = "StageActivity::is_empty")]
    pub host_submission: StageActivity,
}

impl GuestCounts {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    fn add(&mut self, later: &Self) {
        for (mine, theirs) in [
            (&mut self.doorbells, later.doorbells),
            (&mut self.descriptors, later.descriptors),
            (&mut self.waits, later.waits),
            (&mut self.faults, later.faults),
        ] {
            *mine = mine.saturating_add(theirs);
        }
    }
}

impl Activity {
    /// Whether nothing happened.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let mut stages = Stage::ALL.into_iter();
        self.guest.is_empty() && stages.all(|stage| self.stage(stage).is_empty())
    }

    /// Takes in what came after, or what another did.
    pub fn add(&mut self, later: &Self) {
        self.guest.add(&later.guest);
        for (stage, mine) in self.stages_mut() {
            mine.add(later.stage(stage));
        }
    }

    /// The counts of it, without the latencies.
    pub(crate) fn without_latencies(&self) -> Self {
        Self {
            guest: self.guest,
            request: self.request.without_latencies(),
            submission: self.submission.without_latencies(),
            driver_op: self.driver_op.without_latencies(),
            unattributed: self.unattributed.without_latencies(),
            host_submission: self.host_submission.without_latencies(),
        }
    }

    /// Its parts, by number of their stage.
    pub(crate) fn stages_mut(&mut self) -> [(Stage, &mut StageActivity); STAGES as usize] {
        [
            (Stage::Request, &mut self.request),
            (Stage::Submission, &mut self.submission),
            (Stage::DriverOp, &mut self.driver_op),
            (Stage::Unattributed, &mut self.unattributed),
            (Stage::HostSubmission, &mut self.host_submission),
        ]
    }

    /// The part that belongs to `stage`.
    #[must_use]
    pub fn stage(&self, stage: Stage) -> &StageActivity {
        match stage {
            Stage::Request => &self.request,
            Stage::Submission => &self.submission,
            Stage::DriverOp => &self.driver_op,
            Stage::Unattributed => &self.unattributed,
            Stage::HostSubmission => &self.host_submission,
        }
    }

    /// What went wrong, each failure once: a submission that fails makes its request
    /// fail, and that freezes the guest's queue, so the level that counted most has
    /// seen them all. What fails outside any request comes on top.
    #[must_use]
    pub fn errors(&self) -> u64 {
        self.guest
            .faults
            .max(self.request.errors)
            .max(self.submission.errors)
            .saturating_add(self.host_submission.errors)
    }
}

/// What the driver itself counted, to hold against what the probes saw.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DriverCounts {
    /// Guest descriptors by the specification's name, in the order of their type.
    pub descriptors: Vec<(Cow<'static, str>, u64)>,
    /// Wait descriptors completed.
    pub waits: u64,
    /// Requests issued.
    pub requests: u64,
    /// Entries in them that were handled.
    pub entries: u64,
    /// Requests that failed.
    pub request_errors: u64,
    /// Submissions to the instance's hardware queue.
    pub submissions: u64,
    /// Commands in them, without the wait that ends each.
    pub commands: u64,
    /// Submissions that failed.
    pub submission_errors: u64,
    /// Guest queue faults.
    pub faults: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn requests(batches: &[(u32, u64)], codes: &[(u32, u64)]) -> StageActivity {
        StageActivity {
            batches: batches.iter().copied().collect(),
            error_codes: codes.iter().copied().collect(),
            ..StageActivity::default()
        }
    }

    #[test]
    fn batches_and_errors_are_added_up_and_are_not_nothing() {
        let mut sum = requests(&[(1, 2)], &[]);
        assert!(!sum.is_empty() && !requests(&[], &[(5, 1)]).is_empty());
        sum.add(&requests(&[(1, 1), (64, 3)], &[(5, 1)]));
        assert_eq!(sum.batches.iter().collect::<Vec<_>>(), [(1, 3), (64, 3)]);
        assert_eq!(sum.error_codes.iter().collect::<Vec<_>>(), [(5, 1)]);
    }

    #[test]
    fn latencies_of_a_slow_part_are_added_to_those_of_a_fast_one() {
        let only = |ns| StageActivity {
            recorded: 1,
            latency: {
                let mut latency = super::super::histogram_up_to(ns);
                latency += ns;
                latency
            },
            ..StageActivity::default()
        };
        for first in [StageActivity::default(), only(900)] {
            let mut sum = first;
            sum.add(&only(70_000_000));
            assert_eq!(sum.latency.len(), sum.recorded);
            let max = sum.latency_ns_max().unwrap();
            assert!((70_000_000..71_000_000).contains(&max), "{max}");
            // As they are read again.
            let written = serde_json::to_string(&sum).unwrap();
            let mut read: StageActivity = serde_json::from_str(&written).unwrap();
            read.add(&only(3_000_000_000));
            assert_eq!(read.latency.len(), read.recorded);
        }
    }

    #[test]
    fn a_stage_that_was_recorded_before_there_were_batches_is_still_read() {
        let old = r#"{"seen":2,"recorded":2,"lost":0,"items":6,"errors":1,"total_ns":9}"#;
        let read: StageActivity = serde_json::from_str(old).unwrap();
        assert_eq!((read.seen, read.errors), (2, 1));
        assert!(read.batches.is_empty() && read.error_codes.is_empty());

        let written = serde_json::to_string(&requests(&[(3, 2)], &[(5, 1)])).unwrap();
        let read: StageActivity = serde_json::from_str(&written).unwrap();
        assert_eq!(read.batches.at_quantile(1.0), Some(3));
        assert_eq!(read.error_codes.total(), 1);
    }
}
