use ratatui::style::Color;

use crate::Theme;

/// What is there where nothing else is asked for.
#[derive(Clone, Copy)]
pub(crate) struct Sheet {
    /// The background.
    pub(crate) paper: u32,
    /// The text.
    pub(crate) ink: u32,
}

impl Sheet {
    /// Light where the theme is made for that, else dark.
    pub(crate) const fn of(theme: Theme) -> Self {
        match theme {
            Theme::Light => Self {
                paper: 0x00ff_ffff,
                ink: 0x0024_2a33,
            },
            Theme::Dark | Theme::Sixteen | Theme::Monochrome => Self {
                paper: 0x0016_1b22,
                ink: 0x00d6_dbe1,
            },
        }
    }
}

/// The 16 colours of a terminal, toned to the dark background.
const NAMED: [u32; 16] = [
    0x0024_2a33,
    0x00ff_7b72,
    0x005f_d17f,
    0x00e3_b341,
    0x0079_b8ff,
    0x00d2_a8ff,
    0x0056_d4dd,
    0x00b1_bac4,
    0x006e_7681,
    0x00ff_a198,
    0x0087_e8a1,
    0x00f2_cc60,
    0x00a5_d0ff,
    0x00e2_c5ff,
    0x0084_e9f0,
    0x00ff_ffff,
];

/// `colour` as 0xRRGGBB; `reset` is what the terminal's own colour stands for.
pub(crate) fn rgb(colour: Color, reset: u32) -> u32 {
    match colour {
        Color::Reset => reset,
        Color::Rgb(red, green, blue) => u32::from_be_bytes([0, red, green, blue]),
        Color::Indexed(index) => indexed(index),
        named => NAMED[usize::from(number(named))],
    }
}

/// The colour half way between two.
pub(super) fn between(a: u32, b: u32) -> u32 {
    let [_, a @ ..] = a.to_be_bytes();
    let [_, b @ ..] = b.to_be_bytes();
    u32::from_be_bytes([
        0,
        a[0].midpoint(b[0]),
        a[1].midpoint(b[1]),
        a[2].midpoint(b[2]),
    ])
}

/// xterm's 256 colours: 16 named, a cube of 6×6×6, 24 greys.
fn indexed(index: u8) -> u32 {
    match index {
        0..16 => NAMED[usize::from(index)],
        16..232 => {
            let level = |step: u8| if step == 0 { 0 } else { 55 + 40 * step };
            let cube = index - 16;
            let steps = [cube / 36, cube / 6 % 6, cube % 6].map(level);
            u32::from_be_bytes([0, steps[0], steps[1], steps[2]])
        }
        _ => {
            let grey = 8 + 10 * (index - 232);
            u32::from_be_bytes([0, grey, grey, grey])
        }
    }
}

fn number(named: Color) -> u8 {
    match named {
        Color::Red => 1,
        Color::Green => 2,
        Color::Yellow => 3,
        Color::Blue => 4,
        Color::Magenta => 5,
        Color::Cyan => 6,
        Color::Gray => 7,
        Color::DarkGray => 8,
        Color::LightRed => 9,
        Color::LightGreen => 10,
        Color::LightYellow => 11,
        Color::LightBlue => 12,
        Color::LightMagenta => 13,
        Color::LightCyan => 14,
        Color::White => 15,
        Color::Black | Color::Reset | Color::Rgb(..) | Color::Indexed(_) => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_256_colours_are_xterms() {
        assert_eq!(rgb(Color::Indexed(16), 1), 0x0000_0000);
        assert_eq!(rgb(Color::Indexed(208), 1), 0x00ff_8700);
        assert_eq!(rgb(Color::Indexed(231), 1), 0x00ff_ffff);
        assert_eq!(rgb(Color::Indexed(255), 1), 0x00ee_eeee);
        assert_eq!(rgb(Color::Rgb(1, 2, 3), 9), 0x0001_0203);
        assert_eq!(rgb(Color::Reset, 9), 9);
        assert_eq!(rgb(Color::Indexed(2), 9), rgb(Color::Green, 9));
    }
}
