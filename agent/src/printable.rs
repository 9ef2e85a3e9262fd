//! Texts that others chose go to terminals, tables and lines, which control characters would forge.

use std::borrow::Cow;

use serde::{de::DeserializeOwned, de::Error as _};

/// `character`, or what stands for it where it controls something.
#[must_use]
pub fn printable(character: char) -> char {
    if character.is_control() {
        '?'
    } else {
        character
    }
}

/// What another process wrote as JSON, all its texts [`printable`].
pub(crate) fn from_json<T: DeserializeOwned>(json: &[u8]) -> serde_json::Result<T> {
    let json = str::from_utf8(json).map_err(serde_json::Error::custom)?;
    serde_json::from_str(&cleaned(json))
}

/// It takes no more memory than `json`, whatever is in it.
fn cleaned(json: &str) -> Cow<'_, str> {
    let is_plain = |byte: &u8| byte.is_ascii() && !matches!(byte, b'\\' | 0x7f);
    if json.as_bytes().iter().all(is_plain) {
        return Cow::Borrowed(json);
    }
    let mut clean = String::with_capacity(json.len());
    let mut rest = json;
    while let Some((before, behind)) = rest.split_once('\\') {
        clean.extend(before.chars().map(raw));
        let next = behind.chars().next().map_or(0, char::len_utf8);
        let (length, stands_for) = match escaped_control(behind) {
            Some(length) => (length, "?"),
            None => (next, &rest[before.len()..=before.len() + next]),
        };
        clean.push_str(stands_for);
        rest = &behind[length..];
    }
    clean.extend(rest.chars().map(raw));
    Cow::Owned(clean)
}

/// Those before the blank are in no text of JSON: they may be around it.
fn raw(character: char) -> char {
    if character < ' ' {
        character
    } else {
        printable(character)
    }
}

/// How long the escape behind a backslash is, where it is of a control character.
fn escaped_control(behind: &str) -> Option<usize> {
    match behind.as_bytes().first()? {
        b'b' | b'f' | b'n' | b'r' | b't' => Some(1),
        b'u' => {
            let code = u32::from_str_radix(behind.get(1..5)?, 16).ok()?;
            char::from_u32(code)?.is_control().then_some(5)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> String {
        from_json(json.as_bytes()).unwrap()
    }

    #[test]
    fn no_text_of_others_has_a_control_character() {
        for (json, text) in [
            (r#""a\u001b[31mred\nb\t""#, "a?[31mred?b?"),
            (r#""\u007f\u009B\u0000""#, "???"),
            ("\"\u{7f}\u{9b}31m\"", "??31m"),
            (r#""\\n \\\n \"\/ \\u001b""#, r#"\n \? "/ \u001b"#),
            (r#""\u00e4 ä \ud83d\ude00""#, "ä ä \u{1f600}"),
            ("\t\"plain\"\n", "plain"),
        ] {
            assert_eq!(read(json), text, "{json}");
        }
    }

    #[test]
    fn what_is_plain_is_not_copied_and_what_is_wrong_stays_wrong() {
        assert!(matches!(
            cleaned("{\"a\": [1, 2]}\n"),
            Cow::Borrowed("{\"a\": [1, 2]}\n")
        ));
        for wrong in [
            &b"\"\\"[..],
            b"\"\\u00",
            b"\"\\u12\xc3\xa4",
            b"\"\xff\"",
            b"\"\x1b\"",
            b"",
        ] {
            assert!(from_json::<String>(wrong).is_err(), "{wrong:?}");
        }
    }
}
