use std::{ffi::OsStr, str::FromStr};

use hwptop_agent::snapshot::Stage;
use ratatui::style::{Color, Modifier, Style};

mod ramp;

pub(crate) use ramp::{Ramp, colour};

/// How the dashboard marks things. Nothing is told by colour alone but for the counts of a heat
/// map in 256 colours, whose scale is drawn beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Theme {
    /// 256 colours, made for a dark background.
    Dark,
    /// 256 colours, made for a light background.
    Light,
    /// The terminal's own 16 colours.
    Sixteen,
    /// Bold, dim and reversed only.
    Monochrome,
}

/// A theme's name that is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no theme `{name}`: say {}", Theme::ALL.map(Theme::name).join(", "))]
pub struct UnknownTheme {
    /// The name.
    pub name: String,
}

impl Theme {
    /// In the order in which a key goes through them.
    pub const ALL: [Self; 4] = [Self::Dark, Self::Light, Self::Sixteen, Self::Monochrome];

    /// The theme for a terminal by the values of `NO_COLOR`, `TERM` and `COLORTERM`: any
    /// `NO_COLOR` that is not empty means no colour, and so does a terminal that is `dumb`. What
    /// the background is like cannot be told.
    #[must_use]
    pub fn for_terminal(
        no_color: Option<&OsStr>,
        term: Option<&OsStr>,
        colorterm: Option<&OsStr>,
    ) -> Self {
        let term = term.unwrap_or_default().to_string_lossy();
        let is_true_colour = colorterm.is_some_and(|it| it == "truecolor" || it == "24bit");
        if no_color.is_some_and(|value| !value.is_empty()) || term == "dumb" {
            Self::Monochrome
        } else if is_true_colour || has_256_colours(&term) {
            Self::Dark
        } else {
            Self::Sixteen
        }
    }

    /// Its name in the settings.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Dark => "dark",
            Self::Light => "light",
            Self::Sixteen => "sixteen",
            Self::Monochrome => "monochrome",
        }
    }

    /// The one after it, and the first after the last.
    #[must_use]
    pub const fn next(self) -> Self {
        match self {
            Self::Dark => Self::Light,
            Self::Light => Self::Sixteen,
            Self::Sixteen => Self::Monochrome,
            Self::Monochrome => Self::Dark,
        }
    }

    /// A count that should be 0, a queue that should not be frozen.
    pub(crate) fn alarm(self) -> Style {
        self.coloured(Color::Red, 196).add_modifier(Modifier::BOLD)
    }

    /// Figures of the request stage.
    pub(crate) fn request(self) -> Style {
        self.coloured(Color::Green, 28)
    }

    /// Figures of the submission stage.
    pub(crate) fn submission(self) -> Style {
        self.coloured(Color::Blue, 33)
    }

    /// Figures of the driver op.
    pub(crate) fn driver_op(self) -> Style {
        self.coloured(Color::Cyan, 30)
    }

    /// Figures of `stage`.
    pub(crate) fn stage(self, stage: Stage) -> Style {
        match stage {
            Stage::Request => self.request(),
            Stage::Submission | Stage::HostSubmission => self.submission(),
            Stage::DriverOp => self.driver_op(),
            Stage::Unattributed => Style::new(),
        }
    }

    /// What is not hardware: modelled, emulated, a mock.
    pub(crate) fn unreal(self) -> Style {
        self.coloured(Color::Magenta, 133)
    }

    /// `named` of the terminal's own colours, or number `indexed` of the 256: one that reads on
    /// dark and on light, because the default theme is shown on both.
    fn coloured(self, named: Color, indexed: u8) -> Style {
        match self {
            Self::Dark | Self::Light => Style::new().fg(Color::Indexed(indexed)),
            Self::Sixteen => Style::new().fg(named),
            Self::Monochrome => Style::new(),
        }
    }
}

/// Whether the terminal with this name has them. Over ssh nothing but the name may be left.
fn has_256_colours(term: &str) -> bool {
    const NAMED_OTHERWISE: [&str; 5] = [
        "alacritty",
        "foot",
        "wezterm",
        "xterm-ghostty",
        "xterm-kitty",
    ];
    term.contains("256color") || term.ends_with("-direct") || NAMED_OTHERWISE.contains(&term)
}

impl FromStr for Theme {
    type Err = UnknownTheme;

    fn from_str(name: &str) -> Result<Self, UnknownTheme> {
        let found = Self::ALL.into_iter().find(|theme| theme.name() == name);
        found.ok_or_else(|| UnknownTheme {
            name: name.to_owned(),
        })
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
mod tests;
