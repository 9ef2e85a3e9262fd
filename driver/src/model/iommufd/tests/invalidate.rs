use super::*;
use crate::errno::{EINVAL, EIO, ENOENT, EOPNOTSUPP, ETIMEDOUT};
use crate::{
    AmdGuestInvalidate, ArmSmmuV3Invalidate, Backend, Entries, InvalidateError, VtdS1Invalidate,
};

mod amdvi;
mod smmuv3;
mod vtd;

/// Errno and handled count, 0 and all for success.
fn outcome(result: Result<(), InvalidateError>, entries: u32) -> (i32, u32) {
    result.map_or_else(|error| (error.errno, error.handled), |()| (0, entries))
}

#[test]
fn a_target_takes_the_entries_of_its_kind_only() {
    let vtd: &[VtdS1Invalidate] = &[];
    let arm: &[ArmSmmuV3Invalidate] = &[];
    let amd: &[AmdGuestInvalidate] = &[];
    let types = [
        Entries::VtdS1(vtd),
        Entries::ArmSmmuV3(arm),
        Entries::AmdGuest(amd),
    ];
    for (vendor, on_nested, on_viommu) in [
        (Vendor::Vtd, [0, EINVAL, EINVAL], [EINVAL; 3]),
        (Vendor::SmmuV3, [EOPNOTSUPP; 3], [EINVAL, 0, EINVAL]),
        (Vendor::AmdVi, [EINVAL, EINVAL, 0], [EINVAL, EINVAL, 0]),
    ] {
        let rig = Rig::new(vendor);
        let (device, ioas) = (rig.device(0, 8, PLAIN), rig.ioas());
        let parent = rig.nest_parent(device, ioas);
        // Without vIOMMU the second is the nest parent.
        let (nested, viommu) = rig.nested(device, parent);
        for (at, entries) in types.into_iter().enumerate() {
            let errno = |target| outcome(rig.fd.invalidate(target, entries), 0).0;
            assert_eq!(errno(nested), on_nested[at], "{vendor:?}");
            assert_eq!(errno(viommu), on_viommu[at], "{vendor:?}");
            for other in [device, ioas, parent] {
                assert_eq!(errno(other), EINVAL);
            }
            assert_eq!(errno(ObjectId(99)), ENOENT);
        }
        assert_eq!(rig.words(), [[[0; 2]; 0]; 0]);
    }
}

#[test]
fn a_request_has_at_most_2_to_the_19_entries() {
    let rig = Rig::new(Vendor::Vtd);
    let device = rig.device(0, 8, PLAIN);
    let parent = rig.nest_parent(device, rig.ioas());
    let (nested, _) = rig.nested(device, parent);
    let mut entries = vec![VtdS1Invalidate::WHOLE; 1 << 19];
    let send = |entries: &[VtdS1Invalidate]| {
        let result = rig.fd.invalidate(nested, Entries::VtdS1(entries));
        outcome(result, 1 << 19)
    };
    assert_eq!(send(&entries), (0, 1 << 19));
    entries.push(VtdS1Invalidate::WHOLE);
    assert_eq!(send(&entries), (EINVAL, 0));
}
