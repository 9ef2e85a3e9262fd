//! `hwptop bench attach-cost` where it cannot run; where it can, the lab's tests call it.

use crate::run::{hwptop, unprivileged};

#[test]
fn where_the_kernel_may_not_be_watched_the_suite_says_why() {
    let run = unprivileged(&["bench", "attach-cost"]);
    assert_eq!(run.code, Some(3), "{}", run.stderr);
    assert!(run.stderr.contains("cannot be watched: "), "{}", run.stderr);
    assert_eq!(run.stdout, "");
}

#[test]
fn no_round_is_no_measurement() {
    let run = hwptop(&["bench", "attach-cost", "--rounds", "0"]);
    assert_eq!(run.code, Some(2), "{}", run.stderr);
    assert!(run.stderr.contains("--rounds"), "{}", run.stderr);
}
