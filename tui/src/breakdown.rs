//! Where the time of requests went, as far as something times its parts.

use hwptop_agent::snapshot::{Activity, Snapshot, Stage};

use crate::{figure, stages};

/// The time of the requests of an interval and its parts.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Breakdown {
    /// The requests that were timed, more than 0.
    requests: u64,
    /// Their time, more than 0.
    request_ns: u64,
    pub(crate) parts: Vec<Part>,
    /// A part was longer than the whole, and was cut.
    pub(crate) clamped: bool,
}

/// A part of the time.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Part {
    /// What it is, in words.
    pub(crate) name: &'static str,
    /// The stage that it is, where it is one.
    pub(crate) stage: Option<Stage>,
    ns: u64,
}

impl Breakdown {
    /// Of what was done in an interval of `snapshot`; `None` where no request was timed, or
    /// nothing but whole requests.
    pub(crate) fn of(snapshot: &Snapshot, did: &Activity) -> Option<Self> {
        let request = &did.request;
        if snapshot.is_of_the_kernel() {
            let split = snapshot.split(did)?;
            let stage_of = |name: &str| Stage::ALL.into_iter().find(|one| one.name() == name);
            let parts = split.parts().map(|(name, ns)| Part {
                name,
                stage: stage_of(name),
                ns,
            });
            return Some(Self {
                requests: request.recorded.max(1),
                request_ns: split.request_ns,
                parts: parts.collect(),
                clamped: split.clamped,
            });
        }
        if request.recorded == 0 || request.total_ns == 0 {
            return None;
        }
        // A driver's static probes delimit these two alone.
        let submission_ns = did.submission.total_ns.min(request.total_ns);
        let parts = [
            ("submission", Some(Stage::Submission), submission_ns),
            ("rest of it", None, request.total_ns - submission_ns),
        ];
        Some(Self {
            requests: request.recorded,
            request_ns: request.total_ns,
            parts: parts
                .map(|(name, stage, ns)| Part { name, stage, ns })
                .to_vec(),
            clamped: did.submission.total_ns > request.total_ns,
        })
    }

    /// The part of the whole that `part` is, from 0 to 1.
    pub(crate) fn share(&self, part: &Part) -> f64 {
        part.ns as f64 / self.request_ns as f64
    }

    /// What `part` takes of a request on average, in nanoseconds.
    pub(crate) fn of_a_request_ns(&self, part: &Part) -> u64 {
        part.ns / self.requests
    }

    /// A request on average, in nanoseconds.
    pub(crate) fn request_ns(&self) -> u64 {
        self.request_ns / self.requests
    }

    /// As [`stages::split`] tells it.
    pub(crate) fn line(&self) -> String {
        let parts = self.parts.iter();
        stages::shares(
            parts.map(|part| (part.name, self.share(part))),
            self.clamped,
        )
    }

    /// The share of each part and its mean, e.g. `85 %  1.62µs`.
    pub(crate) fn figures(&self) -> Vec<String> {
        let shares: Vec<f64> = self.parts.iter().map(|part| self.share(part)).collect();
        let percents = figure::percents(&shares).into_iter();
        let figures = percents.zip(&self.parts).map(|(percent, part)| {
            let mean = figure::latency(self.of_a_request_ns(part));
            format!("{percent:>5} {mean:>6}")
        });
        figures.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{self, kernel};

    #[test]
    fn the_parts_of_a_kernels_requests_are_those_of_the_split() {
        let host = kernel::host();
        let did = &host.instances[0].interval;
        let breakdown = Breakdown::of(&host, did).unwrap();
        let split = host.split(did).unwrap();
        assert_eq!(breakdown.line(), stages::split(&split));
        let sum: f64 = breakdown.parts.iter().map(|one| breakdown.share(one)).sum();
        assert!((sum - 1.0).abs() < 0.02, "{sum}");
    }

    #[test]
    fn without_a_kernel_submissions_are_held_against_requests() {
        let mut snapshot = fixture::snapshot();
        let did = &mut snapshot.instances[0].interval;
        (did.request.total_ns, did.submission.total_ns) = (4_000, 3_000);
        did.request.recorded = 2;
        let breakdown = Breakdown::of(&snapshot, &snapshot.instances[0].interval).unwrap();
        assert_eq!(breakdown.line(), "submission 75 % · rest of it 25 %");
        assert_eq!(breakdown.request_ns(), 2_000);
        assert_eq!(breakdown.figures()[0], " 75 % 1.50µs");
    }

    #[test]
    fn submissions_longer_than_their_requests_are_cut_and_that_is_said() {
        let mut snapshot = fixture::snapshot();
        let did = &mut snapshot.instances[0].interval;
        (did.request.total_ns, did.submission.total_ns) = (4_000, 5_000);
        let breakdown = Breakdown::of(&snapshot, &snapshot.instances[0].interval).unwrap();
        assert_eq!(
            breakdown.line(),
            "submission 100 % · rest of it 0 % (clamped)"
        );
    }

    #[test]
    fn where_nothing_was_timed_there_is_none() {
        let idle = fixture::first();
        assert_eq!(Breakdown::of(&idle, &idle.instances[0].interval), None);
        let quiet = kernel::quiet_kernel();
        assert_eq!(Breakdown::of(&quiet, &quiet.instances[0].interval), None);
    }
}
