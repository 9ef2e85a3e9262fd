use std::fmt::{self, Write as _};

/// The longest name of a file that a name becomes, in bytes; with date and revision before it a
/// file's name stays below the 255 that Linux has.
const FILE_NAME_MAX: usize = 150;
/// So much of a name that is refused is shown.
const SHOWN_MAX: usize = 40;

/// The name of a branch, a suite or a tag, as git has them: printable, and no part between `/`
/// is empty or begins with a dot.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(String);

/// Why a text is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{shown:?} cannot be the name of a branch, suite or tag: {why}; give another, e.g. \
     feature/x-1 or v1.2"
)]
pub struct NameError {
    /// Its beginning.
    shown: String,
    why: &'static str,
}

impl Name {
    /// # Errors
    /// [`NameError`], with what is wrong and what to give instead.
    pub fn new(text: &str) -> Result<Self, NameError> {
        let refused = |why| NameError {
            shown: text.chars().take(SHOWN_MAX).collect(),
            why,
        };
        if text.is_empty() {
            return Err(refused("it is empty"));
        }
        // Before it is walked through: a file's may be of any length.
        if text.len() > FILE_NAME_MAX {
            return Err(refused("it is too long"));
        }
        if text.chars().any(char::is_control) {
            return Err(refused("it has control characters"));
        }
        let is_wrong = |part: &str| part.is_empty() || part.starts_with('.');
        if text.split('/').any(is_wrong) {
            return Err(refused("a part of it is empty or begins with a dot"));
        }
        let name = Self(text.to_owned());
        if name.file_name().len() > FILE_NAME_MAX {
            return Err(refused("it is too long"));
        }
        Ok(name)
    }

    /// The name as it was given.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The same as the name of a file: everything but letters, digits, `-`, `_` and `.` of ASCII is
    /// percent-encoded (RFC 3986, 2.1), so that different names stay different.
    pub(super) fn file_name(&self) -> String {
        let mut file = String::with_capacity(self.0.len());
        for byte in self.0.bytes() {
            if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.') {
                file.push(char::from(byte));
            } else {
                // A string can always be written to.
                let _ = write!(file, "%{byte:02X}");
            }
        }
        file
    }

    /// The name that [`Self::file_name`] made `file` of; none where it made none.
    pub(super) fn of_file_name(file: &str) -> Option<Self> {
        let mut bytes = Vec::with_capacity(file.len());
        let mut rest = file.bytes();
        while let Some(byte) = rest.next() {
            let byte = if byte == b'%' {
                let digits = [rest.next()?, rest.next()?];
                u8::from_str_radix(str::from_utf8(&digits).ok()?, 16).ok()?
            } else {
                byte
            };
            bytes.push(byte);
        }
        let name = Self::new(&String::from_utf8(bytes).ok()?).ok()?;
        (name.file_name() == file).then_some(name)
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::str::FromStr for Name {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        Self::new(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_comes_back_from_its_file_and_is_no_path() {
        for name in [
            "main",
            "feature/x-1",
            "v1.2_rc",
            "50%",
            "a b@c",
            "ünïcode/é",
            "a..b",
        ] {
            let made = Name::new(name).expect("a name");
            let file = made.file_name();
            assert!(!file.contains(['/', '@', ' ']) && file.is_ascii(), "{file}");
            assert_eq!(Name::of_file_name(&file), Some(made), "{file}");
        }
        assert_eq!(
            Name::new("feature/x").expect("a name").file_name(),
            "feature%2Fx"
        );
    }

    #[test]
    fn hostile_names_are_refused_with_what_to_give_instead() {
        let (long, longer_encoded) = ("x".repeat(151), "/x".repeat(70)[1..].to_owned());
        for name in [
            "",
            ".",
            "..",
            "/",
            "/etc",
            "a/",
            "a//b",
            "../a",
            "a/../b",
            ".git",
            "a/.b",
            "a\nb",
            "\0",
            "\u{1b}[2J",
            "\u{85}",
            &long,
            &longer_encoded,
        ] {
            let error = Name::new(name).expect_err(name).to_string();
            assert!(error.contains("give another, e.g. feature/x-1"), "{error}");
            assert!(
                error.len() < 250 && !error.contains(char::is_control),
                "{error}"
            );
        }
    }

    #[test]
    fn a_file_that_no_name_made_has_none() {
        for file in [
            "",
            ".hwptop-x",
            "a b",
            "%",
            "%2",
            "%zz",
            "%2f",
            "%61",
            "%FF",
            "%2E%2E",
            "a%00",
        ] {
            assert_eq!(Name::of_file_name(file), None, "{file}");
        }
    }
}
