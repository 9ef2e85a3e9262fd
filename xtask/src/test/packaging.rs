//! The Debian package as a test: each thing that is done with it in a clean Debian counts as one.

use crate::package::{self, Outcome};
use crate::repo::Repo;
use crate::setup::Install;

use super::{Step, libtest::Counts};

/// Makes the package of the dev build, installs it, uses it and removes it.
pub(super) fn run(repo: &Repo, install: Install, counts: &mut Counts) {
    let step = Step::begin("package --check");
    let own = match package::check(repo, install) {
        Ok(outcome) => {
            println!("{outcome}");
            of(&outcome)
        }
        Err(error) => {
            println!("{error:#}");
            Counts {
                failed: 1,
                ..Counts::default()
            }
        }
    };
    step.end(&own);
    counts.add(&own);
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
