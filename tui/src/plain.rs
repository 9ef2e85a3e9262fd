//! Characters that are one column wide and join with no other: most of what is shown, and what
//! needs no table to be drawn.

/// Whether `character` is one of them. Not all that are so are known here.
pub(crate) const fn is_plain(character: char) -> bool {
    matches!(
        character,
        ' '..='~'
            | '\u{a1}'..='\u{ac}'
            | '\u{ae}'..='\u{2ff}'
            | '…'
            | '←'..='↓'
            | '−'
            | '─'..='▟'
            | '■'
            | '▲'
            | '▼'
            | '●'
    )
}

/// The character of a cell's text, if it is one of them.
pub(crate) fn plain(symbol: &str) -> Option<char> {
    let mut characters = symbol.chars();
    let first = characters.next().filter(|first| is_plain(*first))?;
    characters.next().is_none().then_some(first)
}

#[cfg(test)]
mod tests {
    use ratatui::{buffer::Buffer, layout::Rect, style::Style};

    use super::*;

    #[test]
    fn each_of_them_takes_one_column_by_itself() {
        let mut buffer = Buffer::empty(Rect::new(0, 0, 8, 1));
        let all = ('\0'..='\u{ffff}').filter(|one| is_plain(*one));
        for character in all {
            let pair = [character; 2].iter().collect::<String>();
            let (end, _) = buffer.set_stringn(0, 0, &pair, 8, Style::new());
            assert_eq!(end, 2, "{character:?}");
        }
        assert_eq!(
            ["▄", "é", "", "ab", "\n", "称"].map(plain),
            [Some('▄'), Some('é'), None, None, None, None]
        );
    }
}
