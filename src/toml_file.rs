//! Settings in TOML files, and where they are wrong.

use std::{fmt, fs::File, io::Read as _, path::Path};

use anyhow::{Context as _, anyhow};
use serde::de::DeserializeOwned;

/// The longest file that is read.
const MOST_BYTES: u64 = 1 << 20;

/// What the file says; where it is wrong, the error has the file, the line and the column.
pub(crate) fn read<T: DeserializeOwned>(path: &Path) -> anyhow::Result<T> {
    parse(&bytes(path)?).map_err(|wrong| anyhow!("{}:{wrong}", path.display()))
}

/// The file as it is, if it is not too long.
pub(crate) fn bytes(path: &Path) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(MOST_BYTES + 1).read_to_end(&mut bytes))
        .with_context(|| path.display().to_string())?;
    if bytes.len() as u64 > MOST_BYTES {
        return Err(anyhow!(
            "{}: larger than {MOST_BYTES} bytes",
            path.display()
        ));
    }
    Ok(bytes)
}

/// What `bytes` say, or where they go wrong and how.
pub(crate) fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Wrong> {
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let at = error.valid_up_to();
        let what = format!("the byte {:#04x}, where UTF-8 is expected", bytes[at]);
        Wrong::at(&bytes[..at], what)
    })?;
    toml::from_str(text).map_err(|error| {
        let at = error.span().map_or(0, |span| span.start.min(bytes.len()));
        // The parser's words can have several lines.
        Wrong::at(&bytes[..at], error.message().replace('\n', ", "))
    })
}

/// Where a file goes wrong, and how.
#[derive(Debug)]
pub(crate) struct Wrong {
    pub(crate) line: usize,
    /// In characters, from 1.
    pub(crate) column: usize,
    pub(crate) what: String,
}

impl Wrong {
    /// Behind the bytes `before`.
    pub(crate) fn at(before: &[u8], what: String) -> Self {
        let lines: Vec<&[u8]> = before.split(|&byte| byte == b'\n').collect();
        let last = String::from_utf8_lossy(lines.last().copied().unwrap_or_default());
        Self {
            line: lines.len(),
            column: 1 + last.chars().count(),
            what,
        }
    }
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { line, column, what } = self;
        write!(f, "{line}:{column}: {what}")
    }
}
