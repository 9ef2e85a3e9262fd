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
}
