//! Latency over time: of all instances together, and the tail of each.

use hwptop_agent::{Heat as OverTime, InstanceSum};

use super::Of;
use crate::{
    chart::{Axis, Body, HEAT, Heat},
    document::Section,
    figure::{clock, counted, grouped, time},
};

/// Times between labels, in seconds.
const STEPS_S: [u32; 15] = [
    1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 21_600,
];

impl Of<'_> {
    fn heats(&self) -> Vec<(&InstanceSum, &OverTime)> {
        let all = self.instances.iter();
        all.filter_map(|one| Some((*one, one.heat(self.stage)?)))
            .collect()
    }

    pub(super) fn over_time(&self, section: &mut Section) {
        let heats = self.heats();
        if heats.is_empty() {
            section.text(format!(
                "Latency over time is not kept for the stage {}.",
                self.stage.name()
            ));
            return;
        }
        let columns = self.recording.columns;
        let rows: Vec<Vec<u64>> = (0..columns)
            .map(|column| {
                let mut sums = vec![0; OverTime::ROWS];
                for (_, heat) in &heats {
                    for (sum, count) in sums.iter_mut().zip(heat.column(column)) {
                        *sum += u64::from(*count);
                    }
                }
                sums
            })
            .collect();
        let name = self.stage.name();
        let title = format!("Latency of each {name} over time");
        let alt = format!(
            "{title}: a column for {}, a row for a quarter of an octave, the darker the more. {}",
            counted(self.recording.intervals_per_column, "interval"),
            busiest(&rows)
        );
        let body = self.density(&rows);
        section.figure(self.file("over-time"), alt, self.picture(&title, body));
        if heats.len() > 1 {
            let title = format!("p99 of each {name} by instance over time");
            let (body, alt) = self.by_instance(&heats);
            let alt = format!("{title}. {alt}");
            section.figure(
                self.file("instances-over-time"),
                alt,
                self.picture(&title, body),
            );
        }
    }

    /// Labels at round times.
    fn time_axis(&self) -> Axis {
        let of = self.recording;
        let columns = of.columns.max(1) as f64;
        let intervals = (of.intervals + of.missing).max(1) as f64;
        let interval = of.length.as_secs_f64() / intervals;
        let column = (interval * of.intervals_per_column as f64).max(1e-9);
        let step = STEPS_S.into_iter().map(f64::from);
        let step = step.clone().find(|step| columns * column / step <= 8.0);
        let step = step.unwrap_or((columns * column / 8.0).ceil());
        let times = (0..=8_u8).map(|time| f64::from(time) * step);
        let ticks = times.map(|seconds| (seconds / column, clock(seconds)));
        Axis {
            low: 0.0,
            high: columns,
            ticks: ticks.filter(|(at, _)| *at <= columns).collect(),
            minor: Vec::new(),
        }
    }

    /// How many of which latency, when.
    fn density(&self, columns: &[Vec<u64>]) -> Body {
        let used = |row: &usize| columns.iter().any(|column| column[*row] > 0);
        let low = (0..OverTime::ROWS).find(used).unwrap_or(0);
        let high = (0..OverTime::ROWS).rev().find(used).unwrap_or(low);
        let most = columns.iter().flatten().copied().max().unwrap_or(1).max(1);
        // Even steps of the logarithm: a tail of one is seen beside a million.
        let levels = HEAT.len().min(usize::try_from(most).unwrap_or(usize::MAX));
        let step = (most as f64).powf(1.0 / levels as f64);
        let level = |count: u64| {
            let level = (count as f64).ln() / step.ln().max(1e-9);
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "cut to the levels"
            )]
            let level = level.clamp(0.0, levels as f64 - 1.0) as u8;
            (count > 0).then_some(level)
        };
        let cells = (low..=high).flat_map(|row| columns.iter().map(move |column| column[row]));
        let from = |level: usize| step.powf(level as f64).ceil().max(1.0);
        let (bottom, top) = (OverTime::from_ns(low), OverTime::from_ns(high + 1));
        let decades = (0..12_u8).map(|power| 10_f64.powi(i32::from(power)));
        let decades = decades.filter(|ns| (bottom..=top).contains(ns));
        let ticks = decades.map(|ns| (OverTime::row_of(ns) - low as f64, time(ns)));
        Body::Heat(Heat {
            x_label: "time since the begin".to_owned(),
            y_label: format!("{} latency (log scale)", self.stage.name()),
            x: self.time_axis(),
            y: Axis {
                low: 0.0,
                high: (high - low + 1) as f64,
                ticks: ticks.collect(),
                minor: Vec::new(),
            },
            columns: columns.len(),
            rows: high - low + 1,
            cells: cells.map(level).collect(),
            scale: (0..levels)
                .map(|level| format!("≥ {}", grouped(from(level))))
                .collect(),
            scale_label: format!(
                "{}s in {}, from",
                self.stage.name(),
                counted(self.recording.intervals_per_column, "interval")
            ),
        })
    }

    /// p99 of each instance, when; and the same in words.
    fn by_instance(&self, heats: &[(&InstanceSum, &OverTime)]) -> (Body, String) {
        let columns = self.recording.columns;
        let tail = |heat: &OverTime, column| heat.quantile_ns(column, 0.99);
        let all = heats
            .iter()
            .flat_map(|(_, heat)| (0..columns).filter_map(|column| tail(heat, column)));
        let (low, high) = all.fold((f64::MAX, 1.0_f64), |(low, high), ns| {
            (low.min(ns), high.max(ns))
        });
        let low = low.min(high);
        let levels = HEAT.len();
        let step = (high / low).max(1.0001).ln() / levels as f64;
        let level = |ns: f64| {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "cut to the levels"
            )]
            let level = ((ns / low).ln() / step).clamp(0.0, levels as f64 - 1.0) as u8;
            level
        };
        // The first at the top.
        let from_below = heats.iter().rev();
        let cells = from_below
            .flat_map(|(_, heat)| (0..columns).map(move |column| tail(heat, column).map(level)));
        let count = heats.len();
        let every = count.div_ceil(64).max(1);
        let ticks = heats.iter().enumerate().step_by(every);
        let ticks = ticks.map(|(index, (one, _))| ((count - index) as f64 - 0.5, one.name.clone()));
        let worst = heats.iter().filter_map(|(one, _)| {
            let latency = &one.activity.stage(self.stage).latency;
            (!latency.is_empty()).then(|| (latency.value_at_quantile(0.99), &one.name))
        });
        let words = worst.max().map_or_else(String::new, |(ns, name)| {
            format!(
                "The highest over all time is that of {name}: {}.",
                time(ns as f64)
            )
        });
        let from = |level: usize| time(low * (step * level as f64).exp());
        let body = Body::Heat(Heat {
            x_label: "time since the begin".to_owned(),
            y_label: "instance".to_owned(),
            x: self.time_axis(),
            y: Axis {
                low: 0.0,
                high: count as f64,
                ticks: ticks.collect(),
                minor: Vec::new(),
            },
            columns,
            rows: count,
            cells: cells.collect(),
            scale: (0..levels)
                .map(|level| format!("≥ {}", from(level)))
                .collect(),
            scale_label: "p99, from".to_owned(),
        });
        (body, words)
    }
}

/// The row that has most, over all time.
fn busiest(columns: &[Vec<u64>]) -> String {
    let sum = |row: usize| columns.iter().map(|column| column[row]).sum::<u64>();
    let row = (0..OverTime::ROWS).max_by_key(|row| sum(*row)).unwrap_or(0);
    format!(
        "Most are from {} to {}.",
        time(OverTime::from_ns(row)),
        time(OverTime::from_ns(row + 1))
    )
}
