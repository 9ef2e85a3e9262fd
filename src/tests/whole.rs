//! What must hold of the figures of every stage, whatever was measured.

use serde_json::Value;

/// Sizes from here on are told by the least of a bucket.
const INEXACT_FROM: u64 = 64;

/// Checks that every end of a stage in JSON has its batch size and every failure its code.
pub(crate) fn has_every_batch_and_error(stage: &Value) {
    let number = |value: &Value| value.as_u64().unwrap_or_else(|| panic!("{stage}"));
    let list = |name: &str| stage[name].as_array().map_or(&[][..], Vec::as_slice);
    let count = |one: &Value| number(&one["count"]);

    let batches = list("batches");
    let ends: u64 = batches.iter().map(count).sum();
    assert_eq!(ends, number(&stage["seen"]), "{stage}");
    let items = |one: &Value| number(&one["items"]) * count(one);
    let least: u64 = batches.iter().map(items).sum();
    let told = number(&stage["items"]);
    let is_exact = batches
        .iter()
        .all(|one| number(&one["items"]) < INEXACT_FROM);
    assert!(
        least == told || !is_exact && least < told,
        "{told} items, {least} by size: {stage}"
    );

    let failures: u64 = list("error_codes").iter().map(count).sum();
    assert_eq!(failures, number(&stage["errors"]), "{stage}");
}
