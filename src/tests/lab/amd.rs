//! AMD-Vi: submissions of the host's own, since this kernel has no nested invalidation for it.

use super::guest::{is_whole, run, total};

#[test]
#[ignore = "needs the lab x86-amd: unmaps through its IOMMU"]
fn every_wait_that_queues_a_command_is_counted_once_with_what_was_queued_before() {
    const PASSES: u64 = 50;
    /// Of one pass.
    const UNMAPS: u64 = 16;
    let script = "
        count iommu_completion_wait
        count __iommu_queue_command_sync
        watch all
        drive --passes 50 --format json >driven
        unwatch all
        echo waits $(hits iommu_completion_wait)
        echo commands $(hits __iommu_queue_command_sync)";
    let left = run("x86-amd", &[], script);

    let all = left.snapshot("all");
    let instance = all.instance();
    assert_eq!(
        (&instance["name"], &instance["kind"]),
        (&"ivhd0".into(), &"emulated".into())
    );
    let submissions = |of| total(of, "host submission", "seen");
    // One that waits for another thread's command queues none, and is none.
    let waits = left.printed("waits");
    assert!(submissions(instance) <= waits, "{instance}");
    let items = total(instance, "host submission", "items");
    // Some interrupts' entries are invalidated, and waited for elsewhere.
    let commands = left.printed("commands");
    let elsewhere = commands.checked_sub(items + submissions(instance));
    let few = elsewhere.is_some_and(|elsewhere| elsewhere < commands / 20);
    assert!(few, "{elsewhere:?} of {commands}: {instance}");
    assert!(items >= submissions(instance), "{instance}");
    is_whole(instance, &["host submission"]);
    let driven = left.snapshot("driven");
    let driven = submissions(driven.instance());
    // What attaches the device comes with it; what detaches it may come after.
    let possible = PASSES * UNMAPS..=submissions(instance);
    assert!(possible.contains(&driven), "{driven} in {possible:?}");
    assert_eq!(all.0["events"]["lost"], 0);
    assert!(all.objects().is_empty(), "{:?}", all.objects());
}
