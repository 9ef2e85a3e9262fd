use std::time::{Duration, SystemTime};

use rustix::time::{ClockId, clock_gettime};

/// A duration in whole nanoseconds; 584 years and more are the largest number.
#[must_use]
pub fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// What `CLOCK_MONOTONIC`, which eBPF programs read, says, in nanoseconds.
pub(crate) fn monotonic_ns() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    // It begins with the machine: neither part is negative.
    let [seconds, nanos] = [now.tv_sec, now.tv_nsec].map(|part| u64::try_from(part).unwrap_or(0));
    seconds.saturating_mul(1_000_000_000).saturating_add(nanos)
}

/// One moment on two clocks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    pub(crate) wall: SystemTime,
    monotonic_ns: u64,
}

impl Clock {
    pub(crate) fn now() -> Self {
        Self {
            wall: SystemTime::now(),
            monotonic_ns: monotonic_ns(),
        }
    }

    /// What the wall's clock said, or would have said, then.
    pub(crate) fn wall_at(self, monotonic_ns: u64) -> SystemTime {
        let ago = Duration::from_nanos(self.monotonic_ns.saturating_sub(monotonic_ns));
        self.wall.checked_sub(ago).unwrap_or(self.wall)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_over_yet_is_now_and_the_rest_as_long_ago_as_it_was() {
        let clock = Clock {
            wall: SystemTime::UNIX_EPOCH + Duration::from_secs(100),
            monotonic_ns: 5_000,
        };
        assert_eq!(clock.wall_at(4_000), clock.wall - Duration::from_micros(1));
        assert_eq!(clock.wall_at(6_000), clock.wall);
        let begun = monotonic_ns();
        assert!(begun > 0 && monotonic_ns() >= begun);
    }
}
