//! What a request costs beside its entries, from requests of different sizes.

use hwptop_agent::{
    nanos,
    snapshot::{Activity, BatchSizes, Snapshot},
};

mod line;

use line::Line;

/// Entries that a request is taken to have room for where nobody sees the guest's syncs.
pub(super) const ROOM: u32 = 64;
/// Fewer intervals than this tell nothing apart, ...
const INTERVALS_LEAST: usize = 8;
/// ... nor do those of which a smaller part than this is as usual: the others were held up.
const USUAL_LEAST: f64 = 0.75;
/// A request's own cost is told where batch factors differ by at least this part of their mean
/// (their standard deviation does) ...
const SPREAD_LEAST: f64 = 0.1;
/// ... and it may be off by at most this part of what a request takes as it is: times that
/// follow something else fail that.
const ERROR_MOST: f64 = 0.25;

/// What one interval of one part of a snapshot says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sample {
    /// How long it was, in nanoseconds.
    pub(crate) over_ns: u64,
    pub(crate) requests: u64,
    pub(crate) entries: u64,
    /// Of all requests.
    pub(crate) request_ns: u64,
    /// Their part outside any driver op, which no entry is the reason for; `None` where that is
    /// not timed.
    pub(crate) outside_ns: Option<u64>,
    /// Requests that failed: they take another time.
    pub(crate) failed: u64,
    /// Syncs of the guest's queue, where they are seen.
    pub(crate) syncs: Option<u64>,
    /// The fewest requests that could have carried the entries.
    pub(crate) fewest: u64,
}

impl Sample {
    /// Of what `activity` did in the interval of `snapshot`.
    pub(super) fn of(snapshot: &Snapshot, activity: &Activity) -> Self {
        let request = &activity.request;
        let guest = snapshot.guest_of(activity).filter(|one| one.waits > 0);
        let syncs = guest.map(|guest| guest.waits);
        let outside = &activity.unattributed;
        Self {
            over_ns: nanos(snapshot.interval),
            requests: request.recorded,
            // Those of the requests whose time is known.
            entries: part(request.items, request.recorded, request.seen),
            request_ns: request.total_ns,
            outside_ns: (outside.recorded > 0).then(|| {
                let all = part(outside.total_ns, request.recorded, outside.recorded);
                all.min(request.total_ns)
            }),
            failed: request.errors,
            syncs,
            fewest: syncs
                .unwrap_or_else(|| filled(&request.batches, request.items))
                .min(request.recorded),
        }
    }

    /// Takes in what another part did in the same interval.
    pub(super) fn add(&mut self, other: &Self) {
        let both = |mine: Option<u64>, theirs: Option<u64>| Some(mine?.saturating_add(theirs?));
        self.outside_ns = both(self.outside_ns, other.outside_ns);
        self.syncs = both(self.syncs, other.syncs);
        for (mine, theirs) in [
            (&mut self.requests, other.requests),
            (&mut self.entries, other.entries),
            (&mut self.request_ns, other.request_ns),
            (&mut self.failed, other.failed),
            (&mut self.fewest, other.fewest),
        ] {
            *mine = mine.saturating_add(theirs);
        }
    }

    fn batch_factor(&self) -> f64 {
        self.entries as f64 / self.requests as f64
    }
}

/// `all` × `some` / `of`.
fn part(all: u64, some: u64, of: u64) -> u64 {
    let part = u128::from(all) * u128::from(some) / u128::from(of.max(1));
    u64::try_from(part).unwrap_or(u64::MAX)
}

/// The fewest requests if those with less than [`ROOM`] entries were filled up to that.
fn filled(batches: &BatchSizes, entries: u64) -> u64 {
    let room = u64::from(ROOM);
    if batches.is_empty() {
        return entries.div_ceil(room);
    }
    let (mut full, mut loose) = (0_u64, 0_u64);
    for (size, count) in batches.iter() {
        if size >= ROOM {
            full = full.saturating_add(count);
        } else {
            loose = loose.saturating_add(count.saturating_mul(size.into()));
        }
    }
    full.saturating_add(loose.div_ceil(room))
}

/// What a request costs beside its entries, in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Cost {
    pub(super) least_ns: f64,
    /// `None` where the intervals do not tell it.
    pub(super) told_ns: Option<f64>,
    pub(super) most_ns: f64,
    /// A whole request with its entries.
    pub(super) mean_ns: f64,
    /// Entries per request.
    pub(super) batch_factor: f64,
    /// The smallest and the largest of the intervals.
    pub(super) batch_factors: [f64; 2],
    /// From how many intervals ...
    pub(super) intervals: usize,
    /// ... of how many, the others being unusual.
    pub(super) of_intervals: usize,
}

impl Cost {
    /// What an entry costs where a request costs `request_ns`.
    pub(super) fn entry_ns(&self, request_ns: f64) -> f64 {
        (self.mean_ns - request_ns).max(0.0) / self.batch_factor
    }
}

/// What the requests of `samples` cost; `None` where none succeeded.
pub(super) fn of(samples: &[Sample]) -> Option<Cost> {
    let sound = |one: &&Sample| one.requests > 0 && one.entries > 0 && one.failed == 0;
    let sound: Vec<&Sample> = samples.iter().filter(sound).collect();
    told(&sound).or_else(|| between(&sound))
}

/// All of it per entry but for what is outside the driver op, or all of it per request.
fn between(samples: &[&Sample]) -> Option<Cost> {
    let sum = |of: fn(&Sample) -> u64| samples.iter().map(|one| of(one) as f64).sum::<f64>();
    let requests = sum(|one| one.requests);
    let mean_ns = sum(|one| one.request_ns) / requests;
    // Neither without requests nor where no time is known.
    if mean_ns.is_nan() || mean_ns <= 0.0 {
        return None;
    }
    let outside: Option<Vec<u64>> = samples.iter().map(|one| one.outside_ns).collect();
    let outside = outside.map(|parts| parts.iter().map(|ns| *ns as f64).sum::<f64>());
    let factors = samples.iter().map(|one| one.batch_factor());
    Some(Cost {
        least_ns: outside.map_or(0.0, |ns| (ns / requests).min(mean_ns)),
        told_ns: None,
        most_ns: mean_ns,
        mean_ns,
        batch_factor: sum(|one| one.entries) / requests,
        batch_factors: factors.fold([f64::INFINITY, 0.0], |[least, most], one| {
            [least.min(one), most.max(one)]
        }),
        intervals: samples.len(),
        of_intervals: samples.len(),
    })
}

/// Fits time = a · requests + b · entries, neither below 0, to the intervals that are as usual;
/// `None` where they do not tell a from b.
fn told(samples: &[&Sample]) -> Option<Cost> {
    let usual = line::usual(samples);
    let few = usual.len() < INTERVALS_LEAST;
    if few || (usual.len() as f64) < USUAL_LEAST * samples.len() as f64 {
        return None;
    }
    let mut cost = between(&usual)?;
    let Line {
        begins,
        error,
        spread,
        ..
    } = Line::through(&usual);
    let (least, most) = (cost.least_ns, cost.most_ns);
    let varies = spread >= SPREAD_LEAST * cost.batch_factor;
    let is_near = error <= ERROR_MOST * cost.mean_ns;
    let is_possible = begins + error >= least && begins - error <= most;
    if !(varies && is_near && is_possible) {
        return None;
    }
    cost.of_intervals = samples.len();
    cost.told_ns = Some(begins.clamp(least, most));
    cost.least_ns = (begins - error).clamp(least, most);
    cost.most_ns = (begins + error).clamp(least, most);
    Some(cost)
}

#[cfg(test)]
mod tests;
