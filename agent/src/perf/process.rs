//! The counters of a process.

use std::{collections::BTreeSet, io};

use rustix::process::{Resource, getrlimit, setrlimit};

use super::{
    group::{Choice, Counting, Group, Reading, choose},
    open::Threads,
    scale::Between,
};
use crate::snapshot::{PerfAbsent, PerfCount, PerfCounts, PerfEvent};

/// The most threads that are counted from the start on; those that they start are counted with
/// them. A counter is a descriptor: 8 a thread.
const THREADS_MAX: usize = 256;
/// Room for their counters, and for what else is open.
const DESCRIPTORS: u64 = 8 * THREADS_MAX as u64 + 1024;

/// How often it is begun again where threads are started meanwhile.
const ROUNDS: usize = 8;

/// Why nothing is counted.
#[derive(Debug, thiserror::Error)]
pub enum PerfError {
    /// The process' threads cannot be listed.
    #[error("the threads of process {pid}: {source}")]
    Threads {
        /// The process.
        pid: u32,
        /// The reason.
        source: io::Error,
    },
}

/// perf counters of all threads of a process, those that it starts later as well.
pub struct ProcessCounters(Box<dyn Read + Send>);

impl ProcessCounters {
    /// Starts to count process `pid`; `of` says in words whose counts they are. What cannot be
    /// counted is absent from the counts, with the reason.
    ///
    /// # Errors
    /// [`PerfError`] where the process is gone or may not be looked at.
    pub fn open(pid: u32, of: String) -> Result<Self, PerfError> {
        make_room_for_descriptors();
        let counters = Counters::open(&Threads { pid }, pid, of);
        let counters = counters.map_err(|source| PerfError::Threads { pid, source })?;
        Ok(Self(Box::new(counters)))
    }

    /// What was counted since the last call, and in all.
    pub fn read(&mut self) -> PerfCounts {
        self.0.read()
    }
}

/// A soft limit is there to be raised by who needs more; where it cannot be, threads are left
/// out and counted as such.
fn make_room_for_descriptors() {
    let mut limit = getrlimit(Resource::Nofile);
    if limit.current.is_some_and(|current| current < DESCRIPTORS) {
        let most = limit.maximum.unwrap_or(DESCRIPTORS);
        limit.current = Some(most.min(DESCRIPTORS));
        let _ = setrlimit(Resource::Nofile, limit);
    }
}

trait Read {
    fn read(&mut self) -> PerfCounts;
}

/// Both sets of counters, and what is to be said about them.
struct Counters<G> {
    pid: u32,
    of: String,
    user_only: bool,
    threads_left_out: u32,
    unsettled: bool,
    absent: Vec<PerfAbsent>,
    sets: [Set<G>; 2],
}

impl<G: Group> Counters<G> {
    fn open<C: Counting<Group = G>>(counting: &C, pid: u32, of: String) -> io::Result<Self> {
        let hardware = choose(counting, &PerfEvent::HARDWARE, false);
        let software = choose(counting, &PerfEvent::SOFTWARE, hardware.user_only);
        let user_only = software.user_only;
        let choices = [hardware, software];
        let mut opened = Opened::all(counting, &choices)?;
        // One that was started by a thread not yet counted is not counted. Where the list of
        // threads stays the same all are, and those to come are started by one that is.
        for _ in 1..ROUNDS {
            if !opened.unsettled {
                break;
            }
            drop(opened);
            opened = Opened::all(counting, &choices)?;
        }
        let mut sets = choices.each_ref().map(|choice| Set::new(&choice.events));
        for (set, groups) in sets.iter_mut().zip(opened.groups) {
            set.groups = groups;
        }
        let absent = choices.into_iter().flat_map(|choice| choice.absent);
        let mut absent: Vec<PerfAbsent> = absent.collect();
        // With every thread refused nothing is counted, and that is no 0.
        for set in sets.iter_mut().filter(|set| set.groups.is_empty()) {
            let events: Vec<PerfEvent> = set.counts.drain(..).map(|count| count.event).collect();
            if !events.is_empty() {
                absent.push(PerfAbsent {
                    events,
                    why: opened
                        .why_refused
                        .clone()
                        .unwrap_or_else(|| "the process has no thread any more".to_owned()),
                });
            }
        }
        Ok(Self {
            pid,
            of,
            user_only,
            threads_left_out: opened.left_out,
            unsettled: opened.unsettled,
            absent,
            sets,
        })
    }
}

impl<G: Group> Read for Counters<G> {
    fn read(&mut self) -> PerfCounts {
        let unread = self.sets.iter_mut().map(Set::read).max();
        PerfCounts {
            pid: self.pid,
            of: self.of.clone(),
            user_only: self.user_only,
            threads_left_out: self.threads_left_out,
            unsettled: self.unsettled,
            unread: unread.unwrap_or(0),
            counts: self
                .sets
                .iter()
                .flat_map(|set| set.counts.clone())
                .collect(),
            absent: self.absent.clone(),
        }
    }
}

/// One attempt at all threads.
struct Opened<G> {
    groups: [Vec<G>; 2],
    left_out: u32,
    unsettled: bool,
    why_refused: Option<String>,
}

impl<G: Group> Opened<G> {
    fn all<C: Counting<Group = G>>(counting: &C, choices: &[Choice; 2]) -> io::Result<Self> {
        let threads = counting.threads()?;
        let mut opened = Self {
            groups: [Vec::new(), Vec::new()],
            left_out: u32::try_from(threads.len().saturating_sub(THREADS_MAX)).unwrap_or(u32::MAX),
            unsettled: false,
            why_refused: None,
        };
        for &thread in threads.iter().take(THREADS_MAX) {
            let groups = choices.each_ref().map(|choice| {
                let asked = !choice.events.is_empty();
                asked.then(|| counting.open(thread, &choice.events, choice.user_only))
            });
            let mut is_left_out = false;
            for (all, group) in opened.groups.iter_mut().zip(groups) {
                match group {
                    None => {}
                    Some(Ok(group)) => all.push(group),
                    // It has ended.
                    Some(Err(refused)) if refused.error.raw_os_error() == Some(libc::ESRCH) => {}
                    Some(Err(refused)) => {
                        opened.why_refused = Some(refused.error.to_string());
                        is_left_out = true;
                    }
                }
            }
            opened.left_out += u32::from(is_left_out);
        }
        let before: BTreeSet<u32> = threads.into_iter().collect();
        let started = |thread: &u32| !before.contains(thread);
        opened.unsettled = counting.threads()?.iter().any(started);
        Ok(opened)
    }
}

/// The same events of several threads.
struct Set<G> {
    groups: Vec<G>,
    earlier: Vec<Reading>,
    counts: Vec<PerfCount>,
}

impl<G: Group> Set<G> {
    fn new(events: &[PerfEvent]) -> Self {
        let none = |&event| PerfCount {
            event,
            interval: None,
            total: None,
            counted: 1.0,
        };
        Self {
            groups: Vec::new(),
            earlier: Vec::new(),
            counts: events.iter().map(none).collect(),
        }
    }

    /// Brings the counts up to now; answers how many threads could not be read.
    fn read(&mut self) -> u32 {
        self.earlier.resize(self.groups.len(), Reading::default());
        let mut sums: Option<Vec<u64>> = None;
        let (mut enabled, mut running, mut unread) = (0_u64, 0_u64, 0);
        for (group, earlier) in self.groups.iter_mut().zip(&mut self.earlier) {
            let Ok(now) = group.read() else {
                unread += 1;
                continue;
            };
            let between = Between::of(earlier, &now);
            enabled = enabled.saturating_add(between.enabled_ns);
            running = running.saturating_add(between.running_ns);
            if between.is_unknown() {
                // The next interval in which it counts stands for this one, too.
                continue;
            }
            let sums = sums.get_or_insert_with(|| vec![0; self.counts.len()]);
            for (sum, estimate) in sums.iter_mut().zip(between.estimates()) {
                *sum = sum.saturating_add(estimate);
            }
            *earlier = now;
        }
        let counted = if enabled > running {
            running as f64 / enabled as f64
        } else {
            1.0
        };
        for (at, count) in self.counts.iter_mut().enumerate() {
            count.counted = counted;
            count.interval = sums.as_ref().and_then(|sums| sums.get(at).copied());
            if let Some(interval) = count.interval {
                count.total = Some(count.total.unwrap_or(0).saturating_add(interval));
            }
        }
        unread
    }
}

#[cfg(test)]
mod tests;
