use hwptop_driver::Policy;

use super::*;

const VTD: &str = "vtd-first-stage-nvme-buffered-lazy";

fn measured(capture: &str, stop: bool) -> Vec<PolicyPoint> {
    let config = PoliciesConfig {
        on: GuestsOn::Model,
        vendor: None,
        captures: vec![Capture::builtin(capture).expect("it is built in")],
        policies: Policy::ALL.to_vec(),
        time: Duration::from_millis(20),
    };
    let stop = AtomicBool::new(stop);
    policies(&config, &stop, |_, _, _| {}).expect("it runs")
}

#[test]
fn every_stream_is_measured_with_every_number_of_vcpus_under_every_policy() {
    let points = measured(VTD, false);
    // The capture, and the synthetic stream of its vendor.
    assert_eq!(points.len(), 2 * VCPUS.len() * Policy::ALL.len());
    for point in &points {
        let syncs = point.syncs;
        assert!(syncs > 0 && point.sync_latency.len() == syncs, "{point:?}");
        assert!(point.guest_commands > syncs && point.requests > 0);
    }
}

#[test]
fn unmapping_2_mib_page_by_page_is_one_entry_where_ranges_are_joined() {
    for point in measured(VTD, false) {
        if !point.stream.ends_with("unmap-2mib") || point.vcpus > 1 {
            continue;
        }
        let Delivery::Requests(policy) = point.delivery else {
            continue;
        };
        let (requests, entries) = match policy {
            Policy::Single => (512 * point.syncs, 512 * point.syncs),
            Policy::Array => (point.syncs, 512 * point.syncs),
            Policy::Coalesce(_) => (point.syncs, point.syncs),
        };
        assert_eq!((point.requests, point.entries), (requests, entries));
        if matches!(policy, Policy::Coalesce(_)) {
            assert_eq!(point.submissions, Some(point.syncs));
        }
    }
}

#[test]
fn a_stopped_suite_keeps_whole_points_only() {
    assert!(measured(VTD, true).is_empty());
}

#[test]
fn a_queue_of_the_guests_own_needs_no_request() {
    let points = measured("smmuv3-nvme-strict", false);
    assert_eq!(points.len(), 2 * VCPUS.len() * Delivery::ALL.len());
    let own = points
        .iter()
        .filter(|point| point.delivery == Delivery::HwQueue);
    for point in own {
        assert_eq!((point.requests, point.entries_per_request()), (0, None));
        assert!(point.syncs > 0 && point.guest_commands > point.syncs);
    }
}
