use super::*;

fn read(output: &str) -> Results {
    let mut reader = Reader::default();
    reader.feed(output.as_bytes());
    reader.finish()
}

fn counts(passed: usize, failed: usize, skipped: usize) -> Counts {
    Counts {
        passed,
        failed,
        skipped,
    }
}

const TWO_BINARIES: &str = "
running 3 tests
test a::one ... ok
test a::two ... ignored, needs root: loads eBPF
test a::three ... FAILED

failures:

---- a::three stdout ----
assertion failed: got `test result: ok. 9 passed`

failures:
    a::three

test result: FAILED. 1 passed; 1 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.01s


running 1 test
test src/lib.rs - Bucket (line 3) ... ok

test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 2 filtered out; finished in 0.30s

";

#[test]
fn the_results_of_all_binaries_are_summed() {
    assert_eq!(read(TWO_BINARIES).counts, counts(2, 1, 1));
}

#[test]
fn output_may_be_cut_anywhere() {
    for length in 1..40 {
        let mut reader = Reader::default();
        TWO_BINARIES
            .as_bytes()
            .chunks(length)
            .for_each(|chunk| reader.feed(chunk));
        assert_eq!(reader.finish().counts, counts(2, 1, 1));
    }
}

#[test]
fn an_ignored_test_keeps_its_name_and_reason() {
    let results = read("test a::b ... ignored, needs root: x, y\ntest c ... ignored\n");
    let reasons: Vec<_> = results
        .ignored
        .iter()
        .map(|test| (test.name.as_str(), test.reason.as_str()))
        .collect();
    assert_eq!(reasons, [("a::b", "needs root: x, y"), ("c", "")]);
    assert_eq!(results.ignored[1].why(), "it is ignored without a reason");
}

#[test]
fn a_binary_that_dies_without_a_result_is_one_failure() {
    let dead = "running 2 tests\ntest a ... ok\n";
    assert_eq!(read(dead).counts, counts(0, 1, 0));
    assert_eq!(
        read(&format!("{dead}{TWO_BINARIES}")).counts,
        counts(2, 2, 1)
    );
}

#[test]
fn a_result_behind_foreign_output_without_a_line_end_counts() {
    let output = "running 1 test\nhello from a childtest result: ok. 1 passed; 0 failed; 0 ignored; 0 measured";
    assert_eq!(read(output).counts, counts(1, 0, 0));
}

#[test]
fn a_result_that_no_binary_announced_does_not_count() {
    let output = "test result: ok. 5 passed; 0 failed; 0 ignored; 0 measured\n";
    assert_eq!(read(output).counts, counts(0, 0, 0));
    assert_eq!(
        read("running late\nrunning some tests\n").counts,
        counts(0, 0, 0)
    );
}

#[test]
fn a_malformed_result_is_no_result() {
    for line in [
        "test result: maybe. 1 passed; 0 failed; 0 ignored",
        "test result: ok. one passed; 0 failed; 0 ignored",
        "test result: ok. 1 passed; 0 ignored; 0 failed",
        "test result: ok.",
    ] {
        assert_eq!(parse_result(line), None, "{line}");
    }
}

#[test]
fn the_sum_is_one_line_in_a_fixed_form() {
    assert_eq!(
        counts(41, 0, 2).to_string(),
        "41 passed, 0 failed, 2 skipped"
    );
}
