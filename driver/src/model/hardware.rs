use std::time::Duration;

use super::ring::Ring;
use super::timing::TimingProfile;

/// How long the hardware thread polls an empty ring before it sleeps.
const IDLE: Duration = Duration::from_micros(50);

/// Polls of an empty ring between two offers of the CPU to other threads. Few:
/// noticing a tail late costs nothing as long as it is earlier than the modelled
/// time ends, and the CPU may be the one that the submitter needs.
const POLLS_PER_YIELD: u32 = 4;

/// The hardware thread: executes the ring in order until it is stopped.
pub(super) fn run(ring: &Ring, profile: &TimingProfile) {
    let mut unit = Unit {
        ring,
        profile,
        head: 0,
        commands: 0,
        free_at_ns: 0,
    };
    while !ring.stopped() {
        if ring.tail() == unit.head {
            unit.idle();
        } else {
            unit.execute_one();
        }
    }
}

/// The modelled unit between two descriptors.
struct Unit<'a> {
    ring: &'a Ring,
    profile: &'a TimingProfile,
    head: u64,
    /// Commands executed since the last sync.
    commands: u64,
    /// When the last submission was finished in modelled time.
    free_at_ns: u64,
}

impl Unit<'_> {
    fn execute_one(&mut self) {
        let position = self.head;
        let command = self.ring.fetch(position);
        self.head += 1;
        if !command.is_sync() {
            self.commands += 1;
            return;
        }
        // Time runs from the publication of the tail, not from when this thread
        // noticed it: what the modelling costs is not added to what is modelled.
        let begin = self.ring.published_ns(position).max(self.free_at_ns);
        let end = begin.saturating_add(self.profile.submission(self.commands).0);
        self.free_at_ns = end;
        self.commands = 0;
        while self.ring.now_ns() < end && !self.ring.stopped() {
            std::hint::spin_loop();
        }
        // Everything before the wait was fetched and its time spent: room first,
        // status second, so that a submitter that sees the status finds the room.
        self.ring.retire(self.head);
        self.ring.complete(command);
    }

    /// Polls for a while, then sleeps.
    fn idle(&self) {
        let until = self
            .ring
            .now_ns()
            .saturating_add(u64::try_from(IDLE.as_nanos()).unwrap_or(u64::MAX));
        loop {
            for _ in 0..POLLS_PER_YIELD {
                if self.ring.tail() != self.head || self.ring.stopped() {
                    return;
                }
                std::hint::spin_loop();
            }
            if self.ring.now_ns() >= until {
                return self.ring.sleep(self.head);
            }
            std::thread::yield_now();
        }
    }
}
