//! Frames of one screen.

use std::{
    hint::black_box,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use hdrhistogram::Histogram;
use hwptop_agent::{
    nanos,
    snapshot::{Snapshot, latency_histogram},
};

use super::{Absent, DashboardError, Drawing, stream::Stream};
use crate::cpus::thread_cpu;

/// Snapshots that a screen has taken in before it is timed: what it shows of the past is filled.
const BEFORE: usize = 300;

/// What the frames of a screen cost, in CPU time of the thread that draws: what else the machine
/// does is not in it.
#[derive(Clone, Debug)]
pub struct ScreenCost {
    /// The screen's name.
    pub screen: String,
    /// Taking in a snapshot, ns.
    pub update: Histogram<u64>,
    /// Drawing a frame from it and finding what has changed since the one before, ns.
    pub frame: Histogram<u64>,
    /// Finding what has changed alone, in the two buffers of such a frame, ns.
    pub diff: Histogram<u64>,
    /// Cells that had changed, on the average.
    pub cells: f64,
    /// Bytes that each frame wrote.
    pub bytes: Vec<u64>,
}

impl ScreenCost {
    /// The most that a frame may take, as a ratio of the diff alone.
    pub const FRAME_GOAL: f64 = 3.0;
    /// The most bytes that frames may write on the average.
    pub const BYTES_GOAL: u64 = 4096;

    fn new(screen: String) -> Self {
        Self {
            screen,
            update: latency_histogram(),
            frame: latency_histogram(),
            diff: latency_histogram(),
            cells: 0.0,
            bytes: Vec::new(),
        }
    }

    /// The frame as a ratio of the diff alone, both at `quantile`.
    #[must_use]
    pub fn ratio(&self, quantile: f64) -> f64 {
        let [frame, diff] = [&self.frame, &self.diff].map(|of| of.value_at_quantile(quantile));
        frame as f64 / diff.max(1) as f64
    }
}

/// Times `count` frames of `screen`, each from a new snapshot, and as many diffs; fewer where `stop` is set.
pub(super) fn frames(
    screen: &mut dyn Drawing,
    snapshots: &[Snapshot],
    count: usize,
    stop: &AtomicBool,
) -> Result<Result<ScreenCost, Absent>, DashboardError> {
    let mut stream = Stream::new(snapshots)?;
    for _ in 0..BEFORE {
        screen.update(stream.next());
    }
    if let Err(absent) = screen.open() {
        return Ok(Err(absent));
    }
    let mut cost = ScreenCost::new(screen.name());
    let (mut cells, mut drawn) = (0, 0);
    // The first one is drawn on an empty screen. Then a diff and a frame in turns, each right after
    // a snapshot was taken in: what that leaves of the CPU's caches is the same for both.
    for turn in 0..=count.saturating_mul(2) {
        if stop.load(Ordering::Relaxed) && turn > 2 {
            break;
        }
        let snapshot = stream.next();
        let update = timed(|| screen.update(snapshot));
        let is_frame = turn % 2 == 0;
        let mut changed = 0;
        let took = timed(|| {
            if is_frame {
                screen.draw();
            }
            changed = screen.diff();
        });
        if !is_frame {
            screen.draw();
        }
        screen.flip();
        let bytes = screen.write()?;
        if turn == 0 {
            continue;
        }
        cost.update.saturating_record(nanos(update));
        cost.bytes.push(bytes);
        if is_frame {
            cost.frame.saturating_record(nanos(took));
            cells += changed;
            drawn += 1;
        } else {
            cost.diff.saturating_record(nanos(took));
        }
    }
    cost.cells = cells as f64 / f64::from(drawn.max(1));
    Ok(Ok(cost))
}

/// How much CPU time of this thread `work` takes.
fn timed<T>(work: impl FnOnce() -> T) -> Duration {
    let start = thread_cpu();
    black_box(work());
    thread_cpu().saturating_sub(start)
}
