//! Rust text with what is not code blanked out.

/// The same text, line for line, with comments and the contents of literals replaced by spaces, so that a rule about
/// code does not fire on prose or data.
pub(super) fn code_only(text: &str) -> String {
    let mut rest = text;
    let mut code = String::with_capacity(text.len());
    while let Some(next) = rest.chars().next() {
        let skipped = comment(rest).or_else(|| literal(rest, code.chars().next_back()));
        if let Some(length) = skipped {
            let blank = |character| if character == '\n' { '\n' } else { ' ' };
            code.extend(rest[..length].chars().map(blank));
            rest = &rest[length..];
        } else {
            code.push(next);
            rest = &rest[next.len_utf8()..];
        }
    }
    code
}

/// Length of the comment at the start of `text`; block comments nest.
fn comment(text: &str) -> Option<usize> {
    if text.starts_with("//") {
        return Some(text.find('\n').unwrap_or(text.len()));
    }
    if !text.starts_with("/*") {
        return None;
    }
    let mut depth = 0_usize;
    let mut at = 0;
    while at < text.len() {
        let step = match text.as_bytes()[at..] {
            [b'/', b'*', ..] => {
                depth += 1;
                2
            }
            [b'*', b'/', ..] => {
                depth -= 1;
                2
            }
            _ => 1,
        };
        at += step;
        if depth == 0 {
            return Some(at);
        }
    }
    Some(text.len())
}

/// Length of the string or character literal at the start of `text`, which comes after `before`.
fn literal(text: &str, before: Option<char>) -> Option<usize> {
    let inside_word =
        before.is_some_and(|character| character.is_alphanumeric() || character == '_');
    if !inside_word && let Some(length) = raw_string(text) {
        return Some(length);
    }
    if text.starts_with('"') {
        return Some(quoted(text, '"'));
    }
    // A lifetime has no closing quote two characters on.
    let mut characters = text.chars();
    let is_character = characters.next() == Some('\'')
        && match characters.next() {
            Some('\\') => true,
            Some('\'') | None => false,
            Some(_) => characters.next() == Some('\''),
        };
    is_character.then(|| quoted(text, '\''))
}

/// Length of `r"…"`, `r#"…"#`, `br#"…"#` and so on.
fn raw_string(text: &str) -> Option<usize> {
    let start = text.trim_start_matches(['b', 'c']);
    let prefix = text.len() - start.len();
    let hashes = start.strip_prefix('r')?;
    let body = hashes.trim_start_matches('#');
    let count = hashes.len() - body.len();
    if prefix > 1 || !body.starts_with('"') {
        return None;
    }
    let opening = text.len() - body.len() + 1;
    let closing = format!("\"{}", "#".repeat(count));
    Some(
        text[opening..]
            .find(&closing)
            .map_or(text.len(), |at| opening + at + closing.len()),
    )
}

/// Length of a literal between two `quote`s, with backslash escapes.
fn quoted(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, character) in text.char_indices().skip(1) {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if character == quote => return at + character.len_utf8(),
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn squeezed(text: &str) -> String {
        code_only(text)
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ")
    }

    #[test]
    fn comments_go_and_code_stays() {
        assert_eq!(squeezed("a // todo!\nb /* c /* d */ e */ f"), "a b f");
        assert_eq!(squeezed("/// dbg!\nfn f() {}"), "fn f() {}");
    }

    #[test]
    fn the_contents_of_literals_go() {
        assert_eq!(
            squeezed(r#"f("dbg!(\" x", b"y", 'z', '\'', '"') + g"#),
            "f( , b , , , ) + g"
        );
        assert_eq!(squeezed("f(r#\"a \" todo!\"#, br\"b\", x)"), "f( , , x)");
    }

    #[test]
    fn a_lifetime_is_not_a_character() {
        assert_eq!(
            squeezed("fn f<'a>(x: &'a str, y: &'static u8)"),
            "fn f<'a>(x: &'a str, y: &'static u8)"
        );
    }

    #[test]
    fn lines_keep_their_numbers() {
        let text = "a\n/* b\nc */ d\n\"e\nf\" g\n";
        assert_eq!(code_only(text).lines().count(), text.lines().count());
        assert_eq!(code_only(text).lines().nth(2).map(str::trim), Some("d"));
        assert_eq!(code_only(text).lines().nth(4).map(str::trim), Some("g"));
    }

    #[test]
    fn an_unfinished_literal_or_comment_ends_with_the_file() {
        for text in ["\"abc", "/* abc", "r#\"abc", "'\\"] {
            assert_eq!(squeezed(text), "", "{text}");
        }
    }
}
