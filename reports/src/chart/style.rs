use plotters::style::RGBColor;

/// The embedded font, and what stands in for it where an SVG is read.
pub(super) const FONTS: &str = "Roboto, Helvetica, Arial, sans-serif";
pub(super) const FONT_FILE: &[u8] = include_bytes!("../../assets/Roboto-Regular.ttf");

pub(super) const PAPER: RGBColor = RGBColor(255, 255, 255);
pub(super) const INK: RGBColor = RGBColor(32, 36, 42);
pub(super) const QUIET: RGBColor = RGBColor(96, 103, 112);
pub(super) const AXIS: RGBColor = RGBColor(140, 147, 156);
pub(super) const GRID: RGBColor = RGBColor(218, 222, 227);
pub(super) const FAINT: RGBColor = RGBColor(238, 240, 243);
/// Of lines that are there for comparison only.
pub(super) const BEHIND: RGBColor = RGBColor(196, 201, 208);

/// What is neither a line nor a shade, each with its colour on dark paper.
pub(crate) const NEUTRALS: [(RGBColor, RGBColor); 7] = [
    (PAPER, RGBColor(22, 25, 29)),
    (INK, RGBColor(232, 235, 238)),
    (QUIET, RGBColor(164, 171, 180)),
    (AXIS, RGBColor(120, 127, 136)),
    (GRID, RGBColor(56, 61, 68)),
    (FAINT, RGBColor(36, 40, 45)),
    (BEHIND, RGBColor(78, 84, 92)),
];

/// After Okabe and Ito, "Color Universal Design": told apart with any colour
/// vision. In grey, markers and dashes tell the lines apart. Each with its colour on dark paper.
pub(crate) const COLOURS: [(RGBColor, RGBColor); 6] = [
    (RGBColor(0, 114, 178), RGBColor(86, 180, 233)),
    (RGBColor(213, 94, 0), RGBColor(255, 134, 48)),
    (RGBColor(0, 158, 115), RGBColor(48, 205, 160)),
    (RGBColor(204, 121, 167), RGBColor(230, 159, 200)),
    (RGBColor(0, 0, 0), RGBColor(255, 255, 254)),
    (RGBColor(230, 159, 0), RGBColor(240, 190, 70)),
];

/// Shades of a grid, from little to much; each is darker than the one before, and on dark paper
/// lighter.
pub(crate) const HEAT: [(RGBColor, RGBColor); 8] = [
    (RGBColor(226, 238, 249), RGBColor(24, 44, 66)),
    (RGBColor(197, 219, 240), RGBColor(25, 60, 96)),
    (RGBColor(160, 195, 227), RGBColor(29, 79, 127)),
    (RGBColor(119, 167, 211), RGBColor(42, 101, 156)),
    (RGBColor(80, 137, 190), RGBColor(66, 127, 184)),
    (RGBColor(46, 106, 165), RGBColor(103, 157, 208)),
    (RGBColor(22, 76, 133), RGBColor(152, 190, 228)),
    (RGBColor(5, 46, 94), RGBColor(214, 231, 247)),
];

/// As it is written in an SVG.
pub(crate) fn colour_name(colour: RGBColor) -> String {
    format!("#{:02X}{:02X}{:02X}", colour.0, colour.1, colour.2)
}

/// Lengths of dash and gap in units of the chart; `None` is unbroken.
const DASHES: [Option<(i32, i32)>; 3] = [None, Some((7, 4)), Some((2, 3))];

/// What sits on a line's points.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Marker {
    Circle,
    Square,
    Triangle,
    Diamond,
    Inverted,
}

const MARKERS: [Marker; 5] = [
    Marker::Circle,
    Marker::Square,
    Marker::Triangle,
    Marker::Diamond,
    Marker::Inverted,
];

/// How one line is drawn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct LineStyle {
    pub(super) colour: RGBColor,
    pub(super) marker: Marker,
    pub(super) dash: Option<(i32, i32)>,
}

impl LineStyle {
    /// The look of line `index`: no two of the first 30 are alike.
    pub(super) fn of(index: usize) -> Self {
        Self {
            colour: COLOURS[index % COLOURS.len()].0,
            marker: MARKERS[index % MARKERS.len()],
            dash: DASHES[index % DASHES.len()],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As a printer without colours has it (ITU-R BT.709).
    fn luminance(colour: RGBColor) -> f64 {
        0.2126 * f64::from(colour.0) + 0.7152 * f64::from(colour.1) + 0.0722 * f64::from(colour.2)
    }

    #[test]
    fn no_two_of_the_first_thirty_lines_look_alike() {
        let styles: Vec<_> = (0..30).map(LineStyle::of).collect();
        for (index, style) in styles.iter().enumerate() {
            assert!(!styles[index + 1..].contains(style), "{index}");
        }
    }

    #[test]
    fn shades_are_told_apart_in_grey_on_light_and_on_dark_paper() {
        for pair in HEAT.windows(2) {
            assert!(luminance(pair[0].0) - luminance(pair[1].0) > 15.0);
            assert!(luminance(pair[1].1) - luminance(pair[0].1) > 12.0);
        }
    }

    #[test]
    fn a_colour_is_told_by_its_name() {
        let all: Vec<_> = NEUTRALS.iter().chain(&COLOURS).chain(&HEAT).collect();
        for (index, (light, _)) in all.iter().enumerate() {
            assert!(
                all[index + 1..].iter().all(|(other, _)| other != light),
                "{light:?}"
            );
        }
    }
}
