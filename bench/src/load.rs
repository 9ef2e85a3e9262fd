//! A load of invalidations on the kernel's selftest mock, by threads that are moved
//! between CPUs all the time.

use std::{
    io,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    sync::{Condvar, Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

use hwptop_abi::{Bucket, Vendor};
use hwptop_agent::{StageTotals, nanos};
use hwptop_driver::iommufd::{self, Context};
use hwptop_driver::{InvalidateError, ObjectId};
use rustix::thread::{Pid, gettid, sched_getcpu};

use crate::cpus;
use crate::mock::{Mock, MockEntries};

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LoadConfig {
    /// [`Vendor::SmmuV3`] for requests to the mock's vIOMMU, any other for requests to
    /// nested HWPTs.
    pub vendor: Vendor,
    /// Threads that make requests, 1 or more; each on an object of its own.
    pub threads: u16,
    /// Requests of all threads together.
    pub requests: u64,
    /// Entries per request.
    pub batch: u32,
    /// Whether another thread moves them between the CPUs all the time.
    pub migrate: bool,
}

/// What the threads saw of their requests.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// The times around requests that returned, with the entries in them.
    pub walls: StageTotals,
    /// The longest of them.
    pub longest: Duration,
    /// Requests that began on one CPU and returned on another.
    pub moved_within: u64,
}

/// What was done.
#[derive(Clone, Debug)]
pub struct LoadReport {
    /// All threads together.
    pub seen: Seen,
    /// How often a thread was sent to another CPU.
    pub moves: u64,
    /// From the first request to the last.
    pub elapsed: Duration,
}

/// Why the load could not be made.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The kernel refused an object of the mock.
    #[error(transparent)]
    Iommufd(#[from] iommufd::Error),
    /// The kernel refused a request.
    #[error("IOMMU_HWPT_INVALIDATE of object {}: {source}", target.0)]
    Request {
        /// Its target.
        target: ObjectId,
        /// The reason.
        source: InvalidateError,
    },
    /// There is nowhere to move threads to.
    #[error(
        "threads can only be moved between CPUs where there are two or more; this process may use {0}"
    )]
    Cpus(usize),
    /// Threads could not be moved.
    #[error("sched_setaffinity: {0}")]
    Affinity(#[from] rustix::io::Errno),
    /// No more threads.
    #[error("starting a thread failed: {0}")]
    Spawn(#[from] io::Error),
}

/// Makes the requests, or until `stop` is set. `progress` is told every 200 ms how
/// many are done.
///
/// # Errors
/// [`LoadError`].
pub fn load(
    config: &LoadConfig,
    stop: &AtomicBool,
    mut progress: impl FnMut(u64),
) -> Result<LoadReport, LoadError> {
    let cpus = cpus::allowed()?;
    if config.migrate && cpus.len() < 2 {
        return Err(LoadError::Cpus(cpus.len()));
    }
    let context = Context::open()?;
    let mocks = (0..config.threads.max(1)).map(|_| Mock::new(&context, config.vendor));
    let mocks: Vec<Mock> = mocks.collect::<Result<_, _>>()?;
    let shared = Shared {
        requests: config.requests,
        batch: config.batch,
        entries: MockEntries::new(config.vendor, config.batch),
        taken: AtomicU64::new(0),
        running: AtomicU64::new(mocks.len() as u64),
        gate: Gate::default(),
        stop,
    };
    thread::scope(|scope| {
        let mut threads = Vec::new();
        let (sender, receiver) = std::sync::mpsc::channel();
        for mock in &mocks {
            let (shared, sender) = (&shared, sender.clone());
            let thread = thread::Builder::new().spawn_scoped(scope, move || {
                // The receiver lives as long as this scope.
                let _ = sender.send(gettid());
                shared.work(mock)
            });
            match thread {
                Ok(thread) => threads.push(thread),
                Err(error) => {
                    // Those that wait have to end before this scope can.
                    shared.gate.open(Opened::ForNothing);
                    return Err(error.into());
                }
            }
        }
        let ids: Vec<Pid> = receiver.iter().take(mocks.len()).collect();
        shared.gate.open(Opened::ToWork);
        let started = Instant::now();
        let moves = shared.supervise(&ids, config.migrate.then_some(&*cpus), &mut progress);
        let mut seen = Seen::default();
        for thread in threads {
            seen.add(
                &thread
                    .join()
                    .unwrap_or_else(|panic| std::panic::resume_unwind(panic))?,
            );
        }
        Ok(LoadReport {
            seen,
            moves: moves?,
            elapsed: started.elapsed(),
        })
    })
}

struct Shared<'a> {
    requests: u64,
    batch: u32,
    entries: MockEntries,
    /// Requests that a thread has taken on itself.
    taken: AtomicU64,
    running: AtomicU64,
    gate: Gate,
    stop: &'a AtomicBool,
}

/// What threads wait at until all of them are there.
#[derive(Default)]
struct Gate {
    opened: Mutex<Option<Opened>>,
    changed: Condvar,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Opened {
    ToWork,
    /// Not all of them could be started.
    ForNothing,
}

impl Gate {
    fn open(&self, opened: Opened) {
        *self.opened.lock().unwrap_or_else(PoisonError::into_inner) = Some(opened);
        self.changed.notify_all();
    }

    fn wait(&self) -> Opened {
        let mut state = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(opened) = *state {
                return opened;
            }
            let changed = self.changed.wait(state);
            state = changed.unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// Counts a thread as ended, also where it panics.
struct Running<'a>(&'a AtomicU64);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Shared<'_> {
    fn work(&self, mock: &Mock) -> Result<Seen, LoadError> {
        let _running = Running(&self.running);
        let mut request = self.entries.request(mock);
        let mut seen = Seen::default();
        if self.gate.wait() == Opened::ForNothing {
            return Ok(seen);
        }
        while self.taken.fetch_add(1, Ordering::Relaxed) < self.requests
            && !self.stop.load(Ordering::Relaxed)
        {
            let before = sched_getcpu();
            let start = Instant::now();
            request.send().map_err(|source| LoadError::Request {
                target: mock.target,
                source,
            })?;
            let took = start.elapsed();
            seen.record(took, self.batch);
            seen.moved_within += u64::from(sched_getcpu() != before);
        }
        Ok(seen)
    }

    /// Moves the threads until they have ended; returns how often.
    fn supervise(
        &self,
        threads: &[Pid],
        cpus: Option<&[usize]>,
        progress: &mut impl FnMut(u64),
    ) -> Result<u64, LoadError> {
        const TOLD_EVERY: Duration = Duration::from_millis(200);
        let (mut moves, mut rounds) = (0, 0);
        let mut told = Instant::now();
        while self.running.load(Ordering::Relaxed) > 0 {
            if told.elapsed() >= TOLD_EVERY {
                told = Instant::now();
                progress(self.taken.load(Ordering::Relaxed).min(self.requests));
            }
            let Some(cpus) = cpus else {
                thread::sleep(Duration::from_millis(1));
                continue;
            };
            for (at, &thread) in threads.iter().enumerate() {
                let cpu = cpus[(at + rounds) % cpus.len()];
                match cpus::move_to(thread, cpu) {
                    Ok(()) => moves += 1,
                    // It has ended.
                    Err(rustix::io::Errno::SRCH) => {}
                    Err(error) => return Err(error.into()),
                }
            }
            rounds += 1;
            thread::yield_now();
        }
        Ok(moves)
    }
}

impl Seen {
    fn record(&mut self, took: Duration, entries: u32) {
        let ns = nanos(took);
        let cell = &mut self.walls.0;
        cell.seen += 1;
        cell.items += u64::from(entries);
        cell.total_ns += ns;
        cell.buckets[Bucket::of(ns).index()] += 1;
        self.longest = self.longest.max(took);
    }

    fn add(&mut self, other: &Self) {
        self.walls.add(&other.walls.0);
        self.longest = self.longest.max(other.longest);
        self.moved_within += other.moved_within;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_that_wait_are_let_go_where_not_all_could_be_started() {
        for opened in [Opened::ToWork, Opened::ForNothing] {
            let gate = Gate::default();
            let seen = thread::scope(|scope| {
                let waiting = [(); 3].map(|()| scope.spawn(|| gate.wait()));
                gate.open(opened);
                waiting.map(|thread| thread.join().unwrap())
            });
            assert_eq!(seen, [opened; 3]);
        }
    }
}
