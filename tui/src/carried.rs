//! What the ends of a stage carried and failed with, in a line each.

use hwptop_agent::snapshot::{Stage, StageActivity, errno_name};

use crate::figure;

/// The stages that are told: a driver op has the batches and the errors of its request, and what is
/// left of a request has none.
pub(crate) const STAGES: [Stage; 3] = [Stage::Request, Stage::Submission, Stage::HostSubmission];

/// `entries per request: p50 16, p99 64, max 1024`; `None` where nothing was counted.
pub(crate) fn batches(stage: Stage, did: &StageActivity) -> Option<String> {
    let sizes = &did.batches;
    let [half, most, largest] = [
        sizes.at_quantile(0.5)?,
        sizes.at_quantile(0.99)?,
        sizes.largest()?,
    ];
    let what = what(stage);
    Some(format!("{what}: p50 {half}, p99 {most}, max {largest}"))
}

/// `entries per request`.
pub(crate) fn what(stage: Stage) -> String {
    let items = match stage {
        Stage::Request | Stage::DriverOp | Stage::Unattributed => "entries",
        Stage::Submission | Stage::HostSubmission => "commands",
    };
    format!("{items} per {}", stage.name())
}

/// `failed, request: EIO 3, ETIMEDOUT 1`; `None` where nothing failed.
pub(crate) fn errors(stage: Stage, did: &StageActivity) -> Option<String> {
    if did.error_codes.is_empty() {
        return None;
    }
    let codes = did.error_codes.iter().map(|(errno, count)| {
        let name = match (errno, errno_name(errno)) {
            (_, Some(name)) => name.to_owned(),
            (0, None) => "others".to_owned(),
            (errno, None) => format!("errno {errno}"),
        };
        format!("{name} {}", figure::count(count))
    });
    let codes: Vec<String> = codes.collect();
    Some(format!("failed, {}: {}", stage.name(), codes.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_are_told_by_the_stages_own_word_for_an_item() {
        let did = StageActivity {
            batches: [(1, 98), (16, 1), (1024, 1)].into_iter().collect(),
            ..StageActivity::default()
        };
        assert_eq!(
            batches(Stage::Request, &did).unwrap(),
            "entries per request: p50 1, p99 16, max 1024"
        );
        assert_eq!(
            batches(Stage::HostSubmission, &did).unwrap(),
            "commands per host submission: p50 1, p99 16, max 1024"
        );
        assert_eq!(batches(Stage::Request, &StageActivity::default()), None);
    }

    #[test]
    fn errors_are_told_by_name_where_they_have_one() {
        let did = StageActivity {
            error_codes: [(5, 3), (107, 1), (524, 20_000)].into_iter().collect(),
            ..StageActivity::default()
        };
        assert_eq!(
            errors(Stage::Submission, &did).unwrap(),
            "failed, submission: others 20.0k, EIO 3, errno 107 1"
        );
        assert_eq!(errors(Stage::Submission, &StageActivity::default()), None);
    }
}
