//! A table of many rows, through which someone scrolls.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use hdrhistogram::Histogram;
use hwptop_agent::{
    nanos,
    snapshot::{Snapshot, latency_histogram},
};

use super::{DashboardError, Drawing, stream::Stream};

/// Keys between two snapshots: those of a key held down at 60 a second, ten snapshots a second.
const KEYS: u16 = 6;

/// What the frames of a table of many rows take.
#[derive(Clone, Debug)]
pub struct Scroll {
    /// Its rows.
    pub rows: u16,
    /// From a key to the last byte of its frame, ns.
    pub key: Histogram<u64>,
    /// From a snapshot to the last byte of its frame, ns: it is taken in as well.
    pub snapshot: Histogram<u64>,
}

impl Scroll {
    /// A frame of 60 a second: the one that is to follow a key.
    pub const KEY_GOAL: Duration = Duration::from_nanos(1_000_000_000 / 60);
    /// A frame of 10 a second: the one that is to show a snapshot.
    pub const SNAPSHOT_GOAL: Duration = Duration::from_millis(100);

    /// How many of `frames` took longer than `goal`.
    #[must_use]
    pub fn missed(frames: &Histogram<u64>, goal: Duration) -> u64 {
        let held = frames.count_between(0, nanos(goal));
        frames.len().saturating_sub(held)
    }
}

/// Scrolls from the first row to the last.
pub(super) fn scroll(
    screen: &mut dyn Drawing,
    snapshots: &[Snapshot],
    rows: u16,
    stop: &AtomicBool,
) -> Result<Scroll, DashboardError> {
    let few = snapshots.get(..snapshots.len().min(8)).unwrap_or_default();
    let many: Vec<Snapshot> = few.iter().map(|one| with_rows(one, rows)).collect();
    let mut stream = Stream::new(&many)?;
    let mut scroll = Scroll {
        rows,
        key: latency_histogram(),
        snapshot: latency_histogram(),
    };
    screen.update(stream.next());
    // Whatever was shown before: all instances are.
    screen.open().ok();
    screen.write()?;
    for row in 0..rows {
        if stop.load(Ordering::Relaxed) && row > 0 {
            break;
        }
        if row % KEYS == 0 {
            let snapshot = stream.next();
            let start = Instant::now();
            screen.update(snapshot);
            screen.write()?;
            scroll.snapshot.saturating_record(nanos(start.elapsed()));
        }
        let start = Instant::now();
        screen.row_below();
        screen.write()?;
        scroll.key.saturating_record(nanos(start.elapsed()));
    }
    Ok(scroll)
}

/// `snapshot` with as many instances as `rows`: its own, again and again under other names.
fn with_rows(snapshot: &Snapshot, rows: u16) -> Snapshot {
    let mut many = snapshot.clone();
    let own = &snapshot.instances;
    many.instances = (0..rows)
        .zip(own.iter().cycle())
        .map(|(number, one)| {
            let mut one = one.clone();
            one.number = number;
            one.name = format!("{}.{number:#06x}", one.name);
            one
        })
        .collect();
    many
}
