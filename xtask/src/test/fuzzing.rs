//! The fuzz targets as tests: each counts as one.

use crate::fuzz::{self, Fuzzer, Outcome};
use crate::repo::Repo;
use crate::setup::Install;

use super::{Step, libtest::Counts};

/// Of the inputs: a fresh checkout is to be judged alike wherever it is. `cargo xtask fuzz` goes on with new ones.
const SEED: u32 = 1;

/// Runs every target for its time. What cannot be had here makes them skipped, what does not build failed.
pub(super) fn run(repo: &Repo, install: Install, counts: &mut Counts) {
    let step = Step::begin("fuzz");
    let own = count(repo, install);
    step.end(&own);
    counts.add(&own);
}

fn count(repo: &Repo, install: Install) -> Counts {
    let targets = match fuzz::targets(repo) {
        Ok(targets) => targets,
        Err(error) => return broken(&error),
    };
    let fuzzer = match Fuzzer::set_up(repo, install) {
        Ok(fuzzer) => fuzzer,
        Err(why) => {
            for target in &targets {
                println!("skipped fuzz target {target}, because {why:#}");
            }
            return Counts {
                skipped: targets.len(),
                ..Counts::default()
            };
        }
    };
    let outcome = fuzzer
        .build()
        .and_then(|()| fuzzer.run(&targets, fuzz::SECONDS, Some(SEED)));
    match outcome {
        Ok(Outcome { passed, failed }) => Counts {
            passed,
            failed,
            skipped: 0,
        },
        Err(error) => broken(&error),
    }
}

/// One failure, whatever the number of targets.
fn broken(error: &anyhow::Error) -> Counts {
    println!("{error:#}");
    Counts {
        failed: 1,
        ..Counts::default()
    }
}
