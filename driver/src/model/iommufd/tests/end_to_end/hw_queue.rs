use super::*;

const NH_VA: [u64; 2] = [0x12 | ASID << 48, IOVA.0 | 1];

/// A guest behind Tegra's CMDQV and its queue of 256 commands.
fn tegra(caps: DeviceCaps) -> (Guest, ObjectId, HwQueueHandle<Inline>) {
    let guest = Guest::behind(Vendor::SmmuV3, caps, ViommuType::TEGRA241_CMDQV);
    let kind = HwQueueType::TEGRA241_CMDQV;
    let alloc = guest
        .fd
        .hw_queue_alloc(guest.viommu, kind, 0, Gpa(0x8000), 0x1000);
    let id = alloc.unwrap();
    let queue = guest.fd.hw_queue(id).unwrap();
    (guest, id, queue)
}

fn execute(queue: &HwQueueHandle<Inline>, words: [u64; 2]) -> Result<(), HardwareError> {
    queue.execute(Command::from_words(words))
}

#[test]
fn the_hardware_learns_from_the_object_where_its_queue_is() {
    let (guest, _, queue) = tegra(PLAIN);
    assert_eq!((queue.base(), queue.log2size()), (Gpa(0x8000), 8));
    let missing = guest.fd.hw_queue(guest.viommu);
    assert_eq!(errno_of(missing), crate::errno::ENOENT);
}

#[test]
fn what_the_hardware_reads_is_executed_with_the_hosts_vmid_and_stream_id() {
    let (mut guest, _, queue) = tegra(ATS);
    guest.map(OLD);
    assert_eq!(guest.page(), Some(OLD));
    guest.map(NEW);
    // The VMID that the guest writes is somebody else's and does not count.
    execute(&queue, [NH_VA[0] | 0x77 << 32, NH_VA[1]]).unwrap();
    assert_eq!(guest.page(), Some(OLD), "the ATC still has it");
    execute(&queue, [0x99 << 32 | 0x40, IOVA.0]).unwrap();
    assert_eq!(guest.page(), Some(NEW));
}

#[test]
fn what_a_guest_must_not_send_is_illegal_and_does_nothing() {
    let (mut guest, _, queue) = tegra(ATS);
    guest.map(OLD);
    assert_eq!(guest.page(), Some(OLD));
    let unit = match &guest.unit {
        ModelUnit::SmmuV3(unit) => Arc::clone(unit),
        _ => unreachable!("the guest is behind an SMMUv3"),
    };
    let before = unit.cache_state();
    let host_sid = u64::from(DEVICE.0) << 32;
    for words in [
        // CFGI_CD, CFGI_STE, S12_VMALL, S2_IPA, NSNH_ALL, PRI_RESP.
        [0x99 << 32 | 0x05, 0],
        [0x99 << 32 | 0x03, 0],
        [1 << 32 | 0x28, 0],
        [1 << 32 | 0x2a, 0],
        [0x30, 0],
        [0x99 << 32 | 0x41, 0],
        // ATC_INV of a device that is not the guest's, if the host has it or not.
        [host_sid | 0x40, 52],
        [0x9a << 32 | 0x40, 52],
        // A reserved bit.
        [NH_VA[0] | 1 << 8, NH_VA[1]],
    ] {
        let executed = execute(&queue, words);
        assert_eq!(executed, Err(HardwareError::Illegal), "{words:#x?}");
    }
    assert_eq!(unit.cache_state(), before);
}

#[test]
fn a_queue_whose_object_is_destroyed_executes_nothing_more() {
    let (mut guest, id, queue) = tegra(PLAIN);
    guest.map(OLD);
    assert_eq!(guest.page(), Some(OLD));
    guest.map(NEW);
    guest.fd.destroy(id).unwrap();
    assert_eq!(execute(&queue, NH_VA), Err(HardwareError::Abort));
    assert_eq!(guest.page(), Some(OLD));
    // Its index and its memory are free again, for a queue that works.
    let kind = HwQueueType::TEGRA241_CMDQV;
    let again = guest
        .fd
        .hw_queue_alloc(guest.viommu, kind, 0, Gpa(0x8000), 0x1000);
    let queue = guest.fd.hw_queue(again.unwrap()).unwrap();
    execute(&queue, NH_VA).unwrap();
    assert_eq!(guest.page(), Some(NEW));
}
