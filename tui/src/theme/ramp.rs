use ratatui::style::Color;

use super::Theme;

/// From few to many, on a dark background: always brighter.
const DARK: [u8; 9] = [91, 127, 162, 168, 203, 209, 215, 221, 228];
/// From few to many, on a light background: always darker.
const LIGHT: [u8; 9] = [209, 203, 168, 162, 126, 90, 54, 53, 17];
/// From few to many where there are not so many colours.
const SHADES: [char; 4] = ['░', '▒', '▓', '█'];

/// How much is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ramp {
    /// By these colours, from few to many: what is halved in height can have two.
    Colours(&'static [u8]),
    /// By these characters, from few to many.
    Shades(&'static [char]),
}

impl Ramp {
    /// How many steps it has.
    pub(crate) const fn steps(self) -> usize {
        match self {
            Self::Colours(colours) => colours.len(),
            Self::Shades(shades) => shades.len(),
        }
    }

    /// The values that a character can show below one another.
    pub(crate) const fn rows_per_line(self) -> usize {
        match self {
            Self::Colours(_) => 2,
            Self::Shades(_) => 1,
        }
    }
}

impl Theme {
    /// What tells how much there is.
    pub(crate) const fn ramp(self) -> Ramp {
        match self {
            Self::Dark => Ramp::Colours(&DARK),
            Self::Light => Ramp::Colours(&LIGHT),
            Self::Sixteen | Self::Monochrome => Ramp::Shades(&SHADES),
        }
    }
}

/// The colour of a step, counted from 0; that of the last for any beyond.
pub(crate) fn colour(colours: &[u8], step: usize) -> Color {
    let last = colours.len().saturating_sub(1);
    colours
        .get(step.min(last))
        .map_or(Color::Reset, |index| Color::Indexed(*index))
}

#[cfg(test)]
mod tests {
    use super::{super::tests::luminance, *};

    #[test]
    fn more_is_brighter_on_dark_and_darker_on_light() {
        let luminances = |ramp: &[u8]| -> Vec<f64> {
            let colours = ramp.iter().map(|index| Color::Indexed(*index));
            colours.map(luminance).collect()
        };
        let dark = luminances(&DARK);
        assert!(dark.is_sorted_by(|few, many| few < many), "{dark:?}");
        let light = luminances(&LIGHT);
        assert!(light.is_sorted_by(|few, many| few > many), "{light:?}");
        // A single one is seen, too: it may be the slow one.
        let (on_black, on_white) = ((dark[0] + 0.05) / 0.05, 1.05 / (light[0] + 0.05));
        assert!(on_black > 2.0 && on_white > 2.0, "{on_black} {on_white}");
    }
}
