use std::{
    thread,
    time::{Duration, Instant},
};

use aya::{maps::loaded_maps, programs::loaded_links, programs::loaded_programs};

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(10);

/// What eBPF the kernel holds, of every process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    /// Programs.
    pub programs: usize,
    /// Maps.
    pub maps: usize,
    /// Links: where programs are attached.
    pub links: usize,
}

impl Held {
    /// What is held now; what may not be looked at counts as nothing.
    #[must_use]
    pub fn now() -> Self {
        Self {
            programs: loaded_programs().flatten().count(),
            maps: loaded_maps().flatten().count(),
            links: loaded_links().flatten().count(),
        }
    }

    /// What is held now; none where this process may not look.
    #[must_use]
    pub fn visible() -> Option<Self> {
        let refused = loaded_programs().any(|program| program.is_err());
        (!refused).then(Self::now)
    }

    /// What is held once it is no more than this, or at the end of `time`: the kernel frees
    /// what a process lets go of a moment later.
    #[must_use]
    pub fn settled(self, time: Duration) -> Self {
        let start = Instant::now();
        loop {
            let now = Self::now();
            let more =
                now.programs > self.programs || now.maps > self.maps || now.links > self.links;
            if !more || start.elapsed() >= time {
                return now;
            }
            thread::sleep(PAUSE);
        }
    }
}
