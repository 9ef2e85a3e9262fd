use hwptop_abi::{InstanceArg, Stage, Vendor};
use hwptop_agent::Source as _;

use super::*;

fn config(name: &str, instances: u16) -> FleetConfig {
    FleetConfig {
        captures: vec![Capture::builtin(name).expect("a built-in capture")],
        instances,
        passes: Some(1),
        policy: Policy::default(),
        pace: Pace::Max,
        recorder: None,
    }
}

fn wait_for_end(fleet: &Fleet) {
    let start = Instant::now();
    while fleet.ended_at().is_none() {
        assert!(start.elapsed() < Duration::from_mins(1), "the replay hangs");
        thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn in_process_counts_equal_the_drivers_own() {
    let instances: Vec<_> = (0..2)
        .map(|n| InstanceArg::new(n, Vendor::Vtd, true))
        .collect();
    let mut recorder = Recorder::new(&instances, Duration::from_secs(1));
    let mut config = config("vtd-first-stage-nvme-strict", 2);
    config.recorder = Some(recorder.clone());
    let fleet = Fleet::start(&config).expect("the fleet starts");
    wait_for_end(&fleet);
    let totals = recorder.read().expect("memory can be read");
    for (number, instance) in totals.instances.iter().enumerate() {
        let counts = fleet.counts(number).expect("the instance is there");
        assert_eq!(counts.waits, 17_617);
        assert_eq!(instance.guest.waits, counts.waits);
        assert_eq!(instance.guest.descriptors, counts.consumed());
        assert_eq!(instance.stage(Stage::Request).0.seen, counts.requests);
        assert_eq!(instance.stage(Stage::Request).0.items, counts.entries);
        assert_eq!(instance.stage(Stage::Submission).0.seen, counts.submissions);
        assert_eq!(instance.stage(Stage::Submission).0.items, counts.commands);
    }
}

#[test]
fn the_captured_pace_is_kept() {
    let mut config = config("vtd-first-stage-nvme-buffered-lazy", 1);
    config.pace = Pace::Captured(5.0);
    let captured = config.captures[0].commands();
    let least: Duration = captured
        .windows(2)
        .map(|pair| pair[1].at().saturating_sub(pair[0].at()))
        .map(|gap| gap.min(IDLE_GAP).div_f64(5.0))
        .sum();
    let start = Instant::now();
    let fleet = Fleet::start(&config).expect("the fleet starts");
    wait_for_end(&fleet);
    assert!(
        least > Duration::from_millis(50),
        "{least:?} is too short to tell"
    );
    // The last doorbell is due when its first command was captured.
    assert!(
        start.elapsed() >= least.mul_f64(0.9),
        "{:?} of {least:?}",
        start.elapsed()
    );
}

#[test]
fn a_stopped_fleet_ends_in_the_middle_of_a_wait() {
    let mut config = config("vtd-first-stage-nvme-buffered-lazy", 1);
    config.pace = Pace::Captured(0.001);
    let mut fleet = Fleet::start(&config).expect("the fleet starts");
    fleet.stop();
    assert!(fleet.ended_at().is_some());
}

#[test]
fn without_a_capture_there_is_no_fleet() {
    let config = FleetConfig {
        captures: Vec::new(),
        ..config("vtd-first-stage-nvme-strict", 1)
    };
    assert!(matches!(Fleet::start(&config), Err(FleetError::NoCapture)));
}

#[test]
fn every_capture_needs_an_instance() {
    let mut config = config("vtd-first-stage-nvme-buffered-lazy", 1);
    config.captures.push(config.captures[0].clone());
    let error = Fleet::start(&config).expect_err("one is too many");
    assert!(error.to_string().contains("instances=2"), "{error}");
    assert!(!error.is_the_machines());
}

#[test]
fn a_guest_that_panicked_has_ended_and_is_told() {
    let thread = thread::spawn(|| panic!("as this test wants it"));
    let start = Instant::now();
    while !thread.is_finished() {
        assert!(start.elapsed() < Duration::from_mins(1), "it never panics");
    }
    let fleet = Fleet {
        guests: vec![Running {
            capture: "x.csv".to_owned(),
            counters: Arc::new(Counters::new(Vendor::Vtd)),
            ending: Arc::default(),
            thread: Some(thread),
        }],
        stop: Arc::default(),
        vendors: BTreeSet::new(),
    };
    assert!(fleet.ended_at().is_some());
    let told = fleet.failure(0).expect("a panic is a failure");
    assert_eq!(told, "x.csv: the guest's thread panicked");
}
