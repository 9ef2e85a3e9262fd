use std::ffi::OsStr;

use ratatui::style::{Color, Modifier, Style};

/// How the dashboard marks things. Only colours that read on both light and
/// dark terminals are used, and nothing is told by colour alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Theme {
    /// The terminal's own 16 colours.
    Colour,
    /// Bold, dim and reversed only.
    Monochrome,
}

impl Theme {
    /// The theme that the `NO_COLOR` convention asks for: any non-empty value
    /// means no colour.
    #[must_use]
    pub fn for_no_color(value: Option<&OsStr>) -> Self {
        if value.is_some_and(|value| !value.is_empty()) {
            Self::Monochrome
        } else {
            Self::Colour
        }
    }

    /// A count that should be 0, a queue that should not be frozen.
    pub(crate) fn alarm(self) -> Style {
        self.coloured(Color::Red).add_modifier(Modifier::BOLD)
    }

    /// Figures of the request stage.
    pub(crate) fn request(self) -> Style {
        self.coloured(Color::Green)
    }

    /// Figures of the submission stage.
    pub(crate) fn submission(self) -> Style {
        self.coloured(Color::Blue)
    }

    /// What is not hardware: modelled, emulated, a mock.
    pub(crate) fn unreal(self) -> Style {
        self.coloured(Color::Magenta)
    }

    fn coloured(self, colour: Color) -> Style {
        match self {
            Self::Colour => Style::new().fg(colour),
            Self::Monochrome => Style::new(),
        }
    }
}

/// Names, titles, what the eye looks for first.
pub(crate) fn strong() -> Style {
    Style::new().add_modifier(Modifier::BOLD)
}

/// Headings and explanations.
pub(crate) fn quiet() -> Style {
    Style::new().add_modifier(Modifier::DIM)
}

/// `style` as a badge in the header.
pub(crate) fn badge(style: Style) -> Style {
    style.add_modifier(Modifier::REVERSED)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_color_counts_only_when_it_is_not_empty() {
        let for_value = |value: &str| Theme::for_no_color(Some(OsStr::new(value)));
        assert_eq!(Theme::for_no_color(None), Theme::Colour);
        assert_eq!(for_value(""), Theme::Colour);
        assert_eq!(for_value("1"), Theme::Monochrome);
    }
}
