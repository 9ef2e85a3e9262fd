use std::collections::BTreeSet;

use vm_memory::{Bytes, GuestAddress};

use super::*;
use crate::double::RecordingBackend;
use crate::replay::memory::QUEUE_BYTES;

const QUEUE: u64 = 0x10_0000;

fn set_up(vendor: Vendor, width: u32) -> (VirtualIommu<RecordingBackend>, GuestMemoryMmap) {
    let range = (GuestAddress(QUEUE), 0x2_0000);
    let memory = GuestMemoryMmap::from_ranges(&[range]).unwrap();
    let mut iommu = VirtualIommu::new(
        vendor,
        InstanceArg::new(3, vendor, true),
        memory.clone(),
        RecordingBackend::new(),
        Arc::new(Counters::new(vendor)),
    );
    iommu.set_up(&Layout::new(&BTreeSet::new(), width, QUEUE_BYTES));
    (iommu, memory)
}

/// Fills the queue with prefetches or waits without effect.
fn fill(memory: &GuestMemoryMmap, width: u64, words: [u64; 2]) {
    for at in (QUEUE..QUEUE + QUEUE_BYTES).step_by(usize::try_from(width).unwrap()) {
        memory.write_obj(words[0], GuestAddress(at)).unwrap();
        memory.write_obj(words[1], GuestAddress(at + 8)).unwrap();
    }
}

/// Each vendor's commands of each width, and a sync that writes nothing.
const KINDS: [(Vendor, u32, [u64; 2]); 4] = [
    (Vendor::Vtd, 16, [0x5, 0]),
    (Vendor::Vtd, 32, [0x5, 0]),
    (Vendor::SmmuV3, 16, [0x46, 0]),
    (Vendor::AmdVi, 16, [0x1000_0000_0000_0000, 0]),
];

#[test]
fn head_and_tail_are_positions_in_commands_with_every_vendor() {
    for (vendor, width, sync) in KINDS {
        let (mut iommu, memory) = set_up(vendor, width);
        fill(&memory, u64::from(width), sync);
        let entries = u32::try_from(QUEUE_BYTES).unwrap() / width;
        let mut waits = 0;
        // Twice around, the last step over the end.
        for position in [1, 2, entries - 1, entries, 2 * entries - 1, 0, 5] {
            let before = iommu.head(entries);
            iommu.ring_doorbell(position, entries);
            assert_eq!(iommu.fault(), None, "{vendor:?}");
            assert_eq!(iommu.head(entries), position % entries, "{vendor:?}");
            waits += u64::from((position + 2 * entries - before) % entries);
            assert_eq!(
                iommu.counters().snapshot().waits,
                waits,
                "{vendor:?} {position}"
            );
        }
    }
}

#[test]
fn registers_are_as_the_specifications_have_them() {
    let (mut iommu, memory) = set_up(Vendor::Vtd, 32);
    fill(&memory, 32, [0x5, 0]);
    iommu.ring_doorbell(3, 2048);
    let VirtualIommu::Vtd(vtd) = &iommu else {
        panic!("VT-d");
    };
    // QH in bytes (VT-d 11.4.9.1).
    assert_eq!(vtd.iqh(), 0x60);

    let (mut iommu, memory) = set_up(Vendor::SmmuV3, 16);
    fill(&memory, 16, [0x46, 0]);
    iommu.ring_doorbell(4095, 4096);
    iommu.ring_doorbell(4096 + 1, 4096);
    let VirtualIommu::SmmuV3(smmu) = &iommu else {
        panic!("SMMUv3");
    };
    // RD with its wrap bit above the index (SMMUv3 6.3.27).
    assert_eq!(smmu.cmdq_cons(), 0x1001);

    let (mut iommu, memory) = set_up(Vendor::AmdVi, 16);
    fill(&memory, 16, [0x1000_0000_0000_0000, 0]);
    iommu.ring_doorbell(3, 4096);
    let VirtualIommu::AmdVi(amd) = &iommu else {
        panic!("AMD-Vi");
    };
    // Bytes (48882, 2000h).
    assert_eq!(amd.command_head(), 0x30);
}

#[test]
fn a_full_smmuv3_queue_is_told_from_an_empty_one() {
    let (mut iommu, memory) = set_up(Vendor::SmmuV3, 16);
    fill(&memory, 16, [0x46, 0]);
    iommu.ring_doorbell(0, 4096);
    assert_eq!(iommu.counters().snapshot().waits, 0);
    iommu.ring_doorbell(4096, 4096);
    assert_eq!(iommu.counters().snapshot().waits, 4096);
}

#[test]
fn numbered_objects_begin_with_the_viommu_where_there_is_one() {
    let pair = |domain| (DomainId(domain), Pasid::RID);
    for (vendor, sync, expected) in [
        (Vendor::Vtd, [0x5, 0], ObjectId(2)),
        (Vendor::SmmuV3, [0x46, 0], ObjectId(1)),
        (Vendor::AmdVi, [0x1000_0000_0000_0000, 0], ObjectId(3)),
    ] {
        let stream = Stream::synthetic(vendor, [pair(8), pair(9)]);
        let backend = Arc::new(RecordingBackend::new());
        let mut guest = crate::guest_on(&stream, Arc::clone(&backend)).unwrap();
        let ninth = Stream::synthetic(vendor, [pair(9)]);
        guest.submit(&[ninth.unmap_page(0x1000), sync]).unwrap();
        let targets: Vec<_> = backend
            .take()
            .iter()
            .map(|request| request.target)
            .collect();
        assert_eq!(targets, [expected], "{vendor:?}");
    }
}

#[test]
fn instance_and_policy_reach_the_front_end_of_every_vendor() {
    for vendor in [Vendor::Vtd, Vendor::SmmuV3, Vendor::AmdVi] {
        let stream = Stream::synthetic(vendor, [(DomainId(1), Pasid::RID)]);
        let backend = Arc::new(RecordingBackend::new());
        let mut guest = crate::guest_on(&stream, Arc::clone(&backend)).unwrap();
        assert_eq!(guest.iommu().instance(), InstanceArg::new(0, vendor, true));
        let pages = [0x1000, 0x9000].map(|page| stream.unmap_page(page));
        let batch = [pages[0], pages[1], stream.sync(guest.status_address(), 1)];
        for (policy, requests) in [(Policy::Single, 2), (Policy::Array, 1)] {
            guest.iommu_mut().set_policy(policy);
            assert_eq!(guest.iommu().policy(), policy);
            guest.submit(&batch).unwrap();
            assert_eq!(backend.take().len(), requests, "{vendor:?} {policy}");
        }
    }
}
