//! Against words put together by hand from the specification's bit tables.

use super::*;

#[test]
fn every_encoder_gives_the_words_of_the_specification() {
    let (did, device, pasid) = (DomainId(0xabcd), DeviceId(0x1234), Pasid(0x5_4321));
    for (command, words) in [
        (pasid_cache(did, pasid), [0x0005_4321_abcd_0017, 0]),
        (iotlb_domain(did), [0x0000_0000_abcd_00e2, 0]),
        (
            iotlb_pages(did, 0x20_0000, 9, true),
            [0x0000_0000_abcd_00f2, 0x20_0049],
        ),
        (pasid_iotlb_all(did, pasid), [0x0005_4321_abcd_0026, 0]),
        (
            pasid_iotlb_pages(did, pasid, 0x7fff, 2, false),
            [0x0005_4321_abcd_0036, 0x4002],
        ),
        (
            pasid_iotlb_pages(did, pasid, u64::MAX, 64, true),
            [0x0005_4321_abcd_0036, 0x7f],
        ),
        (device_tlb(device, 0x5000, 0), [0x1234_0000_0003, 0x5000]),
        // 2 pages: no 1 below the 0 bit.
        (device_tlb(device, 0x7000, 1), [0x1234_0000_0003, 0x6001]),
        (
            device_tlb(device, 0x5000, 51),
            [0x1234_0000_0003, 0x3fff_ffff_ffff_f001],
        ),
        (
            device_tlb(device, 0x5000, 52),
            [0x1234_0000_0003, 0x7fff_ffff_ffff_f001],
        ),
        (
            pasid_device_tlb(device, pasid, 0x5000, 0),
            [0x0005_4321_1234_0008, 0x5000],
        ),
        (
            pasid_device_tlb(device, pasid, 0x20_0000, 9),
            [0x0005_4321_1234_0008, 0x2f_f800],
        ),
        (wait(0x1003, 7), [0x0000_0007_0000_0025, 0x1000]),
    ] {
        assert_eq!(command.words(), words, "{words:#x?}");
        assert_eq!(is_sync(command), words[0] & 0xf == 5);
    }
}
