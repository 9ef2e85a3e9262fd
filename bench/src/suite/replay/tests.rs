use super::*;

fn config() -> ReplayConfig {
    let capture = Capture::builtin("vtd-first-stage-nvme-strict");
    ReplayConfig {
        on: GuestsOn::Model,
        vendor: None,
        captures: vec![capture.expect("it is built in")],
        policies: vec![Policy::Single, Policy::Array],
        vcpus: vec![1, 2],
        rates: vec![Load::Percent(50.0), Load::PerSecond(2000.0)],
        time: Duration::from_millis(40),
    }
}

#[test]
fn every_load_of_every_policy_is_a_point_in_order() {
    let points = replay(&config(), &AtomicBool::new(false), |_, _| {}).expect("it runs");
    let places: Vec<_> = points
        .iter()
        .map(|point| format!("{} {} {}", point.vcpus, point.policy.name(), point.load))
        .collect();
    let of = |vcpus| {
        ["single", "array"].iter().flat_map(move |policy| {
            ["closed", "50%", "2000/s"].map(|load| format!("{vcpus} {policy} {load}"))
        })
    };
    assert_eq!(places, of(1).chain(of(2)).collect::<Vec<_>>());
    for point in &points {
        let is_closed = point.load == Load::Closed;
        assert_eq!(point.response.is_none(), is_closed);
        assert!(!point.service.is_empty() && point.requests > 0, "{point:?}");
        let file = point.point();
        assert_eq!(file.latencies.contains_key("response_latency"), !is_closed);
        assert_eq!(file.value("entries_per_s").is_some(), is_closed);
        assert!(file.check().is_ok());
    }
    let half = points[1].offered.expect("an open loop");
    assert!((half / points[0].entries_per_s() - 0.5).abs() < 1e-9);
}

#[test]
fn at_more_than_it_can_do_a_guest_waits_longer_than_its_syncs_take() {
    let config = ReplayConfig {
        vcpus: vec![1],
        policies: vec![Policy::Array],
        // Not a part of the closed loop's, which another process may have slowed down.
        rates: vec![Load::PerSecond(RATE_MAX)],
        ..config()
    };
    let points = replay(&config, &AtomicBool::new(false), |_, _| {}).expect("it runs");
    let flood = &points[1];
    let response = flood.response.as_ref().expect("an open loop");
    assert!(response.value_at_quantile(0.5) > 10 * flood.service.value_at_quantile(0.5));
    assert!(flood.not_started > Some(0));
}

#[test]
fn a_stopped_replay_keeps_whole_points_only() {
    let points = replay(&config(), &AtomicBool::new(true), |_, _| {}).expect("it stops");
    assert!(points.is_empty());
}

#[test]
fn a_stream_of_another_vendor_is_refused() {
    let config = ReplayConfig {
        vendor: Some(Vendor::SmmuV3),
        ..config()
    };
    let error = replay(&config, &AtomicBool::new(false), |_, _| {}).expect_err("VT-d");
    assert!(!error.is_the_machines());
    let said = error.to_string();
    assert!(
        said.starts_with("vtd-first-stage-nvme-strict: a stream of vtd commands"),
        "{said}"
    );
}

#[test]
fn a_rate_is_a_number_or_a_percentage() {
    assert_eq!("50%".parse(), Ok(Load::Percent(50.0)));
    assert_eq!("20000".parse(), Ok(Load::PerSecond(20_000.0)));
    for load in [Load::Percent(12.5), Load::PerSecond(1e6)] {
        assert_eq!(load.to_string().parse(), Ok(load));
    }
    for wrong in [
        "", "%", "0", "0%", "-1", "nan", "inf", "1001%", "1e9", "closed",
    ] {
        let refused = wrong.parse::<Load>();
        assert!(
            refused.is_err_and(|why| why.contains("is no rate")),
            "{wrong:?}"
        );
    }
}
