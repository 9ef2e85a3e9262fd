use std::cmp::Ordering;

/// A part of a name, in the order of the parts.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Piece<'a> {
    /// There is nothing more.
    End,
    /// A number, without zeros in front: the longer is the larger.
    Number(usize, &'a str),
    /// What is before the next number.
    Text(&'a str),
}

/// The order of names as one would count: `dmar2` before `dmar10`, `0x9` before `0x1a`.
#[must_use]
pub fn natural_order(one: &str, other: &str) -> Ordering {
    let (mut left, mut right) = (one, other);
    let mut is_hex = false;
    loop {
        let ((first, left_rest), (second, right_rest)) =
            (piece(left, is_hex), piece(right, is_hex));
        match first.cmp(&second) {
            // The same but for zeros, perhaps.
            Ordering::Equal if first == Piece::End => return one.cmp(other),
            Ordering::Equal => {}
            order => return order,
        }
        is_hex = first == Piece::Text("0x");
        (left, right) = (left_rest, right_rest);
    }
}

/// The first part of `text`, and the rest.
fn piece(text: &str, is_hex: bool) -> (Piece<'_>, &str) {
    if text.is_empty() {
        return (Piece::End, text);
    }
    if let Some(rest) = text.strip_prefix("0x") {
        return (Piece::Text("0x"), rest);
    }
    let is_digit = |one: char| one.is_digit(if is_hex { 16 } else { 10 });
    let is_number = text.starts_with(is_digit);
    let end = text.find(|one: char| is_digit(one) != is_number);
    let (first, rest) = text.split_at(end.unwrap_or(text.len()));
    if is_number {
        let digits = first.trim_start_matches('0');
        (Piece::Number(digits.len(), digits), rest)
    } else {
        (Piece::Text(first), rest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_in_the_order_of_their_numbers() {
        let sorted = [
            "",
            "7",
            "0x7",
            "ivhd1",
            "ivhd02",
            "ivhd2",
            "ivhd10",
            "ivhd10a",
            "ivhd10b2",
            "ivhd10b11",
            "smmu",
            "smmu3.0x9",
            "smmu3.0x0000000041000000",
            "smmu3.0x4a000000",
            "smmu3.0x00000000c1000000",
            "smmu10.0x1",
            "ß2",
        ];
        for (at, one) in sorted.iter().enumerate() {
            for (other_at, other) in sorted.iter().enumerate() {
                assert_eq!(
                    natural_order(one, other),
                    at.cmp(&other_at),
                    "{one} {other}"
                );
            }
        }
    }
}
