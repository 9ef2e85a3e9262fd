//! The hwptop whose instructions are counted.

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::env;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use super::valgrind;
use crate::process;
use crate::repo::Repo;

/// Environment variables that change what cargo builds, and that its own messages do not tell of.
const STEER: [&str; 4] = [
    "RUSTFLAGS",
    "CARGO_ENCODED_RUSTFLAGS",
    "CARGO_BUILD_RUSTFLAGS",
    "CARGO_INCREMENTAL",
];

/// A binary, and what else its counts depend on.
pub(super) struct Binary {
    path: PathBuf,
    /// As cargo calls it: 0 to 2, or a word.
    debuginfo: String,
    /// Compiler, profile, C library, valgrind and the processor that it simulates.
    pub(super) settings: BTreeMap<String, String>,
}

/// One of cargo's messages: something was built.
#[derive(Deserialize)]
struct Artifact {
    target: Target,
    profile: Profile,
    executable: Option<PathBuf>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
    kind: Vec<String>,
}

#[derive(Deserialize)]
struct Profile {
    opt_level: String,
    debuginfo: serde_json::Value,
    debug_assertions: bool,
    overflow_checks: bool,
    test: bool,
}

impl Binary {
    /// That of the workspace's tests: after them there is nothing left to build.
    ///
    /// # Errors
    /// Where it cannot be built, or what it was built with cannot be told.
    pub(super) fn build(repo: &Repo) -> Result<Self> {
        let mut build = process::cargo();
        build
            .args(["test", "--workspace", "--no-run", "--quiet"])
            .arg("--message-format=json-render-diagnostics")
            .current_dir(repo.root())
            .stderr(Stdio::inherit());
        let messages = process::output(&mut build, "mend what is shown above")?;
        let (path, profile) = executable(&messages).context("cargo names no hwptop")?;
        let debuginfo = profile.debuginfo.to_string().replace('"', "");
        let libc = process::output(Command::new("getconf").arg("GNU_LIBC_VERSION"), "");
        let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
        let mut settings: BTreeMap<_, _> = [
            (
                "rustc",
                process::output(Command::new(rustc).arg("--version"), "cargo has one")?,
            ),
            (
                "profile",
                format!(
                    "dev: opt-level {}, debuginfo {debuginfo}, debug-assertions {}, overflow-checks {}",
                    profile.opt_level, profile.debug_assertions, profile.overflow_checks
                ),
            ),
            ("libc", libc.unwrap_or_else(|_| "unknown".into())),
            ("valgrind", valgrind::version()?),
            ("processor", processor()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into();
        settings.extend(STEER.into_iter().filter_map(|name| {
            let value = env::var(name).ok()?;
            (!value.is_empty()).then(|| (name.to_owned(), value.replace('\x1f', " ")))
        }));
        if !path.is_file() {
            bail!("cargo has built no {}", path.display());
        }
        Ok(Self {
            path,
            debuginfo,
            settings,
        })
    }

    /// Where its counts are stored. Debug information changes code that is not optimised, and people and CI differ in
    /// whether they have it.
    pub(super) fn baseline(&self, repo: &Repo) -> PathBuf {
        let name = format!("instructions.debuginfo-{}.json", self.debuginfo);
        repo.path("bench/baselines").join(name)
    }

    /// A command line of it, in the checkout.
    pub(super) fn command(&self, repo: &Repo) -> Command {
        let mut command = Command::new(&self.path);
        command.current_dir(repo.root());
        command
    }
}

/// The program `hwptop` among what cargo has built; not its unit tests, which are a program too.
fn executable(messages: &str) -> Option<(PathBuf, Profile)> {
    messages.lines().find_map(|line| {
        let artifact: Artifact = serde_json::from_str(line).ok()?;
        let Target { name, kind } = &artifact.target;
        let is_it = name == "hwptop" && kind.iter().any(|kind| kind == "bin");
        let path = artifact.executable?;
        (is_it && !artifact.profile.test).then_some((path, artifact.profile))
    })
}

/// The processor as programs see it under valgrind, which has one for each set of vector instructions (its
/// `guest_amd64_helpers.c`); the C library and others choose their routines by it.
fn processor() -> String {
    #[cfg(target_arch = "x86_64")]
    let vectors = if is_x86_feature_detected!("avx2") {
        " with AVX2"
    } else if is_x86_feature_detected!("avx") {
        " with AVX"
    } else {
        ""
    };
    #[cfg(not(target_arch = "x86_64"))]
    let vectors = "";
    format!("{}{vectors}", env::consts::ARCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_is_told_from_its_tests_and_from_libraries() {
        let artifact = |kind: &str, name: &str, test: bool, path: &str| {
            serde_json::json!({
                "reason": "compiler-artifact",
                "target": { "name": name, "kind": [kind] },
                "profile": {
                    "opt_level": "0", "debuginfo": 2, "debug_assertions": true,
                    "overflow_checks": true, "test": test,
                },
                "executable": path,
            })
        };
        let messages = [
            artifact("lib", "hwptop", false, "/a"),
            artifact("bin", "hwptop", true, "/b"),
            serde_json::json!({ "reason": "build-finished", "success": true }),
            artifact("bin", "other", false, "/c"),
            artifact("bin", "hwptop", false, "/d"),
        ];
        let lines = messages.map(|message| message.to_string()).join("\n");
        let (path, profile) = executable(&lines).expect("it is there");
        assert_eq!(path, PathBuf::from("/d"));
        assert_eq!(profile.debuginfo, 2);
        assert!(executable("no JSON").is_none());
    }
}
