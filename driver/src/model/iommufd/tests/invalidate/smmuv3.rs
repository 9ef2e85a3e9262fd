use super::*;

/// A vIOMMU with VMID 1 and the device 0x10, which the guest calls 0x99.
fn rig() -> (Rig, ObjectId) {
    let rig = Rig::new(Vendor::SmmuV3);
    let device = rig.device(0, 0x10, PLAIN);
    let parent = rig.nest_parent(device, rig.ioas());
    let (_, viommu) = rig.nested(device, parent);
    (rig, viommu)
}

fn send(rig: &Rig, viommu: ObjectId, words: &[[u64; 2]]) -> Result<(), InvalidateError> {
    let entries: Vec<_> = words
        .iter()
        .map(|&cmd| ArmSmmuV3Invalidate { cmd })
        .collect();
    rig.fd.invalidate(viommu, Entries::ArmSmmuV3(&entries))
}

#[test]
fn vmid_and_stream_id_become_the_hosts() {
    let (rig, viommu) = rig();
    for (guest, host) in [
        // TLBI_NSNH_ALL is everything of the guest.
        ([0x30, 0], [0x0001_0000_0010, 0]),
        ([0x7777_0000_0010, 0], [0x0001_0000_0010, 0]),
        ([0x0005_7777_0000_0011, 0], [0x0005_0001_0000_0011, 0]),
        (
            [0x0005_7777_0000_0012, 0x1001],
            [0x0005_0001_0000_0012, 0x1001],
        ),
        // A range of VA with NUM, SCALE, TTL and TG.
        (
            [0x0005_7777_01f1_f012, 0x1701],
            [0x0005_0001_01f1_f012, 0x1701],
        ),
        ([0x7777_0000_0013, 0x1000], [0x0001_0000_0013, 0x1000]),
        // ATC_INV with SSV, Global, SSID.
        (
            [0x0000_0099_1234_5a40, 0x1034],
            [0x0000_0010_1234_5a40, 0x1034],
        ),
        ([0x0000_0099_1234_5005, 1], [0x0000_0010_1234_5005, 1]),
        ([0x0000_0099_0000_0006, 0], [0x0000_0010_0000_0006, 0]),
    ] {
        assert_eq!(send(&rig, viommu, &[guest]), Ok(()), "{guest:#x?}");
        assert_eq!(rig.words(), [[host]]);
    }
}

#[test]
fn what_could_stop_the_shared_queue_never_reaches_it() {
    let (rig, viommu) = rig();
    for words in [
        // Opcodes: none, CFGI_STE, CFGI_ALL, SYNC, TLBI of EL2, PREFETCH, RESUME.
        [0x00, 0],
        [0x03, 0],
        [0x04, 31],
        [0x46, 0],
        [0x20, 0],
        [0x01, 0],
        [0x44, 0],
        [0x28, 0],
        [0x2a, 0],
        // RES0 and Secure bits.
        [0x30 | 1 << 8, 0],
        [0x30 | 1 << 32, 0],
        [0x10, 1],
        [0x10 | 1 << 48, 0],
        [0x11, 1],
        [0x12 | 1 << 10, 0],
        [0x12, 2],
        [0x13 | 1 << 48, 0],
        [0x99_0000_0040 | 1 << 10, 0],
        [0x99_0000_0006, 1],
        [0x99_0000_0005 | 1 << 11, 0],
        // An ATC_INV of more than everything.
        [0x99_0000_0040, 53],
        // NUM, SCALE, TTL without TG.
        [0x12 | 1 << 12, 0],
        [0x12 | 1 << 20, 0],
        [0x12 | 1 << 25, 0],
        [0x12, 1 << 8],
        // TG without any of them; a SCALE above 31; TTL 1 of 16 KiB.
        [0x12, 1 << 10],
        [0x12 | 1 << 25, 1 << 10],
        [0x12 | 1 << 12, 2 << 10 | 1 << 8],
        // A device that the guest does not have: the host's id is none of its own.
        [0x10_0000_0040, 0],
        [0x10_0000_0005, 0],
    ] {
        let result = send(&rig, viommu, &[[0x10, 0], words, [0x10, 0]]);
        assert_eq!(outcome(result, 3), (EIO, 1), "{words:#x?}");
        assert_eq!(rig.words(), [[[0x0001_0000_0010, 0]]]);
    }
}

#[test]
fn at_most_63_commands_go_at_a_time() {
    let (rig, viommu) = rig();
    assert_eq!(send(&rig, viommu, &[[0x10, 0]; 130]), Ok(()));
    let sizes: Vec<_> = rig.words().iter().map(Vec::len).collect();
    assert_eq!(sizes, [63, 63, 4]);
}

#[test]
fn a_failure_counts_what_is_done_and_names_the_guests_device() {
    let (rig, viommu) = rig();
    let error = HardwareError::AtcTimeout(DeviceId(0x10));
    rig.queues[0].fail_after(1, SubmitError::Rejected { index: 2, error });
    let error = send(&rig, viommu, &[[0x10, 0]; 80]).unwrap_err();
    let expected = InvalidateError {
        errno: ETIMEDOUT,
        handled: 65,
        hardware: Some(HardwareError::AtcTimeout(DeviceId(0x99))),
    };
    assert_eq!(error, expected);
    rig.queues[0].fail_after(1, SubmitError::TimedOut { waited_ms: 1 });
    let result = send(&rig, viommu, &[[0x10, 0]; 80]);
    assert_eq!(outcome(result, 80), (ETIMEDOUT, 63));
}
