//! A guest whose devices work while it invalidates.

use hwptop_driver::model::unit::CacheState;
use hwptop_driver::{Capture, CapturedCommand, Counts, Guest, Policy, Stream, guest_on};

use super::host::{Backend, Host, Page};
use super::meaning::{self, Invalidation, Meaning};

/// Every so many syncs the devices use what was invalidated last, and more.
const USED_EVERY: usize = 3;

/// What a replay led to.
pub(crate) struct Outcome {
    pub(crate) syncs: u64,
    /// Writes of the tail register.
    pub(crate) doorbells: u64,
    /// What the front end counted.
    pub(crate) counts: Counts,
    /// What the hardware queue counted.
    pub(crate) hardware: Counts,
    /// The caches before the first command, and behind the last.
    pub(crate) before: CacheState,
    pub(crate) after: CacheState,
    /// Pages for which devices get another translation than the tables hold, in the end.
    pub(crate) stale: Vec<Page>,
}

/// A doorbell for each sync, as captured.
pub(crate) fn replay(capture: &Capture, policy: Policy) -> Outcome {
    run(capture, policy, |guest, host| {
        let is_sync = |command: &CapturedCommand| {
            meaning::read(capture.vendor(), command.words) == Meaning::Sync
        };
        let doorbells = capture.commands().split_inclusive(is_sync);
        for (at, commands) in doorbells.enumerate() {
            let invalidated = change(capture, host, commands);
            let step = guest.step().unwrap();
            assert_eq!(step.descriptors as usize, commands.len());
            if at % USED_EVERY == 0 {
                use_pages(host, &invalidated, at);
            }
        }
    })
}

/// A doorbell for as many commands as the queue takes, as where vCPUs outrun the VMM.
pub(crate) fn replay_ahead(capture: &Capture, policy: Policy) -> Outcome {
    run(capture, policy, |guest, host| {
        let doorbells = capture.commands().chunks(guest.capacity() as usize);
        for (at, commands) in doorbells.enumerate() {
            let invalidated = change(capture, host, commands);
            let tails = guest.queue_ahead().unwrap();
            guest.ring_up_to(*tails.last().unwrap()).unwrap();
            use_pages(host, &invalidated, at);
        }
        assert!(guest.queue_ahead().unwrap().is_empty());
    })
}

fn run(
    capture: &Capture,
    policy: Policy,
    commands: impl FnOnce(&mut Guest<Backend>, &mut Host),
) -> Outcome {
    let stream = Stream::from_capture(capture).unwrap();
    let invalidations = invalidations(capture, capture.commands());
    let (mut host, backend) = Host::new(&stream, &invalidations);
    let mut guest = guest_on(&stream, backend).unwrap();
    guest.iommu_mut().set_policy(policy);
    for page in host.pages() {
        host.use_page(page);
    }
    let before = host.cache_state();
    // To enable a queue is a run over it, too.
    let enabled = guest.counters().snapshot().doorbells;
    commands(&mut guest, &mut host);
    let after = host.cache_state();
    let stale = host.pages().into_iter().filter(|&page| host.is_stale(page));
    let counts = guest.counters().snapshot();
    Outcome {
        syncs: meaning::syncs(capture),
        doorbells: counts.doorbells - enabled,
        counts,
        hardware: host.counts(),
        before,
        after,
        stale: stale.collect(),
    }
}

fn invalidations(capture: &Capture, commands: &[CapturedCommand]) -> Vec<Invalidation> {
    let meanings = commands
        .iter()
        .map(|command| meaning::read(capture.vendor(), command.words));
    let found = meanings.filter_map(|meaning| match meaning {
        Meaning::Invalidates(invalidation) => Some(invalidation),
        Meaning::Sync | Meaning::Other => None,
    });
    found.collect()
}

/// Changes what the commands are about to invalidate.
fn change(capture: &Capture, host: &mut Host, commands: &[CapturedCommand]) -> Vec<Invalidation> {
    let invalidations = invalidations(capture, commands);
    for &invalidation in &invalidations {
        host.change(invalidation);
    }
    invalidations
}

/// Uses pages that were just invalidated, pages next to them, and one that comes round.
fn use_pages(host: &Host, invalidated: &[Invalidation], at: usize) {
    for invalidation in invalidated.iter().rev().step_by(7) {
        for number in [
            invalidation.first.wrapping_sub(1),
            invalidation.first,
            invalidation.last,
            invalidation.last.wrapping_add(1),
        ] {
            host.use_number(number);
        }
    }
    let pages = host.pages();
    host.use_page(pages[at * 5 % pages.len()]);
}
