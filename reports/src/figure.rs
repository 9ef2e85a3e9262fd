//! Figures as text.

/// Three significant digits, thousands parted: `0.43`, `12.3`, `1,234`.
pub(crate) fn figure(value: f64) -> String {
    if value < 9.995 {
        format!("{value:.2}")
    } else if value < 99.95 {
        format!("{value:.1}")
    } else {
        grouped(value)
    }
}

/// A whole number with its thousands parted.
pub(crate) fn grouped(value: f64) -> String {
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A time in the unit that reads best: `850 ns`, `12.3 µs`.
pub(crate) fn time(ns: f64) -> String {
    let units = [("s", 1e9), ("ms", 1e6), ("µs", 1e3)];
    let unit = units.into_iter().find(|(_, unit)| ns >= *unit);
    match unit {
        Some((name, unit)) => format!("{} {name}", figure(ns / unit)),
        None => format!("{} ns", grouped(ns)),
    }
}

/// A part of 1 as percent: `3.2 %`.
pub(crate) fn percent(part: f64) -> String {
    format!("{} %", figure(part * 100.0))
}

/// Seconds as a clock that begins with what is measured: `1:02:03`, `0:07`.
pub(crate) fn clock(seconds: f64) -> String {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "cut at whole seconds, not below 0"
    )]
    let all = seconds.max(0.0) as u64;
    let (hours, minutes, seconds) = (all / 3600, all / 60 % 60, all % 60);
    if hours > 0 {
        format!("{hours}:{minutes:02}:{seconds:02}")
    } else {
        format!("{minutes}:{seconds:02}")
    }
}

/// `1 request`, `2 requests`.
pub(crate) fn counted(count: u64, what: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{} {what}{plural}", grouped(count as f64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_have_three_digits_and_parted_thousands() {
        let shown = [0.0, 0.4321, 9.996, 99.94, 123.4, 1234.5, 1_234_567.0]
            .map(figure)
            .join(" ");
        assert_eq!(shown, "0.00 0.43 10.0 99.9 123 1,234 1,234,567");
    }

    #[test]
    fn times_have_the_unit_that_reads_best() {
        let shown = [0.0, 850.0, 12_340.0, 2.5e6, 3e9].map(time).join(" ");
        assert_eq!(shown, "0 ns 850 ns 12.3 µs 2.50 ms 3.00 s");
        assert_eq!(
            [7.9, 65.0, 3723.0].map(clock).join(" "),
            "0:07 1:05 1:02:03"
        );
    }
}
