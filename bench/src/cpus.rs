//! Which CPUs threads run on, and for how long.

use std::time::Duration;

use rustix::io::Result;
use rustix::thread::{CpuSet, Pid, sched_getaffinity, sched_getcpu, sched_setaffinity};
use rustix::time::{ClockId, clock_gettime};

/// CPU time of the calling thread.
pub(crate) fn thread_cpu() -> Duration {
    // It never is before its start.
    Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).unwrap_or_default()
}

/// The CPUs that the calling thread may use, in ascending order.
pub(crate) fn allowed() -> Result<Vec<usize>> {
    let set = sched_getaffinity(None)?;
    Ok((0..CpuSet::MAX_CPU)
        .filter(|&cpu| set.is_set(cpu))
        .collect())
}

/// Makes `thread` run on `cpu`: where it runs elsewhere, it is moved at once.
pub(crate) fn move_to(thread: Pid, cpu: usize) -> Result<()> {
    sched_setaffinity(Some(thread), &only(cpu))
}

fn only(cpu: usize) -> CpuSet {
    let mut set = CpuSet::new();
    set.set(cpu);
    set
}

/// Keeps the calling thread on the CPU that it is on, until it is dropped: on the same
/// thread.
#[derive(Debug)]
pub(crate) struct Pinned {
    before: CpuSet,
}

impl Pinned {
    /// Pins the calling thread.
    pub(crate) fn here() -> Result<Self> {
        let before = sched_getaffinity(None)?;
        sched_setaffinity(None, &only(sched_getcpu()))?;
        Ok(Self { before })
    }
}

impl Drop for Pinned {
    fn drop(&mut self) {
        // What was allowed before still is.
        let _ = sched_setaffinity(None, &self.before);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pinned_thread_has_one_cpu_until_it_is_let_go() {
        let before = allowed().expect("affinity can be read");
        let pinned = Pinned::here().expect("a thread may be pinned to a CPU of its own");
        assert_eq!(allowed().expect("affinity can be read").len(), 1);
        drop(pinned);
        assert_eq!(allowed().expect("affinity can be read"), before);
    }
}
