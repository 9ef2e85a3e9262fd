//! Which CPUs threads run on, and for how long.

use std::{fs, time::Duration};

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

/// Two CPUs for what works together: one for the thread that submits, one for the threads that
/// stand for hardware. Where the scheduler chooses, both are on one CPU in some processes and
/// not in others, and their figures differ several times.
///
/// Dropped, on the same thread, that thread may use what it could before.
#[derive(Debug)]
pub(crate) struct Apart {
    before: CpuSet,
    submitter: usize,
    hardware: usize,
}

impl Apart {
    /// The last CPU that the calling thread may use, and the last before it that is no thread of
    /// the same core, where there is one: the first have more interrupts. None where it may use
    /// one only, or may not choose.
    pub(crate) fn of_this_thread() -> Option<Self> {
        let before = sched_getaffinity(None).ok()?;
        let allowed = allowed().ok()?;
        let (&submitter, others) = allowed.split_last()?;
        let core = |cpu: usize| {
            let file = format!("/sys/devices/system/cpu/cpu{cpu}/topology/core_cpus_list");
            fs::read_to_string(file).ok()
        };
        let own = core(submitter);
        let is_apart = |&&cpu: &&usize| own.is_none() || core(cpu) != own;
        let hardware = others.iter().rev().find(is_apart).or(others.last())?;
        let apart = Self {
            before,
            submitter,
            hardware: *hardware,
        };
        // Where it is refused once it is refused again.
        sched_setaffinity(None, &only(submitter)).ok()?;
        Some(apart)
    }

    /// Moves the calling thread to the hardware's CPU: threads that it starts there stay there.
    pub(crate) fn start_hardware(&self) {
        let _ = sched_setaffinity(None, &only(self.hardware));
    }

    /// Moves the calling thread to the CPU of its own.
    pub(crate) fn submit(&self) {
        let _ = sched_setaffinity(None, &only(self.submitter));
    }

    /// Of the submitter, then of the hardware.
    pub(crate) fn cpus(&self) -> Vec<usize> {
        vec![self.submitter, self.hardware]
    }
}

impl Drop for Apart {
    fn drop(&mut self) {
        // What was allowed before still is.
        let _ = sched_setaffinity(None, &self.before);
    }
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
    fn hardware_is_on_another_cpu_than_what_submits_to_it() {
        let before = allowed().expect("affinity can be read");
        let Some(apart) = Apart::of_this_thread() else {
            assert_eq!(before.len(), 1, "{before:?}");
            return;
        };
        let cpus = apart.cpus();
        assert_ne!(cpus[0], cpus[1]);
        apart.start_hardware();
        let inherited = std::thread::spawn(|| allowed().expect("affinity can be read"));
        apart.submit();
        assert_eq!(inherited.join().expect("it ends"), [cpus[1]]);
        assert_eq!(allowed().expect("affinity can be read"), [cpus[0]]);
        drop(apart);
        assert_eq!(allowed().expect("affinity can be read"), before);
    }

    #[test]
    fn a_pinned_thread_has_one_cpu_until_it_is_let_go() {
        let before = allowed().expect("affinity can be read");
        let pinned = Pinned::here().expect("a thread may be pinned to a CPU of its own");
        assert_eq!(allowed().expect("affinity can be read").len(), 1);
        drop(pinned);
        assert_eq!(allowed().expect("affinity can be read"), before);
    }
}
