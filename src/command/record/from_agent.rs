//! A recording of what a running agent publishes.

use std::{path::Path, time::Duration};

use hwptop_agent::{Since, snapshot::Snapshot};

use crate::{
    cli::MeasureArgs,
    command::{
        attached::Attached,
        feed::{Feed, FeedError},
    },
    failure::Failure,
};

/// An agent's snapshots as if its measurement had begun with the recording. The first one is
/// of an interval that was over before.
pub(super) struct FromAgent {
    agent: Attached,
    begin: Option<Begin>,
    /// Snapshots that the agent did not wait for this recording with.
    skipped: u64,
}

/// What was counted before.
struct Begin {
    since: Since,
    /// The end of the last interval, in the agent's time.
    last: Duration,
}

impl FromAgent {
    pub(super) fn start(args: &MeasureArgs, socket: &Path) -> Result<Self, Failure> {
        Ok(Self {
            agent: Attached::start(args, socket)?,
            begin: None,
            skipped: 0,
        })
    }
}

impl Begin {
    fn with(snapshot: &Snapshot) -> Self {
        Self {
            since: Since::end_of(snapshot),
            last: snapshot.since_start,
        }
    }

    /// Leaves of `snapshot` what was counted since then; whether something is missing between
    /// it and the one before.
    fn leave_since(&mut self, snapshot: &mut Snapshot) -> bool {
        let begun = snapshot.since_start.saturating_sub(snapshot.interval);
        let has_gap = begun > self.last;
        self.last = snapshot.since_start;
        self.since.leave(snapshot);
        has_gap
    }
}

impl Feed for FromAgent {
    fn next_snapshot(&mut self) -> Result<Option<Snapshot>, FeedError> {
        let Some(mut snapshot) = self.agent.next_snapshot()? else {
            return Ok(None);
        };
        let Some(begin) = &mut self.begin else {
            self.begin = Some(Begin::with(&snapshot));
            return Ok(None);
        };
        self.skipped += u64::from(begin.leave_since(&mut snapshot));
        Ok(Some(snapshot))
    }

    fn has_next(&mut self) -> bool {
        self.agent.has_next()
    }

    fn has_ended(&mut self) -> bool {
        self.agent.has_ended()
    }

    fn own_pace(&self) -> Option<Duration> {
        self.agent.own_pace()
    }

    fn farewell(&mut self) -> Option<String> {
        let skipped = (self.skipped > 0).then(|| {
            format!(
                "the agent did not wait: the recording has {} gap{}",
                self.skipped,
                if self.skipped == 1 { "" } else { "s" }
            )
        });
        let lines: Vec<String> = self.agent.farewell().into_iter().chain(skipped).collect();
        (!lines.is_empty()).then(|| lines.join("; "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snapshot(since_start: u64, seen: u64) -> Snapshot {
        let text = format!(
            r#"{{"taken_at_unix_ns":1,"interval_ns":10,"since_start_ns":{since_start},
            "target":"kernel","measured_by":"ebpf","policy":null,"timing_profile":null,
            "probes":[],"stages":[],"slow_threshold_ns":1,"slow":[],"diagnostics":[],
            "events":{{"seen":{seen},"recorded":{seen},"lost":0,"slow_dropped":2}},
            "instances":[],"objects":[],"objects_left_out":0,"failures":[],
            "failures_dropped":1,"hw_queues":{{"allocated":3,"failed":1}},
            "perf":{{"pid":1,"of":"process 1","user_only":false,"threads_left_out":0,
            "unsettled":false,"unread":0,"absent":[],"counts":[
            {{"event":"cycles","interval":7,"total":{seen},"counted":1.0}},
            {{"event":"page_faults","interval":null,"total":null,"counted":0.0}}]}}}}"#
        );
        serde_json::from_str(&text).expect("a snapshot")
    }

    #[test]
    fn what_was_before_the_recording_is_not_in_it_and_gaps_are_seen() {
        let mut begin = Begin::with(&snapshot(100, 40));
        let mut next = snapshot(110, 47);
        assert!(!begin.leave_since(&mut next));
        assert_eq!(next.since_start, Duration::from_nanos(10));
        assert_eq!((next.events.seen, next.events.slow_dropped), (7, 0));
        assert_eq!(next.failures_dropped, 0);
        let queues = next.hw_queues.expect("they are counted");
        assert_eq!((queues.allocated, queues.failed), (0, 0));
        let counts = next.perf.expect("they are counted").counts;
        assert_eq!((counts[0].interval, counts[0].total), (Some(7), Some(7)));
        assert_eq!(counts[1].total, None);
        assert!(begin.leave_since(&mut snapshot(130, 47)));
        assert!(!begin.leave_since(&mut snapshot(140, 47)));
    }
}
