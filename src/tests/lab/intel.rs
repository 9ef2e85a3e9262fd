//! What the kernel probes say of a VT-d unit and of the selftest's mock, held against what
//! was done and against the kernel's own counters.

use serde_json::{Value, json};

use super::guest::{is_whole, run, total};
use crate::run::{count, points};

const PROFILE: &str = "x86-intel";

/// Requests of each size, which are 1, 2, 4 … 1024 entries.
const EACH: u64 = 4_546;
const SIZES: u64 = 11;
/// Entries of one request of each size.
const ENTRIES: u64 = 2_047;

#[test]
#[ignore = "needs the lab x86-intel: 100,000 requests to the selftest's mock"]
fn every_request_and_entry_is_counted_by_nested_hwpt_and_by_viommu() {
    let script = format!(
        "watch watched
         hwptop bench batching --target selftest --requests {EACH} --format json >hwpt 2>progress & hwpt=$!
         wait $hwpt
         hwptop bench batching --target selftest:smmuv3 --requests {EACH} --format json >viommu 2>progress & viommu=$!
         wait $viommu
         unwatch watched
         echo hwpt $hwpt; echo viommu $viommu"
    );
    let left = run(PROFILE, &[], &script);
    let snapshot = left.snapshot("watched");
    let mock = snapshot.instance();
    assert_eq!(
        (&mock["kind"], &mock["total"]["errors"]),
        (&"mock".into(), &0.into())
    );
    let [requests, entries] = [EACH * SIZES, EACH * ENTRIES];
    assert!(2 * requests >= 100_000);
    for stage in ["request", "driver op"] {
        let figure = |figure| total(mock, stage, figure);
        assert_eq!(
            ["seen", "recorded", "items", "lost", "errors"].map(figure),
            [2 * requests, 2 * requests, 2 * entries, 0, 0],
            "{stage}"
        );
        // Powers of two begin a bucket each: every size is told exactly.
        assert_eq!(
            mock["total"]["stages"][stage]["batches"],
            batches(2 * EACH),
            "{stage}"
        );
    }
    assert_eq!(snapshot.0["events"]["lost"], 0);
    assert_eq!(snapshot.0["failures"], Value::Array(Vec::new()));

    // Each process has one object, and the driver in it counted the same.
    for name in ["hwpt", "viommu"] {
        let driver = left.snapshot(name).0;
        let points = points(&driver);
        let sum = |metric: &str| -> u64 { points.iter().map(|point| count(point, metric)).sum() };
        assert_eq!(
            [sum("requests"), sum("entries")],
            [requests, entries],
            "{name}"
        );
        let pid = left.printed(name);
        let objects = snapshot.objects();
        let its: Vec<&&Value> = objects.iter().filter(|one| one["pid"] == pid).collect();
        let [object] = its[..] else {
            panic!("{name} is {pid}: {objects:?}")
        };
        assert_eq!(object["process"], "hwptop");
        assert!(
            object["hwpt"].as_u64().is_some_and(|hwpt| hwpt > 0),
            "{object}"
        );
        let figures = ["seen", "items", "lost", "errors"];
        assert_eq!(
            figures.map(|figure| total(object, "request", figure)),
            [requests, entries, 0, 0],
            "{name}"
        );
        assert_eq!(
            object["total"]["stages"]["request"]["batches"],
            batches(EACH),
            "{name}"
        );
    }
    assert_eq!(snapshot.objects().len(), 2);
}

/// So many requests of each size.
fn batches(each: u64) -> Value {
    let sizes = (0..SIZES).map(|power| json!({ "items": 1 << power, "count": each }));
    sizes.collect()
}

/// What `dmar_perf_latency` says of IOTLB invalidations: their number, and the mean in
/// whole µs, rounded down (`dmar_latency_snapshot`).
fn statistics(text: &str) -> [u64; 2] {
    let line = text
        .lines()
        .find_map(|line| line.trim().strip_prefix("inv_iotlb"));
    let numbers: Vec<u64> = line
        .expect("IOTLB invalidations are counted")
        .split_whitespace()
        .map(|number| number.parse().expect("a number"))
        .collect();
    // Seven buckets, then the least, the largest and the mean.
    assert_eq!(numbers.len(), 10, "{text}");
    [numbers[..7].iter().sum(), numbers[9]]
}

/// Every submission of a device's unmaps in a guest that does nothing else with its IOMMU.
///
/// `dmar_perf_latency` times `qi_submit_sync` from within, where the first descriptor
/// invalidates the IOTLB. What it leaves out, invalidations of the context and PASID caches
/// when the device is attached, are taken from the tracepoint `qi_submit`, which fires
/// once per descriptor; every submission here has one. So:
/// probes' submissions = dmar_perf_latency's + the tracepoint's other descriptors, and
/// probes' commands = the tracepoint's descriptors.
///
/// The probes' clock reads enclose the kernel's. That the little in between does not count,
/// the tracepoint takes a stack trace each time, which is long and between both. Then the
/// probes' sum of times is at least the kernel's, and at most 10 % more than that with its
/// mean rounded up, plus the longest time of a submission for each that the kernel leaves
/// out.
#[test]
#[ignore = "needs the lab x86-intel: compares with the kernel's own statistics of VT-d"]
fn submissions_agree_with_the_kernels_own_statistics() {
    let left = run(
        PROFILE,
        &[],
        r"
        statistics=/sys/kernel/debug/iommu/intel/dmar_perf_latency
        event=$tracing/events/intel_iommu/qi_submit
        echo 16384 >$tracing/buffer_size_kb
        watch watched
        echo stacktrace >$event/trigger
        echo 1 >$event/enable
        echo 1 >$statistics
        hwptop bench batching --target vfio:$HWPTOP_LAB_VFIO_CDEV --requests 200 --format json >bench 2>progress
        cat $statistics >statistics
        cat $tracing/trace >trace
        unwatch watched
        ",
    );
    let [counted, mean_us] = statistics(&left.file("statistics"));
    let trace = left.file("trace");
    let descriptors: Vec<&str> = trace
        .lines()
        .filter_map(|line| line.split_once("qi_submit: "))
        .filter_map(|(_, rest)| rest.split_whitespace().next())
        .collect();
    let iotlb = |kind: &&&str| ["iotlb_inv", "p_iotlb_inv"].contains(*kind);
    let others = (descriptors.len() - descriptors.iter().filter(iotlb).count()) as u64;

    let snapshot = left.snapshot("watched");
    let unit = snapshot.instance();
    assert_eq!(
        (&unit["name"], &unit["kind"]),
        (&"dmar0".into(), &"emulated".into())
    );
    let figure = |figure| total(unit, "host submission", figure);
    // 200 unmaps of each size, at least one submission for each.
    assert!(counted >= 200 * SIZES, "{counted}");
    assert_eq!(figure("seen"), counted + others, "{trace}");
    assert_eq!(figure("items"), descriptors.len() as u64);
    assert_eq!(
        [figure("recorded"), figure("lost"), figure("errors")],
        [counted + others, 0, 0]
    );

    is_whole(unit, &["host submission"]);

    let [total_ns, longest_ns] = ["latency_ns_total", "latency_ns_max"].map(figure);
    let [least_ns, most_ns] = [mean_us, mean_us + 1].map(|mean| mean * counted * 1_000);
    println!(
        "{counted} IOTLB, {others} others; {total_ns} ns, the kernel's own: {least_ns} to {most_ns}"
    );
    assert!(
        total_ns >= least_ns,
        "{total_ns} ns, the kernel's own: {least_ns}"
    );
    let allowed = most_ns + most_ns / 10 + others * longest_ns;
    assert!(
        total_ns <= allowed,
        "{total_ns} ns, the kernel's own: {most_ns}"
    );
}

#[test]
#[ignore = "needs the lab x86-intel: a million requests by threads that are moved"]
fn intervals_are_sound_while_threads_are_moved_between_cpus() {
    let left = run(
        PROFILE,
        &[],
        "hwptop bench integrity --target selftest --requests 1000000 --format json >integrity 2>progress",
    );
    let found = left.snapshot("integrity").0;
    assert_eq!(found["requests"], 1_000_000, "{found}");
    assert!(
        found["moves"].as_u64().is_some_and(|moves| moves > 0),
        "{found}"
    );
    for stage in ["request", "driver_op"] {
        let [seen, recorded] = ["seen", "recorded"].map(|figure| found[stage][figure].as_u64());
        let (seen, recorded) = (seen.expect("seen"), recorded.expect("recorded"));
        assert_eq!(seen, 1_000_000, "{found}");
        assert!(recorded >= 999_900, "{found}");
    }
    let checks = found["checks"].as_array().expect("checks");
    let holds = |name: &str| {
        checks
            .iter()
            .any(|one| one["name"] == name && one["holds"] == true)
    };
    for name in [
        "requests",
        "entries",
        "matched requests",
        "impossible requests",
        "migration",
    ] {
        assert!(holds(name), "{name}: {found}");
    }
    assert_eq!(found["holds"], true, "{found}");
}

#[test]
#[ignore = "needs the lab x86-intel: asks what can be observed in it"]
fn doctor_says_what_attaches_and_which_instances_are_real() {
    let left = run(
        PROFILE,
        &[],
        "hwptop doctor --require-kernel --format json >doctor",
    );
    let found = left.snapshot("doctor").0;
    assert_eq!(
        (&found["watches_kernel_requests"], &found["missing"]),
        (&true.into(), &Value::Null)
    );
    for (stage, owner, function) in [
        ("request", "iommufd", "iommufd_hwpt_invalidate"),
        ("driver op", "vtd", "intel_nested_cache_invalidate_user"),
        ("driver op", "mock", "mock_domain_cache_invalidate_user"),
        ("driver op", "mock", "mock_viommu_cache_invalidate"),
        ("submission", "vtd", "qi_submit_sync"),
    ] {
        let stages = found["stages"].as_array().expect("stages");
        let one = stages.iter().find(|one| one["function"] == function);
        let one = one.unwrap_or_else(|| panic!("no {function}: {found}"));
        assert_eq!(
            [&one["stage"], &one["owner"], &one["attaches"]],
            [stage, owner, "fentry"],
            "{function}"
        );
    }
    let stages = found["stages"].as_array().expect("stages");
    let amd = stages.iter().find(|one| one["owner"] == "amdvi");
    let amd = amd.expect("what is there for AMD-Vi");
    assert_eq!(amd["attaches"], Value::Null, "{amd}");
    let instances = found["instances"].as_array().expect("instances");
    let told: Vec<[&Value; 3]> = instances
        .iter()
        .map(|one| ["name", "kind", "nesting"].map(|key| &one[key]))
        .collect();
    assert_eq!(
        told,
        [
            [&Value::from("dmar0"), &"emulated".into(), &false.into()],
            [
                &"iommufd_selftest_iommu.0".into(),
                &"mock".into(),
                &true.into()
            ],
        ]
    );
    assert_eq!(
        found["machine"]["vfio_devices"],
        serde_json::json!(["vfio0"])
    );
    assert_eq!(found["machine"]["iommu_device"], "openable");
}
