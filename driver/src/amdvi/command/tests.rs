//! Against words put together by hand from the specification's bit tables.

use super::*;

#[test]
fn every_encoder_gives_the_words_of_the_specification() {
    let domain = DomainId(7);
    let device = DeviceId(0x18);
    for (command, words) in [
        (wait(0x48_1007, 0x11), [0x1000_0000_0048_1001, 0x11]),
        (wait(u64::MAX, 1), [0x100f_ffff_ffff_fff9, 1]),
        (devtab_entry(device), [0x2000_0000_0000_0018, 0]),
        (
            iommu_pages(domain, None, 0x100_0fff, 0, true),
            [0x3000_0007_0000_0000, 0x100_0002],
        ),
        // 2 pages: no 1 below the 0 bit. 16 pages: three of them.
        (
            iommu_pages(domain, None, 0x100_1000, 1, false),
            [0x3000_0007_0000_0000, 0x100_0001],
        ),
        (
            iommu_pages(domain, None, 0x100_5000, 4, true),
            [0x3000_0007_0000_0000, 0x100_7003],
        ),
        (
            iommu_pages(domain, Some(Pasid(0xfff_edcb)), 0, 40, false),
            [0x3000_0007_000f_edcb, 0x0007_ffff_ffff_f005],
        ),
        (
            iommu_pages(domain, None, 0, 41, false),
            [0x3000_0007_0000_0000, 0x7fff_ffff_ffff_f001],
        ),
        (
            iommu_pages_all(DomainId(4)),
            [0x3000_0004_0000_0000, 0x7fff_ffff_ffff_f003],
        ),
        (
            iotlb_pages(device, 0x20, Some(Pasid(0x5_1234)), 0x3000, 0),
            [0x4534_0018_2012_0018, 0x3004],
        ),
        (
            iotlb_pages(device, 1, None, 0x2_0000, 5),
            [0x4000_0018_0100_0018, 0x2_f001],
        ),
        (interrupt_table(device), [0x5000_0000_0000_0018, 0]),
        (iommu_all(), [0x8000_0000_0000_0000, 0]),
    ] {
        assert_eq!(command.words(), words, "{words:#x?}");
    }
}

#[test]
fn only_a_completion_wait_is_a_sync() {
    assert!(is_sync(wait(0, 0)));
    assert!(is_sync(Command::from_words([0x1000_0000_0000_0006, 0])));
    assert!(!is_sync(iommu_all()) && !is_sync(devtab_entry(DeviceId(1))));
}
