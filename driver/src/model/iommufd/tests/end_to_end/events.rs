use super::super::super::super::unit::{FaultReason, Stage};
use super::*;

const F_TRANSLATION: u64 = 0x10;
const F_PERMISSION: u64 = 0x13;
const C_BAD_CD: u64 = 0x0a;
const C_BAD_SUBSTREAMID: u64 = 0x08;
/// CLASS: the input address. RnW.
const IN: u64 = 2 << 40;
const READ: u64 = 1 << 35;
/// What the guest calls its device, as StreamID.
const SID: u64 = 0x99 << 32;

impl Guest {
    fn listening(vendor: Vendor, caps: DeviceCaps, depth: u32) -> (Self, ObjectId) {
        let guest = Self::new(vendor, caps);
        let kind = VeventqType::ARM_SMMUV3;
        let veventq = guest.fd.veventq_alloc(guest.viommu, kind, depth);
        (guest, veventq.unwrap())
    }

    /// Where an access ends.
    fn fault(&self, pasid: Pasid, write: bool) -> (Stage, FaultReason) {
        let translated = self.fd.translate(self.device, pasid, IOVA, write).unwrap();
        let fault = translated.unwrap_err();
        (fault.stage, fault.reason)
    }

    fn records(&self, veventq: ObjectId) -> Vec<[u64; 4]> {
        let read = || self.fd.veventq_read(veventq).unwrap();
        std::iter::from_fn(read)
            .filter_map(|event| event.record)
            .collect()
    }
}

#[test]
fn a_fault_of_the_guests_own_making_is_an_event_with_the_guests_name_of_the_device() {
    let (mut guest, veventq) = Guest::listening(Vendor::SmmuV3, PLAIN, 8);
    let not_present = (Stage::One, FaultReason::NotPresent);
    assert_eq!(guest.fault(Pasid::RID, true), not_present);
    assert_eq!(guest.fault(Pasid::RID, false), not_present);
    // A CD that is not there, and then one that leads to the same tables.
    let no_cd = (Stage::Configuration, FaultReason::NotPresent);
    assert_eq!(guest.fault(Pasid(1), true), no_cd);
    guest.add_pasid(Pasid(1));
    assert_eq!(guest.fault(Pasid(1), true), not_present);
    // S1CDMax is 2: there is no SubstreamID 4.
    assert_eq!(guest.fault(Pasid(4), true), no_cd);
    let mapping = Mapping {
        from: IOVA.0,
        to: OLD,
        size_log2: 12,
        writable: false,
    };
    let words = words(&guest.memory);
    let mapped = guest.table.map(&words, &mut guest.pages, mapping);
    mapped.unwrap();
    let denied = (Stage::One, FaultReason::Permission);
    assert_eq!(guest.fault(Pasid::RID, true), denied);
    let ssid = |pasid: u64| 1 << 11 | pasid << 12;
    assert_eq!(
        guest.records(veventq),
        [
            [SID | F_TRANSLATION, IN, IOVA.0, 0],
            [SID | F_TRANSLATION, IN | READ, IOVA.0, 0],
            [SID | C_BAD_CD | ssid(1), 0, 0, 0],
            [SID | F_TRANSLATION | ssid(1), IN, IOVA.0, 0],
            [SID | C_BAD_SUBSTREAMID | ssid(4), 0, 0, 0],
            [SID | F_PERMISSION, IN, IOVA.0, 0],
        ]
    );
    let read = guest.fd.translate(guest.device, Pasid::RID, IOVA, false);
    assert_eq!(read, Ok(Ok(Pa(GUEST + OLD))));
    assert_eq!(guest.records(veventq), [] as [[u64; 4]; 0]);
}

#[test]
fn what_stage_2_does_not_let_through_is_not_the_guests_to_know() {
    let (mut guest, veventq) = Guest::listening(Vendor::SmmuV3, PLAIN, 8);
    guest.map(GUEST_BYTES);
    let of_the_page = (Stage::Two, FaultReason::NotPresent);
    assert_eq!(guest.fault(Pasid::RID, true), of_the_page);
    // Neither is a table of the guest's that lies where it has no memory.
    guest.fd.ioas_unmap(guest.ioas, Gpa(0), u64::MAX).unwrap();
    let of_a_table = (Stage::Two, FaultReason::NotPresent);
    assert_eq!(guest.fault(Pasid::RID, true), of_a_table);
    assert_eq!(guest.fault(Pasid(1), true), of_a_table);
    assert_eq!(guest.fd.veventq_read(veventq), Ok(None));
}

#[test]
fn more_faults_than_the_queue_holds_are_told_as_lost() {
    let (guest, veventq) = Guest::listening(Vendor::SmmuV3, PLAIN, 2);
    for _ in 0..5 {
        guest.fault(Pasid::RID, true);
    }
    let read = || guest.fd.veventq_read(veventq).unwrap();
    for sequence in 0..2 {
        let event = Vevent {
            flags: 0,
            sequence,
            record: Some([SID | F_TRANSLATION, IN, IOVA.0, 0]),
        };
        assert_eq!(read(), Some(event));
    }
    let lost = Vevent {
        flags: Vevent::LOST_EVENTS,
        sequence: 4,
        record: None,
    };
    assert_eq!(read(), Some(lost));
    assert_eq!(read(), None);
}

#[test]
fn an_atc_is_told_that_there_is_no_page_and_only_a_bad_cd_is_an_event() {
    let (guest, veventq) = Guest::listening(Vendor::SmmuV3, ATS, 8);
    guest.fault(Pasid::RID, true);
    guest.fault(Pasid(1), true);
    let bad_cd = SID | C_BAD_CD | 1 << 11 | 1 << 12;
    assert_eq!(guest.records(veventq), [[bad_cd, 0, 0, 0]]);
}

#[test]
fn nobody_hears_of_a_device_that_is_no_guests_or_of_another_vendor() {
    for vendor in [Vendor::SmmuV3, Vendor::AmdVi] {
        let (guest, veventq) = Guest::listening(vendor, PLAIN, 8);
        if vendor == Vendor::SmmuV3 {
            guest.fd.detach(guest.device, None).unwrap();
        }
        guest.fault(Pasid::RID, true);
        assert_eq!(guest.fd.veventq_read(veventq), Ok(None), "{vendor:?}");
    }
    // Without a vEVENTQ the fault is the same.
    let guest = Guest::new(Vendor::SmmuV3, PLAIN);
    let expected = (Stage::One, FaultReason::NotPresent);
    assert_eq!(guest.fault(Pasid::RID, true), expected);
    let unknown = guest.fd.translate(guest.viommu, Pasid::RID, IOVA, true);
    assert_eq!(errno_of(unknown), crate::errno::ENOENT);
}
