//! Histograms against an exact record of the same run: every event is also kept one by one.

use std::{fmt::Write as _, fs};

use serde_json::Value;

use crate::run::{Finished, hwptop, unprivileged};

/// What a bucket's middle and two significant digits may be off by, together: half of 3.125 %,
/// and 1 %.
const RELATIVE_ERROR: f64 = 0.0156 + 0.01;

/// Of each stage, 8 ms apart: a snapshot keeps 256 events one by one, those of a whole
/// second.
const EVENTS: u32 = 300;

/// In thousandths.
const QUANTILES: [(&str, usize); 4] = [("p50", 500), ("p99", 990), ("p999", 999), ("max", 1000)];

#[test]
#[ignore = "needs root: loads eBPF"]
fn percentiles_by_ebpf_are_those_of_an_exact_record() {
    agrees_with_the_exact_record(hwptop, "ebpf");
}

#[test]
fn percentiles_taken_in_process_are_those_of_an_exact_record() {
    agrees_with_the_exact_record(unprivileged, "in-process");
}

/// A PASID-IOTLB invalidation and its wait, again and again.
fn capture() -> String {
    let mut text = String::from("t_us,lo,hi\n");
    for n in 0..EVENTS {
        let (time, address) = (n * 8000, 0x01a5_c000 + n * 8 + 4);
        let _ = write!(
            text,
            "{time},0000000000040036,00000000ffffd040\n{time},0000000200000025,{address:016x}\n"
        );
    }
    text
}

fn agrees_with_the_exact_record(run: impl Fn(&[&str]) -> Finished, measured_by: &str) {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let file = folder.path().join("even.csv");
    fs::write(&file, capture()).expect("a file can be written");
    let run = run(&[
        "top",
        "--target",
        "model,instances=1",
        "--capture",
        file.to_str().expect("a plain name"),
        "--passes",
        "1",
        "--slow",
        "1ns",
        "--slow-rate",
        "1000000",
        "--interval",
        "10ms",
        "--count",
        "100000",
        "--format",
        "json",
    ]);
    let documents: Vec<Value> = run
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).expect("a line is JSON"))
        .collect();
    let last = documents.last().expect("a snapshot");
    assert_eq!(last["measured_by"], measured_by, "{}", run.stderr);
    assert_eq!(last["events"]["slow_dropped"], 0, "the record has gaps");
    for stage in ["request", "submission"] {
        let mut exact: Vec<u64> = documents
            .iter()
            .flat_map(|one| one["slow"].as_array().expect("slow events"))
            .filter(|event| event["stage"] == stage)
            .map(|event| event["latency_ns"].as_u64().expect("a number"))
            .collect();
        exact.sort_unstable();
        let count = exact.len();
        assert_eq!(count, EVENTS as usize, "{stage}");
        let figures = &last["instances"][0]["total"]["stages"][stage];
        assert_eq!(figures["recorded"], count, "{stage}");
        assert_eq!(figures["seen"], count, "{stage}");
        assert_eq!(
            figures["latency_ns_total"],
            exact.iter().sum::<u64>(),
            "{stage}"
        );
        for (name, thousandths) in QUANTILES {
            let value = exact[(thousandths * count).div_ceil(1000) - 1] as f64;
            let shown = &figures[format!("latency_ns_{name}")];
            let shown = shown.as_f64().expect("a number");
            assert!(
                (shown - value).abs() <= value * RELATIVE_ERROR + 1.0,
                "{name} of {stage}: {shown} ns, exactly {value} ns"
            );
        }
    }
}
