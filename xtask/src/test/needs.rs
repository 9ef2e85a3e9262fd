//! What a test may need that is not everywhere, and whether it is at hand.

use std::collections::BTreeMap;

use crate::lab;
use crate::process;
use crate::python;
use crate::repo::Repo;
use crate::setup::Install;
use crate::uapi;

use super::privilege;

/// Whether something is at hand, or the end of a sentence that says why not.
type Check = fn(&Repo, Install) -> Result<(), String>;

/// What a test may need, as its `#[ignore = "needs root: loads eBPF"]` begins.
const NEEDS: [(&str, Check); 12] = [
    ("needs root", |_, _| privilege::check()),
    ("needs hardware counters", |_, _| {
        privilege::hardware_counters()
    }),
    ("needs Python's hdrhistogram", python),
    ("needs Python's OpenTelemetry", python),
    ("needs Python's jsonschema", python),
    ("needs Python's Grafana types", python),
    ("needs man", |_, _| packaged("man", "man-db")),
    ("needs promtool", |_, _| packaged("promtool", "prometheus")),
    ("needs prometheus", |_, _| {
        packaged("prometheus", "prometheus")
    }),
    ("needs chromium", |_, _| packaged("chromium", "chromium")),
    ("needs systemd-analyze", |_, _| {
        packaged("systemd-analyze", "systemd")
    }),
    ("needs the uAPI header", |repo, install| {
        uapi::include(repo, install)
            .map(|_| ())
            .map_err(|error| format!("{error:#}"))
    }),
];

fn python(repo: &Repo, install: Install) -> Result<(), String> {
    python::interpreter(repo, install)
        .map(|_| ())
        .map_err(|error| format!("{error:#}"))
}

/// Not installed by itself: Debian's package `prometheus` starts a server, and `systemd` and
/// `man-db` are the machine's own business.
fn packaged(program: &str, package: &str) -> Result<(), String> {
    if process::in_path(program) {
        return Ok(());
    }
    Err(format!(
        "{program} is not in PATH: Debian's package {package} has it"
    ))
}

/// The same for a profile of the lab, as in `needs the lab x86-intel: boots it`.
const LAB: &str = "needs the lab ";

/// What was looked for, each once: a kernel may have to be built for it.
pub(super) struct Needs<'a> {
    repo: &'a Repo,
    install: Install,
    answers: BTreeMap<String, Result<(), String>>,
}

impl<'a> Needs<'a> {
    pub(super) fn new(repo: &'a Repo, install: Install) -> Self {
        Self {
            repo,
            install,
            answers: BTreeMap::new(),
        }
    }

    /// Whether what a test needs by its `reason` is at hand, or why not; nothing where the reason names no such thing.
    pub(super) fn check(&mut self, reason: &str) -> Option<Result<(), &str>> {
        if let Some(profile) = profile(reason) {
            return Some(self.lab(profile));
        }
        let &(need, check) = NEEDS.iter().find(|(need, _)| reason.starts_with(need))?;
        Some(self.answer(need, check))
    }

    /// Whether `profile` of the lab can be booted.
    ///
    /// # Errors
    /// The end of a sentence that says why not.
    pub(super) fn lab(&mut self, profile: &str) -> Result<(), &str> {
        self.answer(&format!("{LAB}{profile}"), |repo, install| {
            lab::ready(repo, profile, install)
        })
    }

    fn answer(
        &mut self,
        need: &str,
        check: impl FnOnce(&Repo, Install) -> Result<(), String>,
    ) -> Result<(), &str> {
        let answer = self
            .answers
            .entry(need.to_owned())
            .or_insert_with(|| check(self.repo, self.install));
        answer.as_ref().copied().map_err(String::as_str)
    }
}

/// Whether a test with this reason runs in a guest of the lab.
pub(super) fn is_of_the_lab(reason: &str) -> bool {
    profile(reason).is_some()
}

fn profile(reason: &str) -> Option<&str> {
    reason.strip_prefix(LAB)?.split(':').next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_is_named_up_to_the_colon() {
        assert_eq!(profile("needs the lab x86-amd: boots it"), Some("x86-amd"));
        assert_eq!(profile("needs the lab x86-amd"), Some("x86-amd"));
        assert_eq!(profile("needs the laboratory: no"), None);
        assert_eq!(profile("needs root: loads eBPF"), None);
        assert!(is_of_the_lab("needs the lab x86-amd") && !is_of_the_lab("needs root"));
    }
}
