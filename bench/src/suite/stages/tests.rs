use super::*;

fn config() -> StagesConfig {
    StagesConfig {
        on: GuestsOn::Model,
        vendor: None,
        instances: 2,
        sizes: "1,32".parse().expect("they ascend"),
        time: Duration::from_millis(20),
    }
}

#[test]
fn a_point_has_its_parts_as_sums_shares_and_means() {
    let mut activity = hwptop_agent::snapshot::Activity::default();
    activity.request.seen = 4;
    activity.request.recorded = 4;
    activity.request.total_ns = 4000;
    activity.submission.seen = 8;
    activity.submission.recorded = 8;
    activity.submission.total_ns = 3000;
    let point = StagePoint {
        instance: "dmar0".to_owned(),
        batch: 32,
        elapsed: Duration::from_micros(5),
        sums: Sums::of(&activity),
        activity,
        steadiness: None,
    };
    let file = point.point();
    assert!(file.check().is_ok());
    let figures = ["request_time", "submission_time", "unattributed_time"];
    assert_eq!(
        figures.map(|name| file.value(name)),
        [4000.0, 3000.0, 1000.0].map(Some)
    );
    assert_eq!(file.value("submission_share"), Some(0.75));
    assert_eq!(file.value("unattributed_ns_per_request"), Some(250.0));
    // What nothing times is absent.
    let driver_op = |name: &&String| name.starts_with("driver_op");
    assert_eq!(file.figures.keys().find(driver_op), None);
    assert_eq!(file.value("submissions"), Some(8.0));
}

#[test]
fn a_split_is_of_what_is_timed_only() {
    let activity = |request: u64, driver_op: Option<u64>, submission: Option<u64>| {
        let mut activity = hwptop_agent::snapshot::Activity::default();
        activity.request.total_ns = request;
        for (stage, ns) in [
            (&mut activity.driver_op, driver_op),
            (&mut activity.submission, submission),
        ] {
            stage.recorded = u64::from(ns.is_some());
            stage.total_ns = ns.unwrap_or(0);
        }
        Sums::of(&activity).parts().map(|(_, ns)| ns)
    };
    assert_eq!(
        activity(100, Some(90), Some(60)),
        [Some(30), Some(60), Some(10)]
    );
    assert_eq!(activity(100, Some(90), None), [Some(90), None, Some(10)]);
    assert_eq!(activity(100, None, Some(60)), [None, Some(60), Some(40)]);
    assert_eq!(activity(100, None, None), [None; 3]);
}

#[test]
fn a_part_that_is_longer_than_its_whole_is_cut_and_said_to_be() {
    let mut activity = hwptop_agent::snapshot::Activity::default();
    activity.request.total_ns = 50;
    activity.driver_op.recorded = 1;
    activity.driver_op.total_ns = 70;
    let sums = Sums::of(&activity);
    assert_eq!((sums.unattributed_ns, sums.clamped), (Some(0), true));
}

#[test]
fn a_stopped_suite_keeps_whole_points_only() {
    let stages = stages(&config(), &AtomicBool::new(true), |_, _| {}).expect("it stops");
    assert!(stages.points.is_empty());
}
