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

/// After Okabe and Ito, "Color Universal Design": told apart with any colour
/// vision. In grey, markers and dashes tell the lines apart.
const COLOURS: [RGBColor; 6] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(0, 0, 0),
    RGBColor(230, 159, 0),
];

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
            colour: COLOURS[index % COLOURS.len()],
            marker: MARKERS[index % MARKERS.len()],
            dash: DASHES[index % DASHES.len()],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_of_the_first_thirty_lines_look_alike() {
        let styles: Vec<_> = (0..30).map(LineStyle::of).collect();
        for (index, style) in styles.iter().enumerate() {
            assert!(!styles[index + 1..].contains(style), "{index}");
        }
    }
}
