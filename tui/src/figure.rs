//! Figures as text: three significant digits, a unit, and `-` where there is no
//! value (never 0).

use std::time::{Duration, SystemTime};

use hwptop_agent::{InstanceKind, nanos, snapshot::Snapshot};

/// What stands where a figure is absent.
pub(crate) const ABSENT: &str = "-";

/// The longest text that [`latency`] and [`scaled`] give for any value that a
/// latency histogram can hold.
pub(crate) const LATENCY_WIDTH: u16 = 6;

const DECIMAL: [&str; 5] = ["", "k", "M", "G", "T"];
const BELOW_A_SECOND: [&str; 3] = ["ns", "µs", "ms"];

/// From which latency on events are slow, e.g. `1.00ms`, or `p99.9 (request 12.0µs)`.
pub(crate) fn slow_threshold(snapshot: &Snapshot) -> String {
    if let Some(threshold) = snapshot.slow_threshold {
        return latency(nanos(threshold));
    }
    let Some(running) = &snapshot.slow_running else {
        return ABSENT.to_owned();
    };
    let stages = running.thresholds.iter();
    let stages: Vec<String> = stages
        .map(|one| {
            let until = if one.is_told {
                ""
            } else {
                " until it can be told"
            };
            let threshold = latency(nanos(one.threshold));
            format!("{} {threshold}{until}", one.stage.name())
        })
        .collect();
    if stages.is_empty() {
        return running.percentile.to_string();
    }
    format!("{} ({})", running.percentile, stages.join(", "))
}

/// A latency with its unit, e.g. `1.23µs`.
pub(crate) fn latency(ns: u64) -> String {
    if ns < 1000 {
        return format!("{ns}ns");
    }
    let mut value = ns as f64;
    for unit in BELOW_A_SECOND {
        if shown(value) < 1000.0 {
            return format!("{}{unit}", three_digits(value));
        }
        value /= 1000.0;
    }
    format!("{}s", three_digits(value))
}

/// A count or a rate, scaled by thousands: `0`, `12.3`, `1.23k`, `45.6M`.
pub(crate) fn scaled(mut value: f64) -> String {
    if value == 0.0 {
        return "0".to_owned();
    }
    if value < 0.01 {
        return "<0.01".to_owned();
    }
    for prefix in DECIMAL {
        if shown(value) < 1000.0 {
            return format!("{}{prefix}", three_digits(value));
        }
        value /= 1000.0;
    }
    format!("{value:.0}P")
}

/// A whole number as it is below 10,000, scaled above.
pub(crate) fn count(value: u64) -> String {
    if value < 10_000 {
        value.to_string()
    } else {
        scaled(value as f64)
    }
}

/// Items per event: `1.00`, `16.0`, `1024`.
pub(crate) fn ratio(value: f64) -> String {
    if (1000.0..10_000.0).contains(&value) {
        format!("{value:.0}")
    } else {
        scaled(value)
    }
}

/// A span of time as one would say it: `250 ms`, `1 s`, `12.3 s`, `3 min 05 s`,
/// `2 h 07 min`, `4 d 03 h`.
pub(crate) fn span(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0 if duration.subsec_millis() == 0 => format!("{} µs", duration.as_micros()),
        0 => format!("{} ms", duration.as_millis()),
        1..60 if duration.subsec_millis() / 100 == 0 => format!("{seconds} s"),
        1..60 => format!("{seconds}.{} s", duration.subsec_millis() / 100),
        60..3600 => format!("{} min {:02} s", seconds / 60, seconds % 60),
        3600..86_400 => format!("{} h {:02} min", seconds / 3600, seconds % 3600 / 60),
        _ => format!("{} d {:02} h", seconds / 86_400, seconds % 86_400 / 3600),
    }
}

/// The time of the day in UTC, e.g. `10:38:26.524190 UTC`.
pub(crate) fn time_of_day(moment: SystemTime) -> Option<String> {
    let since = moment.duration_since(SystemTime::UNIX_EPOCH).ok()?;
    let (seconds, micros) = (since.as_secs() % 86_400, since.subsec_micros());
    let (minutes, seconds) = (seconds / 60, seconds % 60);
    Some(format!(
        "{:02}:{:02}:{seconds:02}.{micros:06} UTC",
        minutes / 60,
        minutes % 60
    ))
}

/// What stands behind a name where it is not hardware; empty where it is.
pub(crate) const fn mark(kind: InstanceKind) -> &'static str {
    match kind {
        InstanceKind::Hardware => "",
        InstanceKind::Modelled => "*",
        InstanceKind::Emulated => "~",
        InstanceKind::Mock => "#",
    }
}

/// The word that [`mark`] stands for; empty for hardware.
pub(crate) const fn word(kind: InstanceKind) -> &'static str {
    match kind {
        InstanceKind::Hardware => "",
        kind => kind.name(),
    }
}

/// What the figures of `kind` are, for a legend; `None` for hardware.
pub(crate) fn legend(kind: InstanceKind, profile: Option<&str>) -> Option<String> {
    let meaning = match kind {
        InstanceKind::Hardware => return None,
        InstanceKind::Modelled => modelled(profile),
        InstanceKind::Emulated => {
            "emulated by a virtual machine monitor: its times are not hardware's".to_owned()
        }
        InstanceKind::Mock => "mock of the kernel's selftest: no IOMMU behind it".to_owned(),
    };
    Some(format!("{} {meaning}", mark(kind)))
}

/// A share of a whole, 0 to 1, in whole percent; what is there is never 0.
pub(crate) fn percent(share: f64) -> String {
    if share > 0.0 && share < 0.01 {
        "<1 %".to_owned()
    } else {
        format!("{:.0} %", share * 100.0)
    }
}

/// The shares of a whole, each 0 to 1, so that what is shown adds up to their sum: those that round
/// down the most are rounded up. What is below 1 % is `<1 %`, and counts nothing.
pub(crate) fn percents(shares: &[f64]) -> Vec<String> {
    let is_shown = |share: &f64| *share >= 0.01;
    let hundredths = |share: &f64| share * 100.0;
    let sum = shares.iter().map(hundredths).sum::<f64>().round();
    let floors = shares.iter().filter(|one| is_shown(one)).map(hundredths);
    let mut left = sum - floors.map(f64::floor).sum::<f64>();
    let mut texts: Vec<String> = shares.iter().map(|share| percent(*share)).collect();
    let mut shown: Vec<usize> = (0..shares.len())
        .filter(|at| is_shown(&shares[*at]))
        .collect();
    let rest = |at: &usize| hundredths(&shares[*at]).fract();
    shown.sort_by(|one, other| rest(other).total_cmp(&rest(one)));
    for at in shown {
        let up = if left >= 1.0 { 1.0 } else { 0.0 };
        left -= up;
        texts[at] = format!("{:.0} %", hundredths(&shares[at]).floor() + up);
    }
    texts
}

/// What the mark `*` stands for. The word comes first, where no narrow screen
/// cuts it off, and only once: the models' own words have it further on.
pub(crate) fn modelled(profile: Option<&str>) -> String {
    let profile = profile.unwrap_or("timing profile unknown");
    let (before, after) = profile.split_once("modelled, ").unwrap_or((profile, ""));
    format!("modelled, {before}{after}")
}

/// `text` in at most `width` characters: the middle gives way, because names of
/// instances differ at their ends.
pub(crate) fn shortened(text: &str, width: usize) -> String {
    let length = text.chars().count();
    if length <= width {
        return text.to_owned();
    }
    let kept = width.saturating_sub(1);
    let head: String = text.chars().take(kept / 2).collect();
    let tail: String = text.chars().skip(length - (kept - kept / 2)).collect();
    format!("{head}…{tail}")
}

/// `value` as [`three_digits`] rounds it.
fn shown(value: f64) -> f64 {
    if value < 100.0 { value } else { value.round() }
}

/// Three significant digits of a value from 0.01 up.
fn three_digits(value: f64) -> String {
    // 9.995 would print as 10.00 with two decimals: the limits are those that
    // rounding leaves below 10 and 100.
    if value < 9.995 {
        format!("{value:.2}")
    } else if value < 99.95 {
        format!("{value:.1}")
    } else {
        format!("{value:.0}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_latency_has_three_digits_and_its_unit() {
        let shown = [
            0, 7, 999, 1000, 1234, 9_994, 9_996, 99_949, 99_951, 999_499, 999_500,
        ]
        .map(latency)
        .join(" ");
        assert_eq!(
            shown,
            "0ns 7ns 999ns 1.00µs 1.23µs 9.99µs 10.0µs 99.9µs 100µs 999µs 1.00ms"
        );
        assert_eq!(latency(68_719_476_735), "68.7s");
    }

    #[test]
    fn no_latency_is_wider_than_its_column() {
        let mut ns = 1_u64;
        while ns < 1 << 36 {
            for near in [ns - 1, ns, ns + 1, ns * 9_995 / 1000, ns * 9_9951 / 1000] {
                assert!(
                    latency(near).chars().count() <= usize::from(LATENCY_WIDTH),
                    "{near}"
                );
            }
            ns *= 10;
        }
    }

    #[test]
    fn counts_and_rates_scale_by_thousands() {
        let shown = [
            0.0, 0.001, 0.25, 12.34, 999.4, 999.6, 17_614.0, 1.234e6, 5e9, 7e16,
        ]
        .map(scaled)
        .join(" ");
        assert_eq!(shown, "0 <0.01 0.25 12.3 999 1.00k 17.6k 1.23M 5.00G 70P");
        assert_eq!(
            [count(0), count(9_999), count(10_000)].join(" "),
            "0 9999 10.0k"
        );
        assert_eq!(
            [ratio(1.0), ratio(63.96), ratio(1024.0)].join(" "),
            "1.00 64.0 1024"
        );
    }

    #[test]
    fn a_span_is_said_in_the_unit_that_fits() {
        let shown = [
            0,
            250,
            1000,
            12_345,
            60_000,
            185_000,
            7_620_000,
            270_000_000,
        ]
        .map(|ms| span(Duration::from_millis(ms)))
        .join(", ");
        assert_eq!(
            shown,
            "0 µs, 250 ms, 1 s, 12.3 s, 1 min 00 s, 3 min 05 s, 2 h 07 min, 3 d 03 h"
        );
    }

    #[test]
    fn what_is_modelled_is_called_so_first_and_once() {
        let own = "timing profile strict: 700 ns; modelled, not measured here: a paper";
        assert_eq!(
            modelled(Some(own)),
            "modelled, timing profile strict: 700 ns; not measured here: a paper"
        );
        assert_eq!(modelled(Some("slow: 1 ms")), "modelled, slow: 1 ms");
        assert_eq!(modelled(None), "modelled, timing profile unknown");
    }

    #[test]
    fn a_share_that_is_there_is_never_0() {
        let shown = [0.0, 0.001, 0.0099, 0.126, 0.996, 1.0]
            .map(percent)
            .join(", ");
        assert_eq!(shown, "0 %, <1 %, <1 %, 13 %, 100 %, 100 %");
    }

    #[test]
    fn what_is_shown_of_a_whole_adds_up_to_it() {
        let third = 1.0 / 3.0;
        for (shares, shown) in [
            (&[0.124, 0.846, 0.03][..], "12 % 85 % 3 %"),
            (&[third, third, third], "34 % 33 % 33 %"),
            (&[0.334, 0.333, 0.333], "34 % 33 % 33 %"),
            (&[0.994, 0.006], "100 % <1 %"),
            (&[0.5, 0.496, 0.004], "50 % 50 % <1 %"),
            (&[1.0, 0.0], "100 % 0 %"),
            (&[0.85], "85 %"),
            (&[0.854], "85 %"),
            // Cut, where parts were longer than the whole.
            (&[1.0, 0.5], "100 % 50 %"),
            (&[], ""),
        ] {
            assert_eq!(percents(shares).join(" "), shown, "{shares:?}");
        }
        for one in (0..=1000_u32).step_by(9) {
            for other in (0..=1000 - one).step_by(3) {
                let shares = [one, other, 1000 - one - other];
                let shares = shares.map(|share| f64::from(share) / 1000.0);
                let texts = percents(&shares);
                let numbers = texts.iter().filter_map(|text| text.strip_suffix(" %"));
                let sum: u32 = numbers.filter_map(|text| text.parse::<u32>().ok()).sum();
                let tiny = texts.iter().filter(|text| *text == "<1 %").count();
                assert!(
                    sum == 100 || (sum < 100 && sum + 2 > 100 && tiny == 2),
                    "{shares:?}: {texts:?}"
                );
            }
        }
    }

    #[test]
    fn a_long_name_keeps_both_of_its_ends() {
        assert_eq!(shortened("smmu3.0x0000000041000000", 12), "smmu3…000000");
        assert_eq!(shortened("dmar0", 5), "dmar0");
        assert_eq!(shortened("dmar0", 1), "…");
        assert_eq!(shortened("dmar0", 0), "…");
    }
}
