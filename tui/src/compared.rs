//! What a comparison says, as text: the screen and the text form share it.

use hwptop_agent::compare::{
    BLOCKS_LEAST, Circumstances, Comparison, NoRange, Range, Ratio, Side, Statistic,
};

use crate::figure::{self, ABSENT};

/// Characters of a value that sets two measurements apart: timing profiles are long.
const VALUE: usize = 40;

/// What the intervals are and what they assume.
pub(crate) const NOTE: &str = "95 %: bootstrap of whole intervals, taken as exchangeable; latencies \
                               in one may depend on each other; *: 1 is not in it";

/// One figure of both sides.
pub(crate) struct Line {
    pub(crate) name: &'static str,
    pub(crate) base: String,
    pub(crate) new: String,
    pub(crate) ratio: String,
    /// The interval of the ratio, or in a word why there is none.
    pub(crate) range: String,
    /// What the figures are in; empty where they are of no unit.
    pub(crate) unit: &'static str,
    /// Base and new as numbers.
    pub(crate) values: [Option<f64>; 2],
    /// The ratio as a number, and its interval.
    pub(crate) value: Option<f64>,
    pub(crate) between: Option<Range>,
    /// The interval does not contain 1.
    pub(crate) is_apart: bool,
}

/// One line for each latency, then how much was done.
pub(crate) fn lines(comparison: &Comparison) -> Vec<Line> {
    let latencies = comparison.ratios.iter().map(latency);
    latencies.chain(amounts(comparison)).collect()
}

fn latency(ratio: &Ratio) -> Line {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a latency fits, and `as` saturates"
    )]
    let told = |ns: Option<f64>| text(ns.map(|ns| figure::latency(ns.round() as u64)));
    let between = ratio.range.ok();
    let mark = if ratio.is_apart() { " *" } else { "" };
    Line {
        name: ratio.statistic.name(),
        base: told(ratio.base_ns),
        new: told(ratio.new_ns),
        ratio: text(ratio.value().map(figure::ratio)),
        range: match ratio.range {
            Ok(Range { low, high }) => {
                format!("{} to {}{mark}", figure::ratio(low), figure::ratio(high))
            }
            Err(NoRange::Nothing) => ABSENT.to_owned(),
            Err(NoRange::OneEvent) => "one event".to_owned(),
            Err(NoRange::Blocks { there }) => format!("{there} of {BLOCKS_LEAST} blocks"),
            Err(NoRange::Events { .. }) => "few events".to_owned(),
        },
        unit: "ns",
        values: [ratio.base_ns, ratio.new_ns],
        value: ratio.value(),
        between,
        is_apart: ratio.is_apart(),
    }
}

/// Rates and batches are what they are: counts have no interval.
fn amounts(comparison: &Comparison) -> [Line; 2] {
    let line = |name, unit, figure: fn(f64) -> String, of: fn(&Side) -> Option<f64>| {
        let [base, new] = [&comparison.base, &comparison.new].map(of);
        let value = base
            .zip(new)
            .filter(|(base, _)| *base > 0.0)
            .map(|(base, new)| new / base);
        Line {
            name,
            base: text(base.map(figure)),
            new: text(new.map(figure)),
            ratio: text(value.map(figure::ratio)),
            range: String::new(),
            unit,
            values: [base, new],
            value,
            between: None,
            is_apart: false,
        }
    };
    [
        line("per second", "1/s", figure::scaled, Side::per_second),
        line("batch factor", "", figure::ratio, |side| {
            side.work.batch_factor()
        }),
    ]
}

/// `model:vtd,instances=2, modelled, policy array: 12 s in 12 intervals, 1234 events`, or less of
/// it where that is longer than `room`.
pub(crate) fn about(circumstances: Option<&Circumstances>, side: &Side, room: usize) -> String {
    let Some(about) = circumstances else {
        return "waiting for the first interval to end".to_owned();
    };
    let kinds = about.kinds.iter().map(|kind| figure::word(*kind));
    let kinds = kinds.filter(|word| !word.is_empty());
    let kinds: Vec<String> = kinds.map(str::to_owned).collect();
    let target = vec![about.target.clone()];
    let policy = about.policy.iter().map(|policy| format!("policy {policy}"));
    let policy: Vec<String> = policy.collect();
    let length = figure::span(side.length);
    let events = number(side.work.seen, "event");
    let intervals = format!(
        "{length} in {}, {events}",
        number(side.intervals, "interval")
    );
    let short = format!("{length}, {events}");
    // What is not hardware is called so however little room there is.
    let forms = [
        (vec![target.clone(), kinds.clone(), policy], &intervals),
        (vec![target, kinds.clone()], &intervals),
        (vec![kinds.clone()], &intervals),
        (vec![kinds], &short),
    ];
    let texts = forms.into_iter().map(|(what, how_much)| {
        let what = what.concat().join(", ");
        let gap = if what.is_empty() { "" } else { ": " };
        format!("{what}{gap}{how_much}")
    });
    let texts: Vec<String> = texts.collect();
    let mut fitting = texts.iter().filter(|text| text.chars().count() <= room);
    let text = fitting.next().or(texts.last());
    text.cloned().unwrap_or_default()
}

fn number(count: u64, what: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{} {what}{plural}", figure::count(count))
}

/// What sets the sides apart beside the change in question; `None` where nothing is known to.
pub(crate) fn apart(comparison: &Comparison) -> Option<String> {
    let told = comparison.differences.iter().map(|one| {
        let [base, new] = [&one.base, &one.new].map(|text| figure::shortened(text, VALUE));
        format!("{} ({base}, then {new})", one.what)
    });
    let told: Vec<String> = told.collect();
    (!told.is_empty()).then(|| format!("! not taken alike: {}", told.join("; ")))
}

/// How many parts could not be kept apart; `None` where all were.
pub(crate) fn left_out(comparison: &Comparison) -> Option<String> {
    let told = [
        ("the baseline", &comparison.base),
        ("live", &comparison.new),
    ];
    let told = told.into_iter().filter(|(_, side)| side.left_out > 0);
    let told: Vec<String> = told
        .map(|(name, side)| format!("at least {} in {name}", side.left_out))
        .collect();
    let told = told.join(", ");
    let text = format!("! instances and HWPTs left out, for there is no room for more: {told}");
    (!told.is_empty()).then_some(text)
}

/// What intervals need that are not told; `None` where all are.
pub(crate) fn needs(comparison: &Comparison) -> Option<String> {
    let all = comparison
        .ratios
        .iter()
        .filter(|one| one.statistic != Statistic::Max);
    let mut events = Vec::new();
    for ratio in all {
        match ratio.range {
            Err(NoRange::Blocks { there }) => {
                return Some(format!(
                    "no interval yet: it takes {BLOCKS_LEAST} blocks with events on either side, and one has {there}"
                ));
            }
            Err(NoRange::Nothing) => {
                let side = if comparison.base.work.recorded == 0 {
                    "the baseline has nothing of this stage here"
                } else {
                    "nothing has come yet of this stage here"
                };
                return Some(format!("no ratio: {side}"));
            }
            Err(NoRange::Events { there, needed }) => {
                let (name, there) = (ratio.statistic.name(), figure::count(there));
                events.push(format!("{name} {there} of {}", figure::count(needed)));
            }
            _ => {}
        }
    }
    let told = events.join(", ");
    (!events.is_empty()).then(|| format!("too few events on a side for an interval: {told}"))
}

fn text(figure: Option<String>) -> String {
    figure.unwrap_or_else(|| ABSENT.to_owned())
}
