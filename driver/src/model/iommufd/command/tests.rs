use super::*;
use crate::{DeviceId, DomainId, Pasid, amdvi, smmuv3};

#[test]
fn a_range_becomes_the_smallest_aligned_block_that_holds_it() {
    for (from, last, addr, order) in [
        (0x1000, 0x1fff, 0x1000, 0),
        (0x1000, 0x2fff, 0x0000, 2),
        (0x2000, 0x3fff, 0x2000, 1),
        (0x4000, 0xbfff, 0x0000, 4),
        (0x7fff_f000, 0x8000_0fff, 0, 20),
        (0, u64::MAX >> 1, 0, 51),
        (0, u64::MAX, 0, 52),
    ] {
        let block = Block { addr, order };
        assert_eq!(Block::around(from, last), block, "{from:#x} {last:#x}");
    }
}

#[test]
fn every_address_is_a_block_for_every_vendor() {
    let Block { addr, order } = Block::WHOLE;
    assert!(Block::WHOLE.is_whole());
    let device = DeviceId(1);
    let words = [
        vtd::device_tlb(device, Pasid::RID, Block::WHOLE),
        vtd::device_tlb(device, Pasid(1), Block::WHOLE),
        smmuv3::command::atc_inv(device, None, addr, order),
        amdvi::command::iotlb_pages(device, 0, None, addr, order.into()),
    ]
    .map(|command| command.words()[1]);
    let all = 0x7fff_ffff_ffff_f000;
    assert_eq!(words, [all | 1, all | 0x800, 52, all | 1]);
}

#[test]
fn vtd_invalidates_the_domain_where_a_block_is_too_large() {
    let did = DomainId(0xabcd);
    let words = |order| vtd::iotlb_pages(did, Block { addr: 0, order }, true).words();
    assert_eq!(words(18), [0xabcd_00f2, 0x52]);
    assert_eq!(words(19), [0xabcd_00e2, 0]);
}

#[test]
fn vtd_names_the_pasid_to_a_device_but_not_for_requests_without_one() {
    let page = Block {
        addr: 0x5000,
        order: 0,
    };
    let words = |pasid| vtd::device_tlb(DeviceId(0x1234), pasid, page).words();
    assert_eq!(words(Pasid::RID), [0x1234_0000_0003, 0x5000]);
    assert_eq!(words(Pasid(5)), [0x0005_1234_0008, 0x5000]);
}

#[test]
fn a_batch_that_is_cut_keeps_its_beginning() {
    let mut batch = Batch::<4>::new();
    for word in 1..4 {
        batch.push(Command::from_words([word, 0]));
    }
    batch.truncate(9);
    assert_eq!(batch.len(), 3);
    batch.truncate(1);
    assert_eq!(batch.len(), 1);
    assert_eq!(batch.commands[0].words(), [1, 0]);
}
