//! CHANGELOG.md as release notes and as a Debian changelog.

use anyhow::{Result, bail};
use std::fmt::Write as _;

/// The newest section.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Changelog<'a> {
    /// `Unreleased`, or `0.2.0 - 2027-01-31`.
    title: &'a str,
    /// Below the title, without empty lines around it.
    text: &'a str,
}

impl<'a> Changelog<'a> {
    /// The newest section of a changelog in the form of Keep a Changelog.
    pub(super) fn parse(text: &'a str) -> Result<Self> {
        let Some((_, newest)) = text.split_once("\n## ") else {
            bail!("CHANGELOG.md has no section: a line that begins with `## `");
        };
        let (title, rest) = newest.split_once('\n').unwrap_or((newest, ""));
        let text = rest.split("\n## ").next().unwrap_or_default().trim();
        if text.is_empty() {
            bail!("CHANGELOG.md has nothing under `## {title}`");
        }
        Ok(Self {
            title: title.trim(),
            text,
        })
    }

    /// For the page of a release.
    pub(super) fn notes(&self) -> String {
        format!(
            "# hwptop {}: {}\n\n{}\n",
            env!("CARGO_PKG_VERSION"),
            self.title,
            self.text
        )
    }

    /// As deb-changelog(5) wants it, by `date` (RFC 5322). The authors have no common address.
    pub(super) fn debian(&self, date: &str) -> String {
        let mut debian = format!(
            "hwptop ({}-1) unstable; urgency=medium\n",
            env!("CARGO_PKG_VERSION")
        );
        for line in self.text.lines() {
            let line = line.replace("**", "");
            let line = line.trim_end();
            if let Some(kind) = line.strip_prefix("### ") {
                let _ = write!(debian, "\n  [ {kind} ]\n");
            } else if let Some(first) = line.strip_prefix("- ") {
                let _ = writeln!(debian, "  * {first}");
            } else if !line.is_empty() {
                let _ = writeln!(debian, "    {}", line.trim_start());
            }
        }
        let _ = write!(debian, "\n -- the hwptop authors <>  {date}\n");
        debian
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# Changelog\n\nWords.\n\n## Unreleased\n\n### Added\n\n- **One**: a\n  thing.\n\n### Changed\n\n- Two.\n\n## 0.0.1\n\n- Old.\n";

    #[test]
    fn the_newest_section_is_released() {
        let newest = Changelog::parse(TEXT).expect("it has one");
        assert_eq!(newest.title, "Unreleased");
        assert!(newest.notes().ends_with("- Two.\n"), "{}", newest.notes());
        assert!(Changelog::parse("# Changelog\n").is_err());
        assert!(Changelog::parse("# Changelog\n\n## Unreleased\n\n## 1\n\n- x\n").is_err());
    }

    #[test]
    fn debian_has_its_version_items_and_date() {
        let version = env!("CARGO_PKG_VERSION");
        let debian = Changelog::parse(TEXT)
            .expect("it has one")
            .debian("Mon, 23 Nov 2026 15:00:00 +0000");
        let expected = format!(
            "hwptop ({version}-1) unstable; urgency=medium\n\n  [ Added ]\n  * One: a\n    thing.\n\n  [ Changed ]\n  * Two.\n\n \
             -- the hwptop authors <>  Mon, 23 Nov 2026 15:00:00 +0000\n"
        );
        assert_eq!(debian, expected);
    }
}
