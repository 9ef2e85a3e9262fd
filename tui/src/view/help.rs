use ratatui::{
    layout::Rect,
    text::{Line, Span},
};

use super::{Canvas, page};
use crate::{
    Keys,
    column::width_of,
    keys,
    screen::Place,
    theme::{quiet, strong},
};

/// What the columns mean, as (name, meaning).
const MEANINGS: &[(&str, &str)] = &[
    ("request", "IOMMU_HWPT_INVALIDATE or its driver call"),
    ("entry", "one element of a request's array"),
    ("submission", "one hand-over to a hardware queue"),
    ("driver op", "with submissions; in request time without"),
    ("ent/req", "entries per request"),
    ("cmd/sub", "commands per submission"),
    ("total errors", "since the start; the rest is per interval"),
    ("! after p99", "1.5 × its own last 20 to 120 intervals"),
    ("▼  ▲", "sorted by it, largest or smallest first"),
    ("mouse", "click selects, opens, sorts; wheel moves"),
    ("*  ~  #", "modelled, emulated, mock: not hardware"),
    ("-", "no value, which is not 0"),
];
/// As long as the longest name, and a blank.
const BLANKS: &str = "               ";
const WIDTH: u16 = 60;

/// Draws the help over the middle of the screen; where that is too low for all lines, they can be
/// scrolled through.
pub(super) fn draw(keys: &Keys, place: &Place, canvas: &mut Canvas) {
    let keys = keys::TABLE
        .iter()
        .map(|binding| (keys.label(binding), binding.does));
    let meanings = MEANINGS
        .iter()
        .map(|(name, meaning)| ((*name).to_owned(), *meaning));
    let lines: Vec<Line> = keys
        .chain(meanings)
        .map(|(name, meaning)| {
            let blanks = usize::from(width_of(&name)).min(BLANKS.len());
            Line::from_iter([
                Span::styled(name, strong()),
                Span::raw(&BLANKS[blanks..]),
                Span::raw(meaning),
            ])
        })
        .collect();
    let height = u16::try_from(lines.len() + 2)
        .unwrap_or(u16::MAX)
        .min(canvas.height());
    let width = WIDTH.min(canvas.width());
    let mut panel = canvas.part(Rect {
        x: (canvas.width() - width) / 2,
        y: (canvas.height() - height) / 2,
        width,
        height,
    });
    panel.clear();
    draw_border(&mut panel);
    let mut inside = panel.part(Rect {
        x: 2,
        y: 1,
        width: width.saturating_sub(3),
        height: height.saturating_sub(2),
    });
    page::draw(place, &lines, &mut inside);
}

fn draw_border(panel: &mut Canvas) {
    let (width, height) = (panel.width(), panel.height());
    let across = "─".repeat(usize::from(width).saturating_sub(2));
    for y in 1..height.saturating_sub(1) {
        panel.put(0, y, "│", quiet());
        panel.put_right(width, y, "│", quiet());
    }
    panel.put(0, height.saturating_sub(1), &format!("└{across}┘"), quiet());
    panel.put(0, 0, &format!("┌{across}┐"), quiet());
    let mut title = panel.part(Rect {
        x: 2,
        y: 0,
        width: width.saturating_sub(3),
        height: 1,
    });
    title.put(0, 0, " hwptop: keys and columns ", strong());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_line_of_the_help_is_cut_at_60_columns() {
        let keys = keys::TABLE
            .iter()
            .map(|binding| (Keys::default().label(binding), binding.does));
        let meanings = MEANINGS
            .iter()
            .map(|(name, meaning)| ((*name).to_owned(), *meaning));
        let names = width_of(BLANKS);
        for (name, meaning) in keys.chain(meanings) {
            assert!(width_of(&name) < names, "{name}");
            assert!(width_of(meaning) + names + 4 <= WIDTH, "{meaning}");
        }
    }
}
