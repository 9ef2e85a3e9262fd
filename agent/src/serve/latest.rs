use std::{
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant, SystemTime},
};

use serde::Serialize;

use super::kept::KeptOnDisk;
use crate::{
    export::{Measured, OtlpCounts, Scrape, ServiceCounts},
    nanos,
    snapshot::Snapshot,
};

/// Without a snapshot for so many intervals something is wrong.
const PATIENCE: u32 = 5;

/// What the collector took last, for those who ask.
#[derive(Debug)]
pub struct Latest {
    interval: Duration,
    started: SystemTime,
    /// When the first snapshot's interval began: said once, since the clock may be set.
    began: OnceLock<SystemTime>,
    state: Mutex<State>,
    kept: Mutex<Option<KeptOnDisk>>,
    pub(super) followers: AtomicU64,
    pub(super) skipped: AtomicU64,
    pub(super) refused: AtomicU64,
    failed_reads: AtomicU64,
    /// Where something is pushed.
    pub(super) otlp: OnceLock<Pushes>,
}

/// What became of pushes.
#[derive(Debug, Default)]
pub(super) struct Pushes {
    pub(super) pushed: AtomicU64,
    pub(super) failed: AtomicU64,
    pub(super) rejected_points: AtomicU64,
}

#[derive(Debug)]
struct State {
    snapshot: Option<Arc<Snapshot>>,
    /// When that was, or the start.
    at: Instant,
    /// Why the last read failed, if it did.
    failure: Option<String>,
}

/// Whether the collector works, in JSON.
#[derive(Debug, Serialize)]
pub(super) struct Health {
    pub(super) status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    last: Option<Last>,
    /// That a disk is full makes no figure wrong: it is told, and the status is what it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    recording: Option<KeptOnDisk>,
}

#[derive(Debug, Serialize)]
struct Last {
    target: String,
    measured_by: &'static str,
    since_start_ns: u64,
    snapshot_age_ns: u64,
    seen: u64,
    recorded: u64,
    lost: u64,
}

impl Latest {
    /// Before the first snapshot; there will be one each `interval`.
    #[must_use]
    pub fn new(interval: Duration) -> Self {
        Self {
            interval,
            started: SystemTime::now(),
            began: OnceLock::new(),
            kept: Mutex::default(),
            state: Mutex::new(State {
                snapshot: None,
                at: Instant::now(),
                failure: None,
            }),
            followers: AtomicU64::new(0),
            skipped: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            failed_reads: AtomicU64::new(0),
            otlp: OnceLock::new(),
        }
    }

    /// The time from one snapshot to the next.
    #[must_use]
    pub const fn interval(&self) -> Duration {
        self.interval
    }

    /// Takes the place of the last snapshot.
    pub fn publish(&self, snapshot: Arc<Snapshot>) {
        let began = || snapshot.taken_at.checked_sub(snapshot.interval);
        self.began
            .get_or_init(|| began().unwrap_or(snapshot.taken_at));
        *self.state() = State {
            snapshot: Some(snapshot),
            at: Instant::now(),
            failure: None,
        };
    }

    /// Says why there is no new snapshot. The last one stays.
    pub fn fail(&self, why: String) {
        self.failed_reads.fetch_add(1, Ordering::Relaxed);
        self.state().failure = Some(why);
    }

    /// Changes what is told of the snapshots that are kept on disk.
    pub fn kept_on_disk(&self, change: impl FnOnce(&mut KeptOnDisk)) {
        change(self.kept().get_or_insert_default());
    }

    /// The last snapshot.
    pub(super) fn snapshot(&self) -> Option<Arc<Snapshot>> {
        self.state().snapshot.clone()
    }

    /// What `encode` makes of the last snapshot and the service's own counts. Nobody waits
    /// for it.
    pub(super) fn scrape<T>(&self, encode: impl FnOnce(&Scrape) -> T) -> T {
        let (snapshot, at) = {
            let state = self.state();
            (state.snapshot.clone(), state.at)
        };
        let kept = self.kept().clone();
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let measured = snapshot.as_deref().map(|snapshot| Measured {
            snapshot,
            age: at.elapsed(),
            began: self.began.get().copied().unwrap_or(self.started),
        });
        encode(&Scrape {
            measured,
            started: self.started,
            service: ServiceCounts {
                followers: count(&self.followers),
                skipped: count(&self.skipped),
                refused: count(&self.refused),
                failed_reads: count(&self.failed_reads),
                otlp: self.otlp.get().map(|pushes| OtlpCounts {
                    pushed: count(&pushes.pushed),
                    failed: count(&pushes.failed),
                    rejected_points: count(&pushes.rejected_points),
                }),
            },
            kept: kept.as_ref(),
        })
    }

    /// Whether snapshots are taken.
    pub(super) fn health(&self) -> Health {
        let state = self.state();
        let age = state.at.elapsed();
        let is_overdue = age > self.interval * PATIENCE;
        let reason = match &state.failure {
            Some(why) => Some(why.clone()),
            None if is_overdue => Some(format!(
                "no snapshot for {age:.1?}; one is due every {:?}",
                self.interval
            )),
            None => state.snapshot.as_ref().and_then(|one| one.blind.clone()),
        };
        Health {
            status: if reason.is_none() { "ok" } else { "failing" },
            reason,
            last: state.snapshot.as_ref().map(|snapshot| Last {
                target: snapshot.target.clone(),
                measured_by: snapshot.measured_by.name(),
                since_start_ns: nanos(snapshot.since_start),
                snapshot_age_ns: nanos(age),
                seen: snapshot.events.seen,
                recorded: snapshot.events.recorded,
                lost: snapshot.events.lost,
            }),
            recording: self.kept().clone(),
        }
    }

    fn kept(&self) -> MutexGuard<'_, Option<KeptOnDisk>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing that holds the lock leaves half a change behind.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Health {
    pub(super) fn is_ok(&self) -> bool {
        self.reason.is_none()
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;
    use crate::export::prometheus_text;

    #[test]
    fn a_full_disk_is_told_and_is_no_failure_of_the_service() {
        let latest = Latest::new(Duration::from_hours(1));
        let text = |latest: &Latest| serde_json::to_string(&latest.health()).expect("it is JSON");
        assert!(!text(&latest).contains("recording"));
        latest.kept_on_disk(|kept| {
            kept.path = "/var/lib/a.jsonl".to_owned();
            kept.missed += 2;
            kept.failure = Some("No space left".to_owned());
        });
        let health = text(&latest);
        assert!(health.contains("\"status\":\"ok\""), "{health}");
        assert!(health.contains("\"failure\":\"No space left\""), "{health}");
        let metrics = latest.scrape(prometheus_text).expect("they are text");
        for sample in [
            "hwptop_agent_recording_active 0",
            "hwptop_agent_recording_missed_intervals_total 2",
            "hwptop_agent_start_time_seconds ",
        ] {
            assert!(metrics.contains(&format!("\n{sample}")), "{metrics}");
        }
    }

    #[test]
    fn without_a_snapshot_for_five_intervals_or_after_a_failed_read_it_is_not_healthy() {
        let latest = Latest::new(Duration::from_hours(1));
        assert!(latest.health().is_ok());
        latest.fail("reading EVENTS: gone".to_owned());
        let health = latest.health();
        assert_eq!(health.reason.as_deref(), Some("reading EVENTS: gone"));

        let latest = Latest::new(Duration::from_millis(1));
        thread::sleep(Duration::from_millis(20));
        let health = serde_json::to_value(latest.health()).expect("it is JSON");
        assert_eq!(health["status"], "failing");
        let reason = health["reason"].as_str().unwrap_or_default();
        assert!(reason.contains("no snapshot for"), "{reason}");
    }
}
