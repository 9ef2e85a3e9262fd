/// A filled part of a cell; all of it is 1.0 by 1.0.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Part {
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) width: f64,
    pub(super) height: f64,
}

/// A line's thickness across the cell's width and height.
const THIN: (f64, f64) = (0.12, 0.06);
const HALF: (f64, f64) = (0.5 - THIN.0 / 2.0, 0.5 - THIN.1 / 2.0);

impl Part {
    const fn new(x: f64, y: f64, width: f64, height: f64) -> Self {
        Self {
            x,
            y,
            width,
            height,
        }
    }

    /// From edge to edge: side by side, such parts are one.
    pub(super) fn spans_width(&self) -> bool {
        self.x <= 0.0 && self.width >= 1.0
    }
}

const ACROSS: Part = Part::new(0.0, HALF.1, 1.0, THIN.1);
const DOWN: Part = Part::new(HALF.0, 0.0, THIN.0, 1.0);
const RIGHT: Part = Part::new(HALF.0, HALF.1, 1.0 - HALF.0, THIN.1);
const LEFT: Part = Part::new(0.0, HALF.1, HALF.0 + THIN.0, THIN.1);
const UPPER: Part = Part::new(HALF.0, 0.0, THIN.0, HALF.1 + THIN.1);
const LOWER: Part = Part::new(HALF.0, HALF.1, THIN.0, 1.0 - HALF.1);

/// What a block or line character looks like; `None` for any other text.
pub(super) fn of(symbol: &str) -> Option<Vec<Part>> {
    let mut characters = symbol.chars();
    let (character, None) = (characters.next()?, characters.next()) else {
        return None;
    };
    let eighths = |from: char| f64::from(u32::from(character) - u32::from(from) + 1) / 8.0;
    Some(match character {
        '▀' => vec![Part::new(0.0, 0.0, 1.0, 0.5)],
        // Lower one eighth to the full block.
        '▁'..='█' => {
            let height = eighths('▁');
            vec![Part::new(0.0, 1.0 - height, 1.0, height)]
        }
        // Left seven eighths to one eighth.
        '▉'..='▏' => vec![Part::new(0.0, 0.0, 1.0 - eighths('▉'), 1.0)],
        '▖' => vec![Part::new(0.0, 0.5, 0.5, 0.5)],
        '─' => vec![ACROSS],
        '│' => vec![DOWN],
        '┌' => vec![RIGHT, LOWER],
        '┐' => vec![LEFT, LOWER],
        '└' => vec![RIGHT, UPPER],
        '┘' => vec![LEFT, UPPER],
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_fill_as_many_eighths_as_their_name_says() {
        let parts = |symbol| of(symbol).unwrap();
        assert_eq!(parts("▁"), [Part::new(0.0, 0.875, 1.0, 0.125)]);
        assert_eq!(parts("█"), [Part::new(0.0, 0.0, 1.0, 1.0)]);
        assert_eq!(parts("▏"), [Part::new(0.0, 0.0, 0.125, 1.0)]);
        assert_eq!(parts("▉"), [Part::new(0.0, 0.0, 0.875, 1.0)]);
        assert_eq!(of("a"), None);
        assert_eq!(of(""), None);
    }
}
