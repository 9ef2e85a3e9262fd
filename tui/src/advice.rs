//! What the observed stream of requests would have cost with another batching policy.
//!
//! ```text
//! Snapshot ─▶ Observed: per part and interval requests, entries, time
//!                 ▼
//!        Cost: a per request, b per entry ─▶ lines
//! ```
//!
//! Nothing is promised: a figure holds at best, its assumption stands beside it, and where the
//! intervals do not tell a request's cost from its entries' the whole range is given.

use hwptop_agent::snapshot::{Scope, Snapshot};

use crate::{
    figure::{count, latency, percent, ratio, scaled},
    history::History,
};

mod cost;
mod observed;

use cost::{Cost, ROOM, Sample};
pub(crate) use observed::Observed;

/// A part of requests, or of their time, that is not worth advice.
const NOT_WORTH: f64 = 0.02;

const UNKNOWN: &str =
    "coalesce: at most what array takes; how many ranges join is not in the counts";

/// What is to be said of `scope`, in at most three lines; none where it made no requests in the
/// intervals that are kept.
pub(crate) fn lines(history: &History, scope: &Scope, snapshot: &Snapshot) -> Vec<String> {
    let samples = history.observed().of(scope);
    let Some(stream) = Stream::of(&samples) else {
        return Vec::new();
    };
    let policy = match scope {
        Scope::Instance(_) => snapshot.policy.as_deref(),
        _ => None,
    };
    let lines = match policy {
        Some("coalesce") => vec![
            Some(stream.as_it_is("coalesce")),
            measured(scope, snapshot),
            stream.told_cost(),
        ],
        Some("array") => vec![
            Some(stream.as_it_is("array")),
            stream.told_cost(),
            Some(UNKNOWN.to_owned()),
        ],
        _ => return stream.advice(),
    };
    lines.into_iter().flatten().collect()
}

/// What `coalesce` has made of the guest's commands; `None` where nobody counts them.
fn measured(scope: &Scope, snapshot: &Snapshot) -> Option<String> {
    let Scope::Instance(name) = scope else {
        return None;
    };
    let instance = snapshot.instances.iter().find(|one| one.name == *name)?;
    let driver = instance.driver.as_ref()?;
    let commands = driver.descriptors.iter().map(|(_, count)| *count);
    let commands = commands.fold(0, u64::saturating_add);
    Some(format!(
        "since the start {} guest commands without syncs became {} entries, and {} syncs {} requests",
        count(commands.saturating_sub(driver.waits)),
        count(driver.entries),
        count(driver.waits),
        count(driver.requests)
    ))
}

/// All intervals of a part together.
struct Stream {
    seconds: f64,
    requests: f64,
    entries: f64,
    fewest: f64,
    syncs: Option<f64>,
    cost: Option<Cost>,
}

impl Stream {
    /// `None` where there was no request.
    fn of(samples: &[Sample]) -> Option<Self> {
        let sum = |of: fn(&Sample) -> u64| samples.iter().map(|one| of(one) as f64).sum::<f64>();
        let requests = sum(|one| one.requests);
        let seconds = sum(|one| one.over_ns) / 1e9;
        // In an interval without a sync nothing says that there is no queue.
        let is_queue = samples.iter().any(|one| one.syncs.is_some());
        (requests > 0.0 && seconds > 0.0).then(|| Self {
            seconds,
            requests,
            entries: sum(|one| one.entries),
            fewest: sum(|one| one.fewest),
            syncs: is_queue.then(|| sum(|one| one.syncs.unwrap_or(0))),
            cost: cost::of(samples),
        })
    }

    fn as_it_is(&self, policy: &str) -> String {
        format!(
            "{policy} is what runs: {} requests/s, {} entries per request",
            scaled(self.requests / self.seconds),
            ratio(self.entries / self.requests)
        )
    }

    fn advice(&self) -> Vec<String> {
        let [before, after] =
            [self.requests, self.fewest].map(|count| scaled(count / self.seconds));
        if self.fewest >= self.requests * (1.0 - NOT_WORTH) {
            let why = match self.syncs {
                Some(syncs) => format!(
                    "syncs come as often as requests, {} entries per sync",
                    ratio(self.entries / syncs)
                ),
                None => format!(
                    "requests have {} entries as it is",
                    ratio(self.entries / self.requests)
                ),
            };
            return vec![format!("array: batching would not help here: {why}")];
        }
        let at_best = match self.syncs {
            Some(_) => "at best: one request per sync".to_owned(),
            None => format!("at best: {ROOM} entries per request; guest syncs are not seen"),
        };
        let rates = format!("array: {before} → {after} requests/s");
        let Some(cost) = &self.cost else {
            let why = "requests fail in every interval, so that their time tells nothing";
            return vec![format!("{rates} ({at_best}); {why}")];
        };
        let fewer = 1.0 - self.fewest / self.requests;
        let saved = |ns: f64| fewer * ns / cost.mean_ns;
        let [least, most] = [cost.least_ns, cost.most_ns].map(saved);
        if most < NOT_WORTH {
            let line = format!(
                "array: batching would not help here: {before} → {after} requests/s take {} less time in requests",
                percent(most)
            );
            return [Some(line), self.cost_line()]
                .into_iter()
                .flatten()
                .collect();
        }
        let time = less(cost.told_ns.map(saved), [least, most]);
        let line = format!("{rates}, {time} time in requests ({at_best})");
        [Some(line), self.cost_line(), Some(UNKNOWN.to_owned())]
            .into_iter()
            .flatten()
            .collect()
    }

    /// As [`Self::cost_line`], where a request's cost is told.
    fn told_cost(&self) -> Option<String> {
        self.cost.as_ref()?.told_ns?;
        self.cost_line()
    }

    /// What a request and an entry cost, and how that is known.
    fn cost_line(&self) -> Option<String> {
        let cost = self.cost.as_ref()?;
        let [least, most] = cost.batch_factors.map(ratio);
        let factors = if least == most {
            format!("{least} entries per request")
        } else {
            format!("{least} to {most} entries per request")
        };
        let intervals = match (cost.intervals, cost.of_intervals) {
            (1, 1) => "1 interval".to_owned(),
            (count, all) if count == all => format!("{count} intervals"),
            (count, all) => format!("{count} of {all} intervals"),
        };
        let [from, to] = [cost.least_ns, cost.most_ns].map(ns);
        Some(match cost.told_ns {
            Some(told) => format!(
                "a = {} per request ({from} to {to}), b = {} per entry, fitted to {intervals} with {factors}",
                ns(told),
                ns(cost.entry_ns(told)),
            ),
            None => format!(
                "{intervals} with {factors} do not tell the cost of a request ({from} to {to}) from that of its entries"
            ),
        })
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a cost is not negative, and `as` saturates"
)]
fn ns(cost: f64) -> String {
    latency(cost.round() as u64)
}

/// By how much there is less of something: `−41 % (−35 to −47 %)`, or only the range where no more
/// is told.
fn less(told: Option<f64>, [least, most]: [f64; 2]) -> String {
    let minus = |share: f64| {
        let sign = if share > 0.0 { "−" } else { "" };
        format!("{sign}{}", percent(share))
    };
    let [least, most] = [least, most].map(minus);
    // The unit once.
    let from = least.trim_end_matches(" %");
    match told.map(minus) {
        Some(told) if told == least && told == most => told,
        Some(told) => format!("{told} ({from} to {most})"),
        None => format!("{from} to {most}"),
    }
}

#[cfg(test)]
mod tests;
