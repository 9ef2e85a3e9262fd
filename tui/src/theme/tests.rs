use super::*;
use crate::svg::colour;

/// The relative luminance of WCAG 2, 0 to 1.
pub(super) fn luminance(colour: Color) -> f64 {
    let [_, channels @ ..] = colour::rgb(colour, 0).to_be_bytes();
    let [red, green, blue] = channels.map(|channel| {
        let value = f64::from(channel) / 255.0;
        if value <= 0.04045 {
            value / 12.92
        } else {
            ((value + 0.055) / 1.055).powf(2.4)
        }
    });
    0.2126 * red + 0.7152 * green + 0.0722 * blue
}

#[test]
fn text_in_256_colours_reads_on_dark_and_on_light() {
    for theme in [Theme::Dark, Theme::Light] {
        for style in [
            theme.alarm(),
            theme.request(),
            theme.submission(),
            theme.driver_op(),
            theme.unreal(),
        ] {
            let text = luminance(style.fg.expect("it has a colour"));
            let on_black = (text + 0.05) / 0.05;
            let on_white = 1.05 / (text + 0.05);
            assert!(
                on_black >= 3.0 && on_white >= 3.0,
                "{style:?}: {on_black:.1} on black, {on_white:.1} on white"
            );
        }
    }
}

#[test]
fn text_in_a_picture_reads_on_its_background() {
    for theme in Theme::ALL {
        let colour::Sheet { paper, ink } = colour::Sheet::of(theme);
        let colour = |rgb: u32| Color::from_u32(rgb);
        let (paper, ink) = (luminance(colour(paper)), luminance(colour(ink)));
        let contrast = (paper.max(ink) + 0.05) / (paper.min(ink) + 0.05);
        assert!(contrast >= 7.0, "{theme:?}: {contrast:.1}");
        assert_eq!(paper > ink, theme == Theme::Light);
        let styles = [
            theme.alarm(),
            theme.request(),
            theme.submission(),
            theme.unreal(),
        ];
        for text in styles.iter().filter_map(|style| style.fg).map(luminance) {
            let contrast = (paper.max(text) + 0.05) / (paper.min(text) + 0.05);
            assert!(contrast >= 2.5, "{theme:?}: {contrast:.1}");
        }
    }
}

#[test]
fn the_terminal_says_how_many_colours_there_are() {
    let theme = |no_color: Option<&str>, term: Option<&str>, colorterm: Option<&str>| {
        Theme::for_terminal(
            no_color.map(OsStr::new),
            term.map(OsStr::new),
            colorterm.map(OsStr::new),
        )
    };
    assert_eq!(theme(None, Some("xterm-256color"), None), Theme::Dark);
    assert_eq!(theme(Some(""), Some("tmux-256color"), None), Theme::Dark);
    assert_eq!(theme(None, Some("xterm"), Some("truecolor")), Theme::Dark);
    assert_eq!(theme(None, Some("xterm-direct"), None), Theme::Dark);
    assert_eq!(theme(None, Some("xterm-kitty"), None), Theme::Dark);
    assert_eq!(theme(None, Some("linux"), None), Theme::Sixteen);
    assert_eq!(theme(None, None, None), Theme::Sixteen);
    assert_eq!(theme(None, Some("dumb"), None), Theme::Monochrome);
    let no_color = theme(Some("1"), Some("xterm-256color"), Some("truecolor"));
    assert_eq!(no_color, Theme::Monochrome);
}

#[test]
fn a_theme_is_found_by_its_name_and_comes_after_another() {
    let mut theme = Theme::Dark;
    for expected in Theme::ALL {
        assert_eq!(theme, expected);
        assert_eq!(theme.name().parse(), Ok(theme));
        theme = theme.next();
    }
    assert_eq!(theme, Theme::Dark);
    let unknown = "dakr".parse::<Theme>().expect_err("there is none");
    assert_eq!(
        unknown.to_string(),
        "there is no theme `dakr`: say dark, light, sixteen, monochrome"
    );
}
