use super::*;

fn config() -> ScalingConfig {
    ScalingConfig {
        on: GuestsOn::Model,
        vendor: None,
        instances: vec![1, 2],
        producers: vec![1, 3],
        batch: 8,
        policy: Policy::Array,
        time: Duration::from_millis(40),
    }
}

#[test]
fn every_number_of_instances_is_measured_with_every_number_of_producers() {
    let points = scaling(&config(), &AtomicBool::new(false), |_, _, _| {}).expect("it runs");
    let grid: Vec<_> = points
        .iter()
        .map(|point| (point.instances, point.producers))
        .collect();
    assert_eq!(grid, [(1, 1), (1, 3), (2, 1), (2, 3)]);
    for point in &points {
        assert_eq!(point.queues, usize::from(point.instances));
        // What the vCPUs did is what was counted of the requests, and of the hardware.
        assert_eq!(point.entries, point.guest_entries);
        assert_eq!(point.commands, Some(point.entries));
        assert_eq!(point.sync_latency.len() * 8, point.entries);
        assert_eq!(point.efficiency.is_none(), point.all() == 1);
        let file = point.point();
        assert!(file.check().is_ok());
        assert!(file.value("entries_per_s") > Some(0.0));
    }
    let each = points[3].per_s_each().expect("measured");
    let all = points[3].per_s.expect("measured").median;
    assert!((each * 6.0 - all).abs() < 1e-6 * all);
}

#[test]
fn too_many_producers_are_refused_before_anything_runs() {
    let config = ScalingConfig {
        instances: vec![1, 8],
        producers: vec![33],
        ..config()
    };
    let error = scaling(&config, &AtomicBool::new(false), |_, _, _| unreachable!());
    let error = error.expect_err("264 threads");
    assert!(!error.is_the_machines());
    assert!(
        error.to_string().starts_with("8 instances with 33"),
        "{error}"
    );
}

#[test]
fn a_stopped_suite_keeps_whole_points_only() {
    let points = scaling(&config(), &AtomicBool::new(true), |_, _, _| {}).expect("it stops");
    assert!(points.is_empty());
}

#[test]
fn as_many_as_there_are_cpus_are_the_default() {
    assert_eq!(up_to_the_cpus(1), [1, 2]);
    assert_eq!(up_to_the_cpus(6), [1, 2, 4]);
    assert_eq!(up_to_the_cpus(128), [1, 2, 4, 8]);
}
