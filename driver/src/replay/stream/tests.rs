use super::*;

fn stream(vendor: Vendor, commands: impl IntoIterator<Item = [u64; 2]>) -> Stream {
    Stream::from_capture(&Capture::of(vendor, commands)).unwrap()
}

fn pair(did: u16, pasid: u32) -> (DomainId, Pasid) {
    (DomainId(did), Pasid(pasid))
}

/// VT-d 6.5.2: an IOTLB invalidation of a domain, a PASID-based one of a page.
const fn vtd_domain(did: u64) -> [u64; 2] {
    [did << 16 | 0x22, 0]
}

const fn vtd_page(did: u64, pasid: u64) -> [u64; 2] {
    [pasid << 32 | did << 16 | 0x36, 0x1000]
}

#[test]
fn a_vtd_stream_has_its_pairs_and_the_domains_that_are_named_without_pasid() {
    let stream = stream(
        Vendor::Vtd,
        [
            vtd_page(7, 3),
            vtd_domain(9),
            vtd_domain(7),
            vtd_page(7, 0),
            vtd_page(7, 3),
            // Device-TLB of SID 5 (type 3), which names no target.
            [5 << 32 | 3, 0x1000],
        ],
    );
    assert_eq!(stream.targets(), [pair(7, 0), pair(7, 3), pair(9, 0)]);
    assert_eq!(stream.devices(), []);
}

#[test]
fn an_smmuv3_stream_has_the_stream_ids_that_a_vdevice_must_translate() {
    let stream = stream(
        Vendor::SmmuV3,
        [
            // CFGI_CD, CFGI_CD_ALL, ATC_INV (4.3.3, 4.3.4, 4.5.1).
            [0x0002_0001_0000_0005, 0],
            [0x0000_0010_0000_0006, 0],
            [0xffff_fffe_0000_0040, 0x1000],
            [0x0000_0010_0000_0040, 0],
            // CFGI_STE (4.3.1) ends at the VMM; TLBI_NH_VA names an ASID.
            [0x0000_0077_0000_0003, 0],
            [0x0003_0000_0000_0012, 0x1000],
        ],
    );
    assert_eq!(stream.targets(), []);
    let expected = [0x10, 0x2_0001, 0xffff_fffe].map(DeviceId);
    assert_eq!(stream.devices(), expected);
}

#[test]
fn an_amdvi_stream_has_domains_and_the_devices_whose_tlbs_it_invalidates() {
    let stream = stream(
        Vendor::AmdVi,
        [
            // INVALIDATE_IOMMU_PAGES, with PASID 5 and without; INVALIDATE_IOTLB_PAGES;
            // INVALIDATE_DEVTAB_ENTRY, which ends at the VMM.
            [0x3000_0007_0000_0005, 0x1004],
            [0x3000_0004_0000_0000, 0x1000],
            [0x4000_0018_0000_0018, 0x1000],
            [0x2000_0000_0000_0019, 0],
        ],
    );
    assert_eq!(stream.targets(), [pair(4, 0), pair(7, 0)]);
    assert_eq!(stream.devices(), [DeviceId(0x18)]);
}

#[test]
fn the_pages_that_syncs_write_to_are_mapped_for_every_vendor() {
    for (vendor, sync, pages) in [
        // Wait with SW; CMD_SYNC with an MSI; COMPLETION_WAIT with s.
        (Vendor::Vtd, [0x2_0000_0025, 0x1a5_cc04], &[0x1a5_c000][..]),
        (Vendor::SmmuV3, [0x2_0fc0_1046, 0x1a5_cc04], &[0x1a5_c000]),
        (Vendor::AmdVi, [0x1000_0000_01a5_cc09, 2], &[0x1a5_c000]),
        // Without a write.
        (Vendor::Vtd, [0x15, 0], &[]),
        (Vendor::SmmuV3, [0x46, 0], &[]),
        (Vendor::AmdVi, [0x1000_0000_0000_0002, 0], &[]),
    ] {
        let stream = stream(vendor, [sync]);
        let found: Vec<_> = stream.status_pages().iter().copied().collect();
        assert_eq!(found, pages, "{vendor:?} {sync:x?}");
        assert!(matches!(dialect::read(vendor, sync), Meaning::Sync(_)));
    }
}

#[test]
fn a_status_word_at_the_end_of_the_address_width_is_mapped_and_none_above() {
    let highest = 0x000f_ffff_ffff_fff8;
    for vendor in [Vendor::Vtd, Vendor::SmmuV3, Vendor::AmdVi] {
        let stream = stream(vendor, [dialect::sync(vendor, highest, 1)]);
        let pages: Vec<_> = stream.status_pages().iter().copied().collect();
        assert_eq!(pages, [highest & !0xfff], "{vendor:?}");
    }
    let above = stream(Vendor::Vtd, [[0x2_0000_0025, 1 << 52]]);
    assert_eq!(above.status_pages().len(), 0);
}

#[test]
fn units_are_what_is_between_syncs() {
    for vendor in [Vendor::Vtd, Vendor::SmmuV3, Vendor::AmdVi] {
        let synthetic = Stream::synthetic(vendor, [pair(3, 0)]);
        let sync = synthetic.sync(0x1000, 7);
        let pages = [1, 2, 3].map(|page: u64| synthetic.unmap_page(page << 12));
        let [first, second, third] = pages;
        let commands = [first, second, sync, sync, third];
        let units = stream(vendor, commands).units();
        assert_eq!(
            units,
            [vec![first, second], vec![], vec![third]],
            "{vendor:?}"
        );
        let units = stream(vendor, [first, sync]).units();
        assert_eq!(units, [[first]], "{vendor:?}");
        assert!(synthetic.units().is_empty());
    }
}

#[test]
fn a_page_is_unmapped_by_the_command_of_the_vendor() {
    for (vendor, expected) in [
        // Type 6, page-selective, DID 9, PASID 2, IH.
        (Vendor::Vtd, [0x0000_0002_0009_0036, 0x5040]),
        // TLBI_NH_VA, ASID 9, Leaf.
        (Vendor::SmmuV3, [0x0009_0000_0000_0012, 0x5001]),
        // DomainID 9, PASID 2, GN, no PDE.
        (Vendor::AmdVi, [0x3000_0009_0000_0002, 0x5004]),
    ] {
        let stream = Stream::synthetic(vendor, [pair(9, 2)]);
        assert_eq!(stream.unmap_page(0x5000), expected, "{vendor:?}");
    }
}

#[test]
fn commands_that_are_invalid_for_the_vendor_are_kept_and_name_nothing() {
    for (vendor, invalid) in [
        (Vendor::Vtd, [0xf, 0]),
        (Vendor::SmmuV3, [0xee, 0]),
        (Vendor::AmdVi, [0xf << 60, 0]),
    ] {
        assert_eq!(dialect::read(vendor, invalid), Meaning::Invalid);
        let stream = stream(vendor, [invalid]);
        assert_eq!(stream.commands().len(), 1);
        assert_eq!((stream.targets().len(), stream.devices().len()), (0, 0));
    }
}

#[test]
fn more_devices_or_targets_than_4096_are_refused() {
    type Nth = fn(u64) -> [u64; 2];
    let cases: [(Vendor, Nth); 4] = [
        (Vendor::SmmuV3, |n| [n << 32 | 0x40, 0]),
        (Vendor::AmdVi, |n| [0x4000_0000_0000_0000 | n, 0]),
        (Vendor::AmdVi, |n| [0x3000_0000_0000_0000 | n << 32, 0]),
        (Vendor::Vtd, |n| [n << 16 | 0x22, 0]),
    ];
    for (vendor, nth) in cases {
        let all = stream(vendor, (0..4096).map(nth));
        assert_eq!(
            all.targets().len() + all.devices().len(),
            4096,
            "{vendor:?}"
        );
        let more = Stream::from_capture(&Capture::of(vendor, (0..4097).map(nth)));
        let message = more.unwrap_err().to_string();
        assert!(message.contains("more than 4096 devices"), "{message}");
    }
}
