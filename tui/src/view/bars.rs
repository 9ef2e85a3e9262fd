//! Bars of shares: where the time of requests went, and how many entries they carried.

use hwptop_agent::snapshot::{BatchSizes, Stage, StageActivity};
use ratatui::style::Style;

use super::Canvas;
use crate::{
    breakdown::Breakdown,
    carried,
    column::width_of,
    figure,
    theme::{quiet, strong},
};

const BAR: &str = "█";
const HALF_BAR: &str = "▌";
/// Sizes up to here are counted one by one.
const EXACT_MOST: u32 = 63;

/// A line with a bar.
struct Bar {
    name: String,
    share: f64,
    style: Style,
    figures: String,
}

/// The lines that [`draw_breakdown`] takes.
pub(super) fn breakdown_height(breakdown: &Breakdown) -> u16 {
    1 + u16::try_from(breakdown.parts.len()).unwrap_or(u16::MAX - 1)
}

/// Draws where the time of requests went.
pub(super) fn draw_breakdown(breakdown: &Breakdown, canvas: &mut Canvas) {
    let theme = canvas.theme;
    let x = canvas.put(0, 0, "request time", strong());
    let mean = figure::latency(breakdown.request_ns());
    let clamped = if breakdown.clamped { " (clamped)" } else { "" };
    let words = format!(": {mean} on average{clamped}");
    canvas.put(x, 0, &words, quiet());
    let parts = breakdown.parts.iter().zip(breakdown.figures());
    let bars = parts.map(|(part, figures)| Bar {
        name: part.name.to_owned(),
        share: breakdown.share(part),
        style: part
            .stage
            .map_or_else(Style::new, |stage| theme.stage(stage)),
        figures,
    });
    draw_bars(&bars.collect::<Vec<_>>(), canvas);
}

/// The lines that [`draw_batches`] takes where it has as many as it wants.
pub(super) fn batches_height(did: &StageActivity) -> u16 {
    let sizes = did.batches.iter().count().min(ranges(&did.batches).len());
    1 + u16::try_from(sizes).unwrap_or(u16::MAX - 1)
}

/// Draws how many items the ends of `stage` carried.
pub(super) fn draw_batches(stage: Stage, did: &StageActivity, canvas: &mut Canvas) {
    let x = canvas.put(0, 0, &carried::what(stage), strong());
    let sizes = &did.batches;
    let told = carried::batches(stage, did);
    let told = told.as_deref().and_then(|line| line.split_once(':'));
    let figures = told.map_or(": nothing recorded in this interval", |(_, figures)| {
        figures
    });
    let x = if told.is_some() {
        canvas.put(x, 0, ":", quiet())
    } else {
        x
    };
    canvas.put(x, 0, figures, quiet());
    let lines = usize::from(canvas.height().saturating_sub(1));
    let all_exact = sizes.largest().is_some_and(|size| size <= EXACT_MOST);
    let counts = if all_exact && sizes.iter().count() <= lines {
        sizes
            .iter()
            .map(|(size, count)| (size.to_string(), count))
            .collect()
    } else {
        ranges(sizes)
    };
    let total = sizes.total() as f64;
    let style = canvas.theme.stage(stage);
    let bars = counts.into_iter().map(|(name, count)| {
        let share = count as f64 / total;
        let (count, percent) = (figure::count(count), figure::percent(share));
        Bar {
            name,
            share,
            style,
            figures: format!("{percent:>5} {count:>6}"),
        }
    });
    let mut bars: Vec<Bar> = bars.collect();
    if bars.len() > lines {
        // The rarest go, and that is said.
        let mut shares: Vec<f64> = bars.iter().map(|bar| bar.share).collect();
        shares.sort_by(f64::total_cmp);
        let kept = lines.saturating_sub(1);
        let least = shares.len().checked_sub(kept).and_then(|at| shares.get(at));
        let least = least.copied().unwrap_or(f64::INFINITY);
        let before = bars.len();
        bars.retain(|bar| bar.share >= least);
        bars.truncate(kept);
        let more = format!("+{} rarer ranges of sizes", before - bars.len());
        canvas.put(0, canvas.height().saturating_sub(1), &more, quiet());
    }
    draw_bars(&bars, canvas);
}

/// Counts by powers of two, without those that are 0.
fn ranges(sizes: &BatchSizes) -> Vec<(String, u64)> {
    let mut ranges: Vec<(u32, u64)> = Vec::new();
    for (size, count) in sizes.iter() {
        let from = size.checked_ilog2().map_or(0, |power| 1 << power);
        match ranges.last_mut() {
            Some((last, sum)) if *last == from => *sum = sum.saturating_add(count),
            _ => ranges.push((from, count)),
        }
    }
    let name = |from: u32| match from {
        0 | 1 => from.to_string(),
        _ => format!("{from}-{}", u64::from(from) * 2 - 1),
    };
    let ranges = ranges.into_iter();
    ranges.map(|(from, count)| (name(from), count)).collect()
}

/// One bar a line below the first; all are as long as the widest name and figures leave.
fn draw_bars(bars: &[Bar], canvas: &mut Canvas) {
    let widest = |of: fn(&Bar) -> &str| bars.iter().map(|bar| width_of(of(bar))).max();
    let names = widest(|bar| &bar.name).unwrap_or(0);
    let figures = widest(|bar| &bar.figures).unwrap_or(0);
    let room = canvas.width().saturating_sub(names + figures + 2);
    for (y, bar) in (1..canvas.height()).zip(bars) {
        canvas.put_right(names, y, &bar.name, Style::new());
        canvas.put_right(names + 1 + figures, y, &bar.figures, Style::new());
        canvas.put(names + figures + 2, y, &filled(bar.share, room), bar.style);
    }
}

/// A bar of which `width` characters are all; what is there is seen, however little it is.
fn filled(share: f64, width: u16) -> String {
    if share <= 0.0 || width == 0 {
        return String::new();
    }
    let halves = (share.clamp(0.0, 1.0) * f64::from(width) * 2.0).round();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "between 0 and twice the width of a screen"
    )]
    let halves = (halves as usize).max(1);
    format!("{}{}", BAR.repeat(halves / 2), HALF_BAR.repeat(halves % 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_counted_by_powers_of_two() {
        let sizes = [
            (0, 1),
            (1, 2),
            (2, 3),
            (3, 4),
            (16, 5),
            (31, 6),
            (1024, 7),
            (4032, 8),
        ];
        let sizes: BatchSizes = sizes.into_iter().collect();
        let ranges = ranges(&sizes);
        let told: Vec<String> = ranges
            .iter()
            .map(|(name, n)| format!("{name}: {n}"))
            .collect();
        assert_eq!(
            told,
            [
                "0: 1",
                "1: 2",
                "2-3: 7",
                "16-31: 11",
                "1024-2047: 7",
                "2048-4095: 8"
            ]
        );
        let sum: u64 = ranges.iter().map(|(_, count)| count).sum();
        assert_eq!(sum, sizes.total());
    }

    #[test]
    fn a_bar_is_as_long_as_its_share_and_never_longer_than_its_room() {
        assert_eq!(filled(0.5, 4), "██");
        assert_eq!(filled(0.3, 5), "█▌");
        assert_eq!([filled(0.001, 9), filled(7.0, 1)], ["▌", "█"]);
        assert_eq!(
            [filled(0.0, 9), filled(f64::NAN, 0), filled(0.5, 0)],
            ["", "", ""]
        );
    }
}
