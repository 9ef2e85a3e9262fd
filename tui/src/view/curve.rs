//! Latency against percentile: the rarer, the further right, each decade as wide as the others.

use std::time::Duration;

use hwptop_agent::{
    HeatColumn,
    snapshot::{Activity, Scope, Snapshot, Stage, StageActivity},
};
use ratatui::{
    layout::Rect,
    style::{Modifier, Style},
};

use super::{
    Canvas, heat,
    plot::{self, Ink},
};
use crate::{
    Theme,
    column::width_of,
    figure,
    kept::Kept,
    theme::{quiet, strong},
};

/// A caption, four lines and the axis.
pub(super) const LEAST: u16 = 6;
const AXIS_WIDTH: u16 = figure::LATENCY_WIDTH + 1;
/// The height from which on the curves of all that is kept have names.
const BEFORE_NAMED_FROM: u16 = 12;
/// The rarest that is shown: one in a million.
const DECADES_MOST: u32 = 6;
/// Points of a curve in a decade.
const STEPS: u32 = 12;
/// The stages that are told, by what stands for each where there is no colour.
const STAGES: [(Stage, char); 3] = [
    (Stage::Request, '●'),
    (Stage::DriverOp, '◆'),
    (Stage::Submission, '■'),
];
/// What was before stands for less.
const BEFORE: char = '·';

/// Latencies at percentiles.
struct Curve {
    stage: Stage,
    marker: char,
    before: bool,
    /// Decades of rarity, and decades of nanoseconds.
    points: Vec<(f64, f64)>,
}

/// Draws the stages of what `scope` did in the interval, and over the time that is kept.
pub(super) fn draw(
    kept: &Kept,
    scope: &Scope,
    snapshot: &Snapshot,
    did: Option<&Activity>,
    canvas: &mut Canvas,
) {
    if canvas.height() < LEAST || canvas.width() <= 2 * AXIS_WIDTH {
        return;
    }
    let curves = curves(kept, scope, snapshot, did);
    let x = canvas.put(0, 0, "percentiles", strong());
    let Some(scale) = Scale::of(&curves) else {
        canvas.put(x, 0, ": nothing recorded yet", quiet());
        return;
    };
    draw_caption(kept, scope, x, canvas);
    let plot = Rect {
        x: AXIS_WIDTH,
        y: 1,
        width: canvas.width() - AXIS_WIDTH,
        height: canvas.height() - 2,
    };
    draw_axes(&scale, plot, canvas);
    let theme = canvas.theme;
    for curve in &curves {
        let points = curve.points.iter();
        let points = points.map(|(rarity, ns)| (scale.across(*rarity), scale.down(*ns)));
        let (ink, style) = (ink(curve, theme), style(curve, theme));
        plot::line(points, ink, style, &mut canvas.part(plot));
    }
    draw_names(&curves, &scale, plot, canvas);
}

fn ink(curve: &Curve, theme: Theme) -> Ink {
    match theme {
        Theme::Monochrome => Ink::Character(curve.marker),
        Theme::Dark | Theme::Light | Theme::Sixteen => Ink::Braille,
    }
}

fn style(curve: &Curve, theme: Theme) -> Style {
    let style = theme.stage(curve.stage);
    if curve.before {
        style.patch(quiet())
    } else {
        // Also where it is drawn over what was before.
        style.remove_modifier(Modifier::DIM)
    }
}

/// Of which time the curves are.
fn draw_caption(kept: &Kept, scope: &Scope, x: u16, canvas: &mut Canvas) {
    let all = kept.columns(scope, Stage::Request, 1);
    let all = all.first().map_or(Duration::ZERO, |all| all.length);
    let how = match canvas.theme {
        Theme::Monochrome => "· ",
        Theme::Dark | Theme::Light | Theme::Sixteen => "dim: ",
    };
    let words = [
        format!(
            " of latency, both log scale; {how}all of {}",
            heat::told(all)
        ),
        format!(" of latency; {how}all of {}", heat::told(all)),
        format!("; {how}all of {}", heat::told(all)),
    ];
    let room = canvas.width().saturating_sub(x);
    if let Some(words) = words.iter().find(|words| width_of(words) <= room) {
        canvas.put(x, 0, words, quiet());
    }
}

/// The decades of latency at the left and those of rarity below.
fn draw_axes(scale: &Scale, plot: Rect, canvas: &mut Canvas) {
    let mut above = None;
    for decade in (scale.low..=scale.high).rev() {
        let y = scale.line(f64::from(decade), plot);
        if above != Some(y) {
            let latency = figure::latency(10_u64.pow(decade));
            canvas.put_right(AXIS_WIDTH - 1, y, &latency, quiet());
            above = Some(y);
        }
    }
    let mut free = 0;
    let percentiles = (0..=scale.rarest).map(|decades| (f64::from(decades), percentile(decades)));
    let half = (2_f64.log10(), "p50".to_owned());
    let mut percentiles: Vec<_> = percentiles.chain([half]).collect();
    percentiles.sort_by(|one, next| one.0.total_cmp(&next.0));
    for (decades, name) in percentiles {
        let end = plot.x + plot.width;
        let x = scale
            .column(decades, plot)
            .min(end.saturating_sub(width_of(&name)));
        if x >= free {
            free = canvas.put(x, plot.y + plot.height, &name, quiet()) + 1;
        }
    }
}

/// Each curve's name at its end, on the nearest line that is free.
fn draw_names(curves: &[Curve], scale: &Scale, plot: Rect, canvas: &mut Canvas) {
    let theme = canvas.theme;
    let mut slowest_first: Vec<_> = curves.iter().collect();
    let end_of = |curve: &Curve| curve.points.last().copied().unwrap_or_default();
    slowest_first.sort_by(|one, other| end_of(other).1.total_cmp(&end_of(one).1));
    let mut taken = Vec::new();
    for curve in slowest_first {
        if curve.before && plot.height < BEFORE_NAMED_FROM {
            continue;
        }
        let all = if curve.before { ", all" } else { "" };
        let name = format!(" {}{all}", curve.stage.name());
        let (decades, ns) = end_of(curve);
        let end = plot.x + plot.width;
        let x = scale.column(decades, plot).saturating_add(1);
        let x = x.min(end.saturating_sub(width_of(&name)));
        let at = scale.line(ns, plot);
        // Of two that are as near, the lower: the faster one is below.
        let mut lines: Vec<u16> = (plot.y..plot.y + plot.height).rev().collect();
        lines.sort_by_key(|line| line.abs_diff(at));
        if let Some(y) = lines.into_iter().find(|line| !taken.contains(line)) {
            canvas.put(x, y, &name, style(curve, theme));
            taken.push(y);
        }
    }
}

fn curves(kept: &Kept, scope: &Scope, snapshot: &Snapshot, did: Option<&Activity>) -> Vec<Curve> {
    let mut curves = Vec::new();
    for (stage, marker) in STAGES {
        if !Stage::PROBED.contains(&stage) && !snapshot.times(stage) {
            continue;
        }
        if let Some(all) = kept.columns(scope, stage, 1).first() {
            curves.push(Curve {
                stage,
                marker: BEFORE,
                before: true,
                points: points(bands(all), all.recorded),
            });
        }
        if let Some(did) = did.map(|did| did.stage(stage)) {
            curves.push(Curve {
                stage,
                marker,
                before: false,
                points: points(values(did), did.latency.len()),
            });
        }
    }
    curves.retain(|curve| !curve.points.is_empty());
    // What is now is drawn over what was.
    curves.sort_by_key(|curve| !curve.before);
    curves
}

/// The points of a curve, from the least to the rarest of which one was recorded: at each the
/// least of `latencies_ns` (with their counts, the fastest first) that so many are at most.
fn points(latencies_ns: impl Iterator<Item = (u64, u64)>, recorded: u64) -> Vec<(f64, f64)> {
    let rarest = (recorded.max(1) as f64)
        .log10()
        .min(f64::from(DECADES_MOST));
    let steps = (0..=DECADES_MOST * STEPS).map(|step| f64::from(step) / f64::from(STEPS));
    let steps = steps
        .take_while(|decades| *decades < rarest)
        .chain([rarest]);
    // With how many are at most as slow.
    let below = |decades: f64| (1.0 - 10_f64.powf(-decades)) * recorded as f64;
    let mut steps = steps.map(|decades| (decades, below(decades))).peekable();
    let mut points = Vec::new();
    let mut counted = 0_u64;
    for (ns, count) in latencies_ns {
        counted = counted.saturating_add(count);
        while let Some((decades, _)) = steps.next_if(|(_, below)| counted as f64 >= *below) {
            points.push((decades, (ns.max(1) as f64).log10()));
        }
    }
    points
}

fn values(did: &StageActivity) -> impl Iterator<Item = (u64, u64)> {
    let recorded = did.latency.iter_recorded();
    recorded.map(|value| {
        (
            value.value_iterated_to(),
            value.count_since_last_iteration(),
        )
    })
}

/// Each band as the slowest in it.
fn bands(all: &HeatColumn) -> impl Iterator<Item = (u64, u64)> {
    all.counts
        .iter()
        .map(|(band, count)| (band.high_ns(), *count))
}

/// What the axes begin and end with.
struct Scale {
    rarest: u32,
    low: u32,
    high: u32,
}

impl Scale {
    fn of(curves: &[Curve]) -> Option<Self> {
        let points = curves.iter().flat_map(|curve| &curve.points);
        let ends = points.fold(None, |ends: Option<(f64, f64, f64)>, (x, y)| {
            let (rarest, low, high) = ends.unwrap_or((*x, *y, *y));
            Some((rarest.max(*x), low.min(*y), high.max(*y)))
        });
        let (rarest, low, high) = ends?;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "decades of what fits into 64 bits"
        )]
        let whole = |decades: f64| decades.max(0.0) as u32;
        let low = whole(low.floor()).min(18);
        Some(Self {
            rarest: whole(rarest.ceil()).clamp(1, DECADES_MOST),
            low,
            high: whole(high.ceil()).clamp(low + 1, 19),
        })
    }

    /// Which part of the height is above a latency, in decades of nanoseconds.
    fn down(&self, decades: f64) -> f64 {
        let (low, high) = (f64::from(self.low), f64::from(self.high));
        (high - decades) / (high - low)
    }

    /// Which part of the width is left of a rarity, in decades.
    fn across(&self, decades: f64) -> f64 {
        decades / f64::from(self.rarest)
    }

    /// The line of a latency.
    fn line(&self, decades: f64, plot: Rect) -> u16 {
        plot.y + plot::place(self.down(decades), plot.height)
    }

    /// The column of a rarity.
    fn column(&self, decades: f64, plot: Rect) -> u16 {
        plot.x + plot::place(self.across(decades), plot.width)
    }
}

/// `p99` for two decades of rarity.
fn percentile(decades: u32) -> String {
    match decades {
        0 => "p0".to_owned(),
        1 => "p90".to_owned(),
        2 => "p99".to_owned(),
        more => format!("p99.{}", "9".repeat(more as usize - 2)),
    }
}

#[cfg(test)]
mod tests {
    use std::{
        collections::BTreeMap,
        time::{Duration, UNIX_EPOCH},
    };

    use hwptop_agent::Band;

    use super::*;

    #[test]
    fn a_point_is_what_the_histogram_has_at_its_percentile() {
        let mut did = StageActivity::default();
        let mut counts = BTreeMap::new();
        for n in 1..=100_000_u64 {
            let ns = 500 + n * n % 77_777;
            did.latency += ns;
            *counts.entry(Band::of(ns)).or_insert(0) += 1;
        }
        let all = HeatColumn {
            begin: UNIX_EPOCH,
            length: Duration::ZERO,
            recorded: 100_000,
            counts: counts.into_iter().collect(),
        };
        let of_histogram = points(values(&did), 100_000);
        let of_bands = points(bands(&all), 100_000);
        assert_eq!(of_histogram.len(), 5 * STEPS as usize + 1);
        assert_eq!(of_bands.len(), of_histogram.len());
        for ((decades, ns), (_, banded)) in of_histogram.into_iter().zip(of_bands) {
            let exact = did.latency_ns(1.0 - 10_f64.powf(-decades)).unwrap() as f64;
            assert!((ns - exact.log10()).abs() < 0.01, "{decades}: {ns} {exact}");
            let off = 10_f64.powf(banded) / exact;
            assert!((0.98..=1.15).contains(&off), "{decades}: {off}");
        }
    }

    #[test]
    fn a_curve_ends_where_nothing_rarer_was_recorded() {
        let ends = |recorded| {
            points([(100, recorded)].into_iter(), recorded)
                .last()
                .copied()
        };
        assert_eq!(ends(1), Some((0.0, 2.0)));
        assert_eq!(ends(1000), Some((3.0, 2.0)));
        assert_eq!(ends(u64::MAX), Some((6.0, 2.0)));
        assert_eq!(points(std::iter::empty(), 0), []);
    }

    #[test]
    fn the_axis_names_each_decade_of_rarity() {
        let names: Vec<String> = (0..=DECADES_MOST).map(percentile).collect();
        let expected = ["p0", "p90", "p99", "p99.9", "p99.99", "p99.999", "p99.9999"];
        assert_eq!(names, expected);
    }
}
