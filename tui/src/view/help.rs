use ratatui::{layout::Rect, style::Style};

use super::Canvas;
use crate::theme::{quiet, strong};
use crate::{Keys, keys};

/// What the columns mean, as (name, meaning).
const MEANINGS: &[(&str, &str)] = &[
    ("request", "IOMMU_HWPT_INVALIDATE or its driver call"),
    ("entry", "one element of a request's array"),
    ("submission", "one hand-over to a hardware queue"),
    ("ent/req", "entries per request"),
    ("cmd/sub", "commands per submission"),
    ("total errors", "since the start; the rest is per interval"),
    ("! after p99", "1.5 × its own last 20 to 120 intervals"),
    ("▼  ▲", "sorted by it, largest or smallest first"),
    ("mouse", "click selects, opens, sorts; wheel moves"),
    ("*  ~  #", "modelled, emulated, mock: not hardware"),
    ("-", "no value, which is not 0"),
];
const NAMES: u16 = 15;
const WIDTH: u16 = 60;

/// Draws the help over the middle of the screen. Where that is too low for all
/// lines, the lower border says how many it leaves out.
pub(super) fn draw(keys: &Keys, canvas: &mut Canvas) {
    let lines = keys::TABLE.len() + MEANINGS.len();
    let height = u16::try_from(lines + 2)
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
        x: 1,
        y: 0,
        width: width.saturating_sub(2),
        height,
    });
    inside.put(1, 0, " hwptop: keys and columns ", strong());
    let keys: Vec<(String, &str)> = keys::TABLE
        .iter()
        .map(|binding| (keys.label(binding), binding.does))
        .collect();
    let keys = keys.iter().map(|(label, does)| (label.as_str(), *does));
    let shown = usize::from(height.saturating_sub(2));
    for (y, (name, meaning)) in (1..).zip(keys.chain(MEANINGS.iter().copied()).take(shown)) {
        inside.put(1, y, name, strong());
        inside.put(1 + NAMES, y, meaning, Style::new());
    }
    if height > 1 && shown < lines {
        let note = format!(" +{} more on a higher screen ", lines - shown);
        inside.put(1, height - 1, &note, quiet());
    }
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
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::column::width_of;

    #[test]
    fn no_line_of_the_help_is_cut_at_60_columns() {
        let keys = keys::TABLE
            .iter()
            .map(|binding| (Keys::default().label(binding), binding.does));
        let meanings = MEANINGS
            .iter()
            .map(|(name, meaning)| ((*name).to_owned(), *meaning));
        for (name, meaning) in keys.chain(meanings) {
            assert!(width_of(&name) < NAMES, "{name}");
            assert!(width_of(meaning) + NAMES + 4 <= WIDTH, "{meaning}");
        }
    }
}
