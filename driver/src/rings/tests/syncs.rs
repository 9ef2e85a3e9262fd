use super::*;
use crate::rings::protocol::{Issued, Slots};
use crate::{amdvi, smmuv3};

#[test]
fn a_cmd_sync_has_the_bytes_of_the_specification() {
    assert_eq!(smmuv3::command::sync_none().words(), [0x46, 0]);
    let with_msi = Command::from_words([0x0000_0001_0fc0_1046, 0x1000]);
    assert!(smmuv3::command::is_sync(with_msi));
    assert!(!smmuv3::command::is_sync(Command::from_words([
        0x4630, 0x46
    ])));
}

#[test]
fn a_completion_wait_has_the_bytes_of_the_specification() {
    let wait = amdvi::command::wait(0x1234_5678, 0x1_0000_0002);
    assert_eq!(wait.words(), [0x1000_0000_1234_5679, 0x1_0000_0002]);
    assert!(amdvi::command::is_sync(wait));
    // INVALIDATE_IOMMU_PAGES has opcode 3.
    let pages = Command::from_words([3 << 60, 1]);
    assert!(!amdvi::command::is_sync(pages));
}

#[test]
fn a_vtd_submitter_that_looks_late_sees_that_its_sync_is_done() {
    let (vtd, slots) = (Vtd::new(8), Slots::new(8));
    let is_done = |position| vtd.is_done(&slots, Issued { position, data: 0 });
    let first = vtd.wait(3);
    assert!(!is_done(3));
    vtd.complete(first);
    assert!(is_done(3));
    // The slot serves a later wait that is not done yet.
    vtd.wait(3 + 256);
    assert!(is_done(3));
    assert!(!is_done(3 + 256));
    // And 2^32 descriptors later.
    vtd.wait(3 + (1 << 32));
    assert!(!is_done(3 + (1 << 32)));
}
