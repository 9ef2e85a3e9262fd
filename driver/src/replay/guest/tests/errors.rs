use std::error::Error;

use super::*;

#[test]
fn a_descriptor_that_does_not_exist_freezes_the_queue_and_names_the_capture_line() {
    let capture = capture_of(&[
        (0, 0x40026, 0),
        (1, 0x0000_0000_0000_000f, 0),
        (2, 0x0000_0002_0000_0025, 0x5000_0004),
    ]);
    let (mut guest, backend) = recorded(&Stream::from_capture(&capture).unwrap(), Width::Bits256);
    let error = guest.step().unwrap_err();
    let message = error.to_string();
    assert!(
        message.contains("invalid descriptor type (IQEI 3)"),
        "{message}"
    );
    assert!(
        message.contains("command 1 (lo 0x000000000000000f"),
        "{message}"
    );
    assert!(message.starts_with("guest queue frozen: "), "{message}");
    assert!(message.ends_with(" (line 3 of the capture)"), "{message}");
    assert_eq!(backend.take().len(), 1, "what is before it was issued");
    assert_eq!(guest.counters().snapshot().waits, 0);
    assert!(
        matches!(guest.step(), Err(ReplayError::Frozen { .. })),
        "it stays frozen"
    );
}

#[test]
fn a_status_word_beyond_the_address_width_faults_instead_of_being_mapped() {
    let capture = capture_of(&[(0, 0x0000_0002_0000_0025, 0xffff_ffff_ffff_f004)]);
    let (mut guest, _) = recorded(&Stream::from_capture(&capture).unwrap(), Width::Bits256);
    let message = guest.step().unwrap_err().to_string();
    assert!(
        message.contains("0xfffffffffffff004 is outside of guest memory"),
        "{message}"
    );
}

#[test]
fn a_failed_request_freezes_the_replay_and_is_told() {
    let (mut guest, backend) = recorded(
        &builtin("vtd-first-stage-nvme-buffered-lazy"),
        Width::Bits256,
    );
    guest.step().unwrap();
    backend.fail(ObjectId(1), InvalidateError::new(5, 0));
    guest.step().unwrap();
    let message = guest.step().unwrap_err().to_string();
    assert!(message.contains("request to object 1"), "{message}");
    assert!(message.contains("errno 5"), "{message}");
    assert!(message.contains("line 5 of the capture"), "{message}");
}

#[test]
fn an_error_says_its_reason_once_and_has_no_source_to_say_it_again() {
    let map = || ReplayError::Map(GuestMemoryMmap::<()>::from_ranges(&[]).unwrap_err());
    let memory = || GuestMemoryError::PartialBuffer {
        expected: 4,
        completed: 2,
    };
    let spawn = std::io::Error::from_raw_os_error(11);
    let reason = spawn.to_string();
    for (error, reason) in [
        (map(), "No memory region found"),
        (memory().into(), "only used 2 bytes"),
        (ReplayError::Spawn(spawn), reason.as_str()),
    ] {
        let message = error.to_string();
        assert_eq!(message.matches(reason).count(), 1, "{message}");
        assert!(error.source().is_none(), "{message}");
    }
    let capture = capture_of(&[(0, 0xf, 0)]);
    let (mut guest, _) = recorded(&Stream::from_capture(&capture).unwrap(), Width::Bits256);
    assert!(guest.step().unwrap_err().source().is_none());
}

#[test]
fn a_command_that_is_invalid_for_its_vendor_freezes_the_queue_behind_what_is_valid() {
    for (vendor, good, invalid) in [
        (Vendor::Vtd, [0x4_0026, 0], [0x4_0006, 0]),
        (Vendor::SmmuV3, [0x10, 0], [0xee, 0]),
        (Vendor::AmdVi, [0x3000_0004_0000_0000, 0], [0xf << 60, 0]),
        // A reserved bit; a granularity that does not exist.
        (Vendor::Vtd, [0x4_0026, 0], [0x8000_0000_0004_0026, 1 << 63]),
        (
            Vendor::AmdVi,
            [0x3000_0004_0000_0000, 0],
            [0x2000_0000_0001_0000, 0],
        ),
    ] {
        let sync = Stream::synthetic(vendor, []).sync(0x5000_0000, 2);
        let capture = Capture::of(vendor, [good, sync, good, invalid, sync]);
        let stream = Stream::from_capture(&capture).unwrap();
        let backend = Arc::new(RecordingBackend::new());
        let mut guest = crate::guest_on(&stream, Arc::clone(&backend)).unwrap();
        guest.step().unwrap();
        let error = guest.step().unwrap_err();
        assert!(
            matches!(error, ReplayError::Frozen { fault, command: Some(3) } if fault.index == 3),
            "{vendor:?}: {error}"
        );
        assert_eq!(backend.take().len(), 2, "{vendor:?}");
        assert_eq!(guest.counters().snapshot().waits, 1, "{vendor:?}");
    }
}

#[test]
fn a_sync_of_amd_that_is_passed_without_completing_is_told_with_all_64_bits() {
    let device = 0x4000_0018_0000_0018;
    let sync = [0x1000_0000_5000_0009, 0xfeed_0000_0000_0001];
    let capture = Capture::of(Vendor::AmdVi, [[device, 0x1000], sync]);
    let stream = Stream::from_capture(&capture).unwrap();
    let backend = Arc::new(RecordingBackend::new());
    let mut guest = crate::guest_on(&stream, Arc::clone(&backend)).unwrap();
    let timeout = crate::HardwareError::AtcTimeout(crate::DeviceId(0x18));
    let error = InvalidateError {
        hardware: Some(timeout),
        ..InvalidateError::new(5, 0)
    };
    backend.fail(ObjectId(1), error);
    let message = guest.step().unwrap_err().to_string();
    let expected = "status word 0x50000008 holds 0x112fffffffffffe and not 0xfeed000000000001";
    assert!(message.starts_with(expected), "{message}");
    // The same on a second try, whose invalidation succeeds.
    guest.rewind();
    guest.step().unwrap();
}
