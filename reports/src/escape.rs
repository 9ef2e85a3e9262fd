//! Names come from run files, which anyone can write: what they hold is shown as
//! text and never taken for markup.

/// `text` without what XML 1.0 (section 2.2) forbids and what ends a line or
/// steers a terminal.
pub(crate) fn printable(text: &str) -> String {
    let forbidden = |c: char| c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}');
    text.replace(forbidden, "\u{fffd}")
}

/// `text` for a line or a table cell of Markdown, where it reads as it is here.
pub(crate) fn markdown(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in printable(text).chars() {
        match c {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            // Not `\|`: after a backslash of the text's own, readers differ.
            '|' => escaped.push_str("&#124;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '~' | '#' => {
                escaped.push('\\');
                escaped.push(c);
            }
            c => escaped.push(c),
        }
    }
    escaped
}

/// `text` as code for a line or a table cell of Markdown.
pub(crate) fn markdown_code(text: &str) -> String {
    // Nothing can be escaped between backticks.
    let plain = |c: char| !c.is_control() && !"`<>&|\\\u{fffe}\u{ffff}".contains(c);
    if text.chars().all(plain) {
        format!("`{text}`")
    } else {
        format!("<code>{}</code>", markdown(text))
    }
}

/// `text` in HTML, between tags or in an attribute that is in quotes.
pub(crate) fn html(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in printable(text).chars() {
        match c {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_replaced_and_all_else_is_kept() {
        assert_eq!(
            printable("a\0b\u{1b}[31m\n\r\t\u{7f}\u{9b}\u{ffff}é·"),
            "a\u{fffd}b\u{fffd}[31m\u{fffd}\u{fffd}\u{fffd}\u{fffd}\u{fffd}\u{fffd}é·"
        );
    }

    #[test]
    fn markup_in_a_name_is_text_in_markdown() {
        assert_eq!(
            markdown("<script>&amp;|a_b*[x](y)`\\"),
            "&lt;script&gt;&amp;amp;&#124;a\\_b\\*\\[x\\](y)\\`\\\\"
        );
        assert_eq!(markdown("model-vtd0 (modelled)"), "model-vtd0 (modelled)");
    }

    #[test]
    fn markup_in_a_name_is_text_in_html() {
        assert_eq!(
            html("<b a=\"'\">&amp;\u{0}"),
            "&lt;b a=&quot;&#39;&quot;&gt;&amp;amp;\u{fffd}"
        );
    }

    #[test]
    fn code_that_backticks_cannot_hold_is_held_by_a_tag() {
        assert_eq!(markdown_code("hwptop -o 'a b'"), "`hwptop -o 'a b'`");
        assert_eq!(
            markdown_code("a `b` | <c>"),
            "<code>a \\`b\\` &#124; &lt;c&gt;</code>"
        );
    }
}
