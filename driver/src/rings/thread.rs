use std::io;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use hwptop_abi::{InstanceArg, Vendor};

use super::protocol::Doze;

/// How long the hardware thread polls an empty ring before it sleeps.
const IDLE: Duration = Duration::from_micros(50);

/// Polls of an empty ring between two offers of the CPU to other threads. Few:
/// noticing a tail late costs nothing as long as it is earlier than the modelled
/// time ends, and the CPU may be the one that the submitter needs.
const POLLS_PER_YIELD: u32 = 4;

/// What a hardware thread does.
pub(super) trait Machine: Send + 'static {
    /// Whether there is a step to make.
    fn has_work(&self) -> bool;

    /// Makes one step. Called where there is work.
    fn step(&mut self);
}

/// A thread that runs a [`Machine`] until it is dropped.
#[derive(Debug)]
pub(super) struct HardwareThread {
    doze: Arc<Doze>,
    thread: Option<JoinHandle<()>>,
}

impl HardwareThread {
    /// # Errors
    /// Where the system has no thread left.
    pub(super) fn spawn(
        instance: InstanceArg,
        doze: Arc<Doze>,
        machine: impl Machine,
    ) -> io::Result<Self> {
        let unit = match instance.vendor() {
            Ok(Vendor::Vtd) => "dmar",
            Ok(Vendor::SmmuV3) => "smmu",
            Ok(Vendor::AmdVi) => "ivhd",
            Err(_) => "unit",
        };
        let running = Arc::clone(&doze);
        let thread = thread::Builder::new()
            .name(format!("hwptop-{unit}{}", instance.number()))
            .spawn(move || run(&running, machine))?;
        Ok(Self {
            doze,
            thread: Some(thread),
        })
    }

    /// Wakes the thread if it sleeps, and says whether it did. Called after
    /// something was published.
    pub(super) fn wake(&self) -> bool {
        match &self.thread {
            Some(thread) if self.doze.must_wake() => {
                thread.thread().unpark();
                true
            }
            _ => false,
        }
    }

    #[cfg(test)]
    pub(super) fn is_asleep(&self) -> bool {
        self.doze.must_wake()
    }
}

impl Drop for HardwareThread {
    fn drop(&mut self) {
        self.doze.stop();
        self.wake();
        if let Some(thread) = self.thread.take() {
            // The thread has nothing to report, and a destructor must not panic.
            let _ = thread.join();
        }
    }
}

fn run(doze: &Doze, mut machine: impl Machine) {
    while !doze.stopped() {
        if machine.has_work() {
            machine.step();
        } else {
            idle(doze, &machine);
        }
    }
}

/// Polls for a while, then sleeps.
fn idle(doze: &Doze, machine: &impl Machine) {
    let begin = Instant::now();
    loop {
        for _ in 0..POLLS_PER_YIELD {
            if machine.has_work() || doze.stopped() {
                return;
            }
            std::hint::spin_loop();
        }
        if begin.elapsed() >= IDLE {
            return doze.sleep(|| machine.has_work(), thread::park);
        }
        thread::yield_now();
    }
}
