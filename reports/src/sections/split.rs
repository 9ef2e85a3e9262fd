//! Where requests' time went: the driver op without its submissions, those, and what is neither.

use hwptop_agent::snapshot::Activity;
use hwptop_bench::suite::Sums;

use super::places::Place;
use crate::{
    chart::{Bar, Bars, Body},
    figure::{percent, time},
};

/// The parts, and in run files what their shares are called.
const PARTS: [(&str, &str); 3] = [
    ("driver op without submissions", "driver_op_share"),
    ("submissions", "submission_share"),
    ("neither", "unattributed_share"),
];
/// The most rows of a picture; the table has all.
const ROWS: usize = 40;

/// The time of some requests.
pub(crate) struct Split {
    name: String,
    /// Mean of a request, in nanoseconds.
    ns: f64,
    /// Of the parts in their order; none of what nothing timed.
    shares: [Option<f64>; 3],
}

impl Split {
    /// Of what an instance did; none where no request was timed, or nothing in it.
    pub(crate) fn of(name: &str, activity: &Activity) -> Option<Self> {
        let sums = Sums::of(activity);
        let shares = sums.parts().map(|(_, ns)| sums.share(ns?));
        let requests = activity.request.recorded;
        Self::new(
            name.to_owned(),
            sums.request_ns as f64 / requests as f64,
            shares,
        )
    }

    /// Of a place of the suite `stages`.
    fn of_place(place: &Place) -> Option<Self> {
        let figure = |name: &str| place.figures.get(name).map(|of| of.value);
        let ns = figure("request_time")? / figure("requests")?;
        Self::new(place.name(&[]), ns, PARTS.map(|(_, name)| figure(name)))
    }

    fn new(name: String, ns: f64, shares: [Option<f64>; 3]) -> Option<Self> {
        let is_told = ns.is_finite() && shares.iter().any(Option::is_some);
        is_told.then_some(Self { name, ns, shares })
    }

    fn in_words(&self) -> String {
        let parts = PARTS.iter().zip(self.shares);
        let parts = parts.filter_map(|((name, _), share)| Some((name, share?)));
        let parts: Vec<String> = parts
            .map(|(name, share)| format!("{} {name}", percent(share)))
            .collect();
        format!(
            "{}: a request takes {} ({})",
            self.name,
            time(self.ns),
            parts.join(", ")
        )
    }
}

/// Those of a run of the suite `stages`, in its order.
pub(crate) fn splits(group: &[Place]) -> Vec<Split> {
    group.iter().filter_map(Split::of_place).collect()
}

/// The first and the last of them in words; none where there are none.
pub(crate) fn answer(splits: &[Split]) -> Option<String> {
    let (first, last) = (splits.first()?, splits.last()?);
    Some(match splits.len() {
        1 => first.in_words(),
        _ => format!("{}; {}", first.in_words(), last.in_words()),
    })
}

/// A row for each, as many as there is room for.
pub(crate) fn bars(splits: &[Split]) -> Body {
    let is_there = |part: &usize| splits.iter().any(|split| split.shares[*part].is_some());
    let parts: Vec<usize> = (0..PARTS.len()).filter(is_there).collect();
    let others = match splits.len().saturating_sub(ROWS) {
        0 => String::new(),
        more => format!("; {more} more in the table"),
    };
    let bar = |split: &Split| Bar {
        name: format!("{}: {}", split.name, time(split.ns)),
        shares: parts
            .iter()
            .map(|&part| split.shares[part].unwrap_or(0.0))
            .collect(),
    };
    Body::Bars(Bars {
        x_label: format!("share of requests' time (mean beside the name{others})"),
        rows: splits.iter().take(ROWS).map(bar).collect(),
        legend: parts.iter().map(|&part| PARTS[part].0.to_owned()).collect(),
    })
}

/// What is seen in [`bars`], in words.
pub(crate) fn in_words(splits: &[Split]) -> String {
    let all: Vec<String> = splits.iter().take(ROWS).map(Split::in_words).collect();
    format!(
        "Stage breakdown, as shares of requests' time. {}.",
        all.join("; ")
    )
}
