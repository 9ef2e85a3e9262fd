use std::io;

use perf_event::{Builder, Counter, events::Hardware};

/// Instructions and cycles of the calling thread, where the machine counts them.
///
/// User and kernel together where the kernel lets this process see both, else
/// user only.
#[derive(Debug)]
pub struct ThreadCounters {
    user_only: bool,
    instructions: Counter,
    cycles: Counter,
}

/// What was counted between start and stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CounterReading {
    /// Instructions retired.
    pub instructions: u64,
    /// CPU cycles.
    pub cycles: u64,
}

impl ThreadCounters {
    /// Opens the counters for the calling thread, or `None` where there are no
    /// hardware counters or no right to them: absent, not 0.
    #[must_use]
    pub fn open() -> Option<Self> {
        Self::build(false).or_else(|| Self::build(true))
    }

    fn build(user_only: bool) -> Option<Self> {
        let counter = |event| {
            let mut builder = Builder::new().kind(event);
            builder.exclude_kernel(user_only);
            builder.build().ok()
        };
        Some(Self {
            user_only,
            instructions: counter(Hardware::INSTRUCTIONS)?,
            cycles: counter(Hardware::CPU_CYCLES)?,
        })
    }

    /// Whether the kernel's part is left out, because this process may not see it.
    #[must_use]
    pub fn is_user_only(&self) -> bool {
        self.user_only
    }

    /// Starts counting from 0.
    ///
    /// # Errors
    /// What the kernel answers to the counter's ioctls.
    pub fn start(&mut self) -> io::Result<()> {
        for counter in [&mut self.instructions, &mut self.cycles] {
            counter.reset()?;
            counter.enable()?;
        }
        Ok(())
    }

    /// Stops counting. `None` where a counter did not run all the time (it was
    /// shared with another user) or counted nothing.
    pub fn stop(&mut self) -> Option<CounterReading> {
        let instructions = stopped(&mut self.instructions)?;
        let cycles = stopped(&mut self.cycles)?;
        Some(CounterReading {
            instructions,
            cycles,
        })
    }
}

fn stopped(counter: &mut Counter) -> Option<u64> {
    counter.disable().ok()?;
    let read = counter.read_count_and_time().ok()?;
    (read.time_running == read.time_enabled && read.count > 0).then_some(read.count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[ignore = "needs hardware counters"]
    fn more_work_takes_more_instructions() {
        let mut counters = ThreadCounters::open().expect("the machine has counters");
        let mut count = |rounds: u64| {
            counters.start().expect("open counters can be started");
            let mut sum = 0u64;
            for round in 0..rounds {
                sum = std::hint::black_box(sum ^ round);
            }
            std::hint::black_box(sum);
            let reading = counters.stop().expect("nothing else uses the counters");
            reading.instructions
        };
        let (few, many) = (count(1_000), count(1_000_000));
        assert!(many > few * 10, "{few} instructions, then {many}");
    }
}
