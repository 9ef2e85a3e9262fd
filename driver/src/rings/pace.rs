use std::time::Instant;

use super::protocol::Doze;
use crate::Nanos;

/// Nanoseconds since a queue was made.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock(Instant);

impl Clock {
    pub(super) fn start() -> Self {
        Self(Instant::now())
    }

    pub(super) fn now_ns(self) -> u64 {
        u64::try_from(self.0.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }
}

/// The modelled time of one unit.
#[derive(Debug)]
pub(super) struct Pace {
    clock: Clock,
    /// When the unit finished what it did last, in modelled time.
    free_at_ns: u64,
}

impl Pace {
    pub(super) const fn new(clock: Clock) -> Self {
        Self {
            clock,
            free_at_ns: 0,
        }
    }

    /// Passes the time of something that takes `time` and was there to be done since
    /// `since_ns`; less where the unit is stopped.
    ///
    /// Time runs from the publication, not from when the hardware thread noticed it:
    /// what the modelling costs is not added to what is modelled.
    pub(super) fn pass(&mut self, since_ns: u64, time: Nanos, doze: &Doze) {
        let end = since_ns.max(self.free_at_ns).saturating_add(time.0);
        self.free_at_ns = end;
        while self.clock.now_ns() < end && !doze.stopped() {
            std::hint::spin_loop();
        }
    }
}
