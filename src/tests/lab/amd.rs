//! AMD-Vi: submissions of the host's own, since this kernel has no nested invalidation for it.

use super::guest::{run, total};

#[test]
#[ignore = "needs the lab x86-amd: unmaps through its IOMMU"]
fn every_wait_for_an_amd_iommu_is_counted_once() {
    const PASSES: u64 = 50;
    /// Of one pass.
    const UNMAPS: u64 = 16;
    let script = "
        count iommu_completion_wait
        watch all
        drive --passes 50 --format json >driven
        unwatch all
        echo hits $(hits iommu_completion_wait)";
    let left = run("x86-amd", &[], script);

    let all = left.snapshot("all");
    let instance = all.instance();
    assert_eq!(
        (&instance["name"], &instance["kind"]),
        (&"ivhd0".into(), &"emulated".into())
    );
    let submissions = |of| total(of, "host submission", "seen");
    assert_eq!(submissions(instance), left.printed("hits"));
    let driven = left.snapshot("driven");
    let driven = submissions(driven.instance());
    // What attaches the device comes with it; what detaches it may come after.
    let possible = PASSES * UNMAPS..=submissions(instance);
    assert!(possible.contains(&driven), "{driven} in {possible:?}");
    assert_eq!(all.0["events"]["lost"], 0);
    assert!(all.objects().is_empty(), "{:?}", all.objects());
}
