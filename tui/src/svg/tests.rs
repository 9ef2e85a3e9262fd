use ratatui::{
    layout::Rect,
    style::{Color, Style},
};

use super::*;

fn screen() -> Buffer {
    let mut buffer = Buffer::empty(Rect::new(0, 0, 20, 2));
    buffer.set_string(
        0,
        0,
        "a<b & \"c\">",
        Style::new().fg(Color::Red).add_modifier(Modifier::BOLD),
    );
    buffer.set_string(
        11,
        0,
        "PAUSED",
        Style::new().add_modifier(Modifier::REVERSED),
    );
    buffer.set_string(0, 1, "████▌ ▁▂", Style::new().fg(Color::Rgb(1, 2, 3)));
    buffer
}

#[test]
fn text_is_escaped_and_keeps_its_colour_and_weight() {
    let svg = render(&screen(), Theme::Dark);
    assert!(
        svg.contains("fill=\"#ff7b72\" font-weight=\"bold\">a&lt;b</text>"),
        "{svg}"
    );
    assert!(svg.contains(">&amp;</text>"), "{svg}");
    assert!(!svg.contains("a<b"), "{svg}");
}

#[test]
fn reversed_text_has_its_colours_changed_over() {
    for theme in Theme::ALL {
        let svg = render(&screen(), theme);
        let Sheet { paper, ink } = Sheet::of(theme);
        let text = format!("fill=\"#{paper:06x}\">PAUSED</text>");
        assert!(svg.contains(&text), "{svg}");
        let behind = format!("width=\"50.4\" height=\"18.00\" fill=\"#{ink:06x}\"");
        assert!(svg.contains(&behind), "{svg}");
    }
}

#[test]
fn blocks_are_shapes_and_equal_ones_are_joined() {
    let svg = render(&screen(), Theme::Dark);
    assert!(
        svg.contains("width=\"33.6\" height=\"18.00\" fill=\"#010203\""),
        "{svg}"
    );
    assert!(!svg.contains('█') && !svg.contains('▁'), "{svg}");
}

#[test]
fn every_tag_that_is_opened_is_closed() {
    let svg = render(&screen(), Theme::Dark);
    assert_eq!(svg.matches("<text").count(), svg.matches("</text>").count());
    assert_eq!(svg.matches("<rect").count(), svg.matches("/>").count());
    assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n"));
}

#[test]
fn the_256_colours_are_those_of_xterm() {
    let rgb = |index| colour::rgb(Color::Indexed(index), 0);
    assert_eq!(
        [16, 21, 196, 231, 232, 255].map(rgb),
        [
            0,
            0x0000_00ff,
            0x00ff_0000,
            0x00ff_ffff,
            0x0008_0808,
            0x00ee_eeee
        ]
    );
    let mut buffer = Buffer::empty(Rect::new(0, 0, 1, 1));
    let style = Style::new().fg(Color::Indexed(196)).bg(Color::Indexed(21));
    buffer.set_string(0, 0, "▀", style);
    let svg = render(&buffer, Theme::Dark);
    let halves = [
        "height=\"18.00\" fill=\"#0000ff\"",
        "height=\"9.00\" fill=\"#ff0000\"",
    ];
    assert!(halves.iter().all(|half| svg.contains(half)), "{svg}");
}
