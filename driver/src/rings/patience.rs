use std::thread;
use std::time::{Duration, Instant};

use crate::SubmitError;

/// Polls before a waiting submitter offers its CPU to others: a few strict
/// invalidations long, so that the wait for hardware on a CPU of its own ends before.
/// Offered earlier, a CPU that both share is handed back and forth for good; offered
/// later, a thread on it waits longer. Machines have fewer CPUs than there are threads
/// here.
const SPINS_BEFORE_YIELD: u32 = 200;

/// The most that the time between two looks counts. A waiter that was away for
/// longer (stopped by a signal or a debugger, in a paused VM) learned nothing
/// about the hardware meanwhile, whose thread may have been stopped with it.
const LOOK_MAX: Duration = Duration::from_millis(50);

/// Bounded waiting: polls, then yields the CPU between polls.
///
/// What is waited for is looked at before each [`Self::pause`]; the last look is
/// after the time is up.
pub(super) struct Patience {
    polls: u32,
    /// When it last looked, from the first yield on: most waits end before, and
    /// then no clock is read.
    last: Option<Instant>,
    /// Time spent looking.
    waited: Duration,
    timeout: Duration,
}

impl Patience {
    pub(super) const fn new(timeout: Duration) -> Self {
        Self {
            polls: 0,
            last: None,
            waited: Duration::ZERO,
            timeout,
        }
    }

    /// Offers the CPU from the first pause on: what is waited for is known to need one.
    pub(super) const fn yielding(timeout: Duration) -> Self {
        Self {
            polls: SPINS_BEFORE_YIELD,
            ..Self::new(timeout)
        }
    }

    /// Passes some time.
    ///
    /// # Errors
    /// [`SubmitError::TimedOut`] where the time was up before the last look.
    pub(super) fn pause(&mut self) -> Result<(), SubmitError> {
        if self.polls < SPINS_BEFORE_YIELD {
            self.polls += 1;
            std::hint::spin_loop();
            return Ok(());
        }
        self.looked(Instant::now())?;
        thread::yield_now();
        Ok(())
    }

    /// Takes note of a look in vain that ended at `now`.
    fn looked(&mut self, now: Instant) -> Result<(), SubmitError> {
        if self.waited >= self.timeout {
            let waited_ms = u64::try_from(self.waited.as_millis()).unwrap_or(u64::MAX);
            return Err(SubmitError::TimedOut { waited_ms });
        }
        let since = self.last.replace(now).unwrap_or(now);
        self.waited += now.saturating_duration_since(since).min(LOOK_MAX);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMEOUT: Duration = Duration::from_secs(1);
    const MILLISECOND: Duration = Duration::from_millis(1);

    #[test]
    fn a_pause_of_the_waiter_is_no_silence_of_the_hardware() {
        let mut patience = Patience::new(TIMEOUT);
        let mut now = Instant::now();
        patience.looked(now).unwrap();
        // Stopped for an hour, again and again: each time counts as 50 ms.
        for _ in 0..19 {
            now += Duration::from_hours(1);
            patience.looked(now).unwrap();
        }
        assert_eq!(patience.waited, Duration::from_millis(950));
        for _ in 0..50 {
            now += MILLISECOND;
            patience.looked(now).unwrap();
        }
        assert!(patience.looked(now).is_err(), "the wait stays bounded");
    }

    #[test]
    fn there_is_one_more_look_after_the_time_is_up() {
        let mut patience = Patience::new(TIMEOUT);
        let mut now = Instant::now();
        patience.looked(now).unwrap();
        while patience.waited < TIMEOUT {
            now += MILLISECOND;
            patience
                .looked(now)
                .expect("what is waited for is looked at again");
        }
        assert_eq!(
            patience.looked(now),
            Err(SubmitError::TimedOut { waited_ms: 1000 })
        );
    }

    #[test]
    fn a_clock_that_stands_still_or_goes_back_counts_nothing() {
        let mut patience = Patience::new(TIMEOUT);
        let earlier = Instant::now();
        let now = earlier + MILLISECOND;
        for at in [now, now, earlier] {
            patience.looked(at).unwrap();
        }
        assert_eq!(patience.waited, Duration::ZERO);
    }
}
