//! The project's own speed as a test: it counts as one.

use crate::perf::{self, Outcome};
use crate::repo::Repo;
use crate::setup::Install;

use super::{checked, libtest::Counts};

/// Counts instructions and holds them against the stored counts.
pub(super) fn run(repo: &Repo, install: Install, counts: &mut Counts) {
    checked(counts, "perf", || perf::check(repo, install), of);
}

fn of(outcome: &Outcome) -> Counts {
    let is = |holds: bool| usize::from(holds);
    Counts {
        passed: is(matches!(outcome, Outcome::Held)),
        failed: is(matches!(outcome, Outcome::Worse(_))),
        skipped: is(matches!(outcome, Outcome::Skipped(_))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_told_is_skipped_and_not_passed() {
        let counted = |outcome| of(&outcome).to_string();
        assert_eq!(counted(Outcome::Held), "1 passed, 0 failed, 0 skipped");
        assert_eq!(counted(Outcome::Worse(3)), "0 passed, 1 failed, 0 skipped");
        let skipped = Outcome::Skipped("rustc differs".to_owned());
        assert_eq!(counted(skipped), "0 passed, 0 failed, 1 skipped");
    }
}
