use super::*;

const ATC_INV: [u64; 2] = [0x10_0000_0040, 0x1000];
const IOMMU_PAGES: [u64; 2] = [0x3000_0007_0000_0000, 0x1000];
const OF_NOBODY: [u64; 2] = [0xff, 0];

#[test]
fn a_vendor_is_guessed_by_the_majority_of_valid_commands() {
    for (commands, expected) in [
        (&[ATC_INV][..], Some(Vendor::SmmuV3)),
        (&[IOMMU_PAGES], Some(Vendor::AmdVi)),
        (&[ATC_INV, ATC_INV, IOMMU_PAGES], Some(Vendor::SmmuV3)),
        (&[OF_NOBODY, IOMMU_PAGES, OF_NOBODY], Some(Vendor::AmdVi)),
        (&[ATC_INV, IOMMU_PAGES], None),
        (&[OF_NOBODY], None),
        (&[], None),
    ] {
        let guessed = guess_vendor(&commands.iter().copied());
        assert_eq!(guessed, expected, "{commands:x?}");
    }
}

#[test]
fn syncs_of_every_vendor_say_where_they_write() {
    for (vendor, data, is_wide) in [
        (Vendor::Vtd, 0x8000_0001, false),
        (Vendor::SmmuV3, 0x8000_0001, false),
        (Vendor::AmdVi, 0x8000_0001, true),
    ] {
        let status = Status {
            addr: GuestAddress(0x7008),
            data,
            is_wide,
        };
        let words = sync(vendor, 0x7008, 0x8000_0001);
        assert_eq!(
            read(vendor, words),
            Meaning::Sync(Some(status)),
            "{vendor:?}"
        );
    }
    // All 64 bits of AMD-Vi's store data count.
    let words = [0x1000_0000_0000_7009, 0xfeed_0000_0000_0001];
    let Meaning::Sync(Some(status)) = read(Vendor::AmdVi, words) else {
        panic!("a sync with a store");
    };
    assert_eq!(status.data, 0xfeed_0000_0000_0001);
}
