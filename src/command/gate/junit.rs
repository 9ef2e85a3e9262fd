use hwptop_bench::{
    compare::Verdict,
    gate::{Doubt, JudgedRow, Outcome},
};
use quick_junit::{NonSuccessKind, Report, SerializeError, TestCase, TestCaseStatus, TestSuite};

use crate::command::compare::percent;

/// A test case of each metric: what could not be told is skipped, and so is nothing that fails the
/// gate; what could not be compared is an error.
pub(super) fn report(suite: &str, outcome: &Outcome) -> Result<String, SerializeError> {
    let mut cases = TestSuite::new(format!("hwptop gate {suite}"));
    cases.set_time(outcome.elapsed);
    for row in &outcome.judged.rows {
        cases.add_test_case(case(suite, row));
    }
    for doubt in &outcome.judged.doubts {
        cases.add_test_case(error(suite, doubt));
    }
    let mut report = Report::new("hwptop gate");
    report.set_time(outcome.elapsed).add_test_suite(cases);
    report.to_string()
}

/// What could not be compared, which is no metric's failure and nobody's success.
fn error(suite: &str, doubt: &Doubt) -> TestCase {
    let name = match doubt {
        Doubt::Dropped { .. } => "every process ends".to_owned(),
        Doubt::OnlyBase(key) | Doubt::OnlyNew(key) => key.to_string(),
    };
    let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
    status.set_message(doubt.to_string());
    let mut case = TestCase::new(name, status);
    case.set_classname(format!("hwptop.{suite}"));
    case
}

fn case(suite: &str, row: &JudgedRow) -> TestCase {
    let said = said(row);
    let status = match (row.verdict, row.counts()) {
        (Verdict::Fail, true) => {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
            status.set_message(said.clone());
            status
        }
        (Verdict::Indeterminate, true) => {
            let mut status = TestCaseStatus::skipped();
            status.set_message(said.clone());
            status
        }
        (Verdict::Pass, _) | (_, false) => TestCaseStatus::success(),
    };
    let mut case = TestCase::new(row.row.key.to_string(), status);
    case.set_classname(format!("hwptop.{suite}"))
        .set_system_out(said);
    case
}

/// A metric and its verdict, in a line.
pub(super) fn said(row: &JudgedRow) -> String {
    let ratio = match &row.row.ratio {
        Ok(of) => format!("new / base {:.4} [{:.4}, {:.4}]", of.value, of.low, of.high),
        Err(why) => why.to_string(),
    };
    format!(
        "{}: {ratio}, floor {} %, p {:.4}",
        row.verdict.name(),
        percent(row.floor),
        row.row.p_adjusted
    )
}
