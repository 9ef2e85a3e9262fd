//! How the figures are taken.

use ratatui::{style::Style, text::Line};

use super::{Canvas, View, page, wrapped};
use crate::{
    health::{self, Said},
    theme::strong,
};

const INDENT: &str = "  ";
const INDENT_WIDTH: u16 = 2;

pub(super) fn draw(view: &View, canvas: &mut Canvas) {
    let theme = canvas.theme;
    let width = canvas.width().saturating_sub(INDENT_WIDTH);
    let style = |said: &Said| match said {
        Said { is_alarm: true, .. } => theme.alarm(),
        Said {
            is_unreal: true, ..
        } => theme.unreal(),
        _ => Style::new(),
    };
    let mut lines = Vec::new();
    let app = view.app;
    for section in health::sections(view.snapshot, &app.picture().history, app.bytes()) {
        lines.push(Line::styled(section.title, strong()));
        for said in &section.lines {
            let texts = wrapped(&said.text, width).into_iter();
            lines.extend(texts.map(|text| Line::styled(format!("{INDENT}{text}"), style(said))));
        }
    }
    page::draw(view.place, &lines, canvas);
}
