//! The Debian package as a test: each thing that is done with it in a clean Debian counts as one.

use crate::package::{self, Outcome};
use crate::repo::Repo;
use crate::setup::Install;

use super::{checked, libtest::Counts};

/// Makes the package of the dev build, installs it, uses it and removes it.
pub(super) fn run(repo: &Repo, install: Install, counts: &mut Counts) {
    checked(
        counts,
        "package --check",
        || package::check(repo, install),
        of,
    );
}

fn of(outcome: &Outcome) -> Counts {
    match outcome {
        &Outcome::Held(passed) => Counts {
            passed,
            ..Counts::default()
        },
        Outcome::Skipped(_) => Counts {
            skipped: 1,
            ..Counts::default()
        },
    }
}
