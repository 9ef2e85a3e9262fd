//! The fuzz targets as tests: each counts as one.

use crate::fuzz::{self, Fuzzer};
use crate::repo::Repo;
use crate::setup::Install;

use super::libtest::Counts;

/// Of the inputs: a fresh checkout is to be judged alike wherever it is. `cargo xtask fuzz` goes on with new ones.
const SEED: u32 = 1;

/// What runs every target for its time, once what that needs is installed; nothing where it cannot be had here, which
/// makes the targets skipped.
pub(super) fn arguments(repo: &Repo, install: Install, counts: &mut Counts) -> Option<Vec<String>> {
    let Err(why) = Fuzzer::set_up(repo, install) else {
        return Some(vec!["fuzz".into(), "--seed".into(), SEED.to_string()]);
    };
    match fuzz::targets(repo) {
        Ok(targets) => {
            for target in &targets {
                println!("skipped fuzz target {target}, because {why:#}");
            }
            counts.skipped += targets.len();
        }
        Err(error) => {
            println!("{error:#}");
            counts.failed += 1;
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::super::libtest::Reader;
    use crate::fuzz::Outcome;

    #[test]
    fn what_the_targets_come_to_is_counted_from_what_is_printed() {
        for (passed, failed) in [(3, 0), (1, 2)] {
            let outcome = Outcome { passed, failed };
            let mut reader = Reader::default();
            reader.feed(format!("running 3 tests\nfuzz vtd: 60 s\n{outcome}\n").as_bytes());
            let counts = reader.finish().counts;
            assert_eq!((counts.passed, counts.failed), (passed, failed));
        }
    }
}
