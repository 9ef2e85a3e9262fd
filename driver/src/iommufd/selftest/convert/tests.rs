use super::{UNKNOWN, amd_device, amd_domain, smmuv3, vtd};
use crate::iommufd::{HwptInvalidateSelftest, ViommuInvalidateSelftest};
use crate::smmuv3::{Asid, command as arm};
use crate::{
    AmdGuestInvalidate, ArmSmmuV3Invalidate, Command, DeviceId, DomainId, Pasid, VtdS1Invalidate,
    amdvi,
};

const ALL: u32 = HwptInvalidateSelftest::ALL;

fn arm_entry(command: Command, any: u32) -> (u32, u32, u32) {
    let cmd = command.words();
    let ViommuInvalidateSelftest {
        flags,
        vdev_id,
        cache_id,
    } = smmuv3(&ArmSmmuV3Invalidate { cmd }, any);
    (flags, vdev_id, cache_id)
}

#[test]
fn a_page_is_one_word_of_the_mock_and_a_range_all_of_them() {
    let of = |npages| vtd(&VtdS1Invalidate::new(0x6000, npages, VtdS1Invalidate::LEAF));
    assert_eq!((of(1).flags, of(1).iotlb_id), (0, 2));
    assert_eq!((of(2).flags, of(2).iotlb_id), (ALL, 0));
    assert_eq!(vtd(&VtdS1Invalidate::WHOLE).flags, ALL);
}

#[test]
fn what_the_kernels_driver_refuses_the_mock_refuses() {
    assert_eq!(vtd(&VtdS1Invalidate::new(0, 1, 2)).flags, UNKNOWN);
    let reserved = VtdS1Invalidate {
        reserved: 1,
        ..VtdS1Invalidate::WHOLE
    };
    assert_eq!(vtd(&reserved).flags, UNKNOWN);
    assert_eq!(arm_entry(arm::cfgi_all(), 3), (UNKNOWN, 3, 0));
    let sync = AmdGuestInvalidate { cmd: [1 << 60, 0] };
    assert_eq!(amd_domain(&sync).flags, UNKNOWN);
    assert_eq!(amd_device(&sync).flags, UNKNOWN);
}

#[test]
fn commands_of_an_smmu_go_to_their_device_and_those_of_none_to_the_first() {
    let (asid, sid) = (Asid(3), DeviceId(0x18));
    assert_eq!(arm_entry(arm::tlbi_nh_va(asid, 0x7000, true), 9), (0, 9, 3));
    assert_eq!(arm_entry(arm::tlbi_nh_vaa(0x5000, true), 9), (0, 9, 1));
    assert_eq!(arm_entry(arm::tlbi_nh_asid(asid), 9), (ALL, 9, 0));
    assert_eq!(arm_entry(arm::tlbi_nh_all(), 9), (ALL, 9, 0));
    let cd = arm::cfgi_cd(sid, Pasid::RID, true);
    assert_eq!(arm_entry(cd, 9), (ALL, 0x18, 0));
}

#[test]
fn commands_of_an_amd_iommu_are_of_a_domain_or_of_a_device() {
    let page = amdvi::command::iommu_pages(DomainId(1), None, 0x3000, 0, false);
    let entry = amd_domain(&AmdGuestInvalidate { cmd: page.words() });
    assert_eq!((entry.flags, entry.iotlb_id), (0, 3));
    let cmd = amdvi::command::devtab_entry(DeviceId(0x10)).words();
    let entry = amd_device(&AmdGuestInvalidate { cmd });
    assert_eq!((entry.flags, entry.vdev_id), (ALL, 0x10));
}
