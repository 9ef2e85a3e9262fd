//! Golden words: from captured streams where they have the type, else put
//! together by hand from the specification's bit tables. Never from an encoder
//! of this crate.

use super::*;

fn decode2(lo: u64, hi: u64) -> Result<Descriptor, IqError> {
    decode([lo, hi, 0, 0])
}

#[test]
fn captured_descriptors_decode_to_what_linux_meant() {
    assert_eq!(decode2(0x11, 0), Ok(Descriptor::ContextCache));
    assert_eq!(decode2(0xd2, 0), Ok(Descriptor::IotlbGlobal));
    assert_eq!(
        decode2(0x0000_0002_0000_0025, 0x1a5_cc04),
        Ok(Descriptor::Wait {
            status: Some((0x1a5_cc04, 2)),
            interrupt: false
        })
    );
    assert_eq!(
        decode2(0x40036, 0xffff_d040),
        Ok(Descriptor::PasidIotlb(
            DomainId(4),
            Pasid(0),
            Granularity::Pages {
                addr: 0xffff_d000,
                order: 0,
                leaf: true
            }
        ))
    );
    assert_eq!(
        decode2(0x40026, 0),
        Ok(Descriptor::PasidIotlb(
            DomainId(4),
            Pasid(0),
            Granularity::Whole
        ))
    );
    assert_eq!(
        decode2(0x500f2, 0xffed_e041),
        Ok(Descriptor::Iotlb(
            DomainId(5),
            Granularity::Pages {
                addr: 0xffed_e000,
                order: 1,
                leaf: true
            }
        ))
    );
}

#[test]
fn descriptors_of_the_specification_decode_field_by_field() {
    // 6.5.2.3, G = 10b, DID = 0xabcd.
    assert_eq!(
        decode2(0xabcd_0022, 0),
        Ok(Descriptor::Iotlb(DomainId(0xabcd), Granularity::Whole))
    );
    // 6.5.2.4, G = 11b, DID = 0x1234, PASID = 0xfedcb, AM = 9, IH = 0.
    assert_eq!(
        decode2(0x000f_edcb_1234_0036, 0x7fff_ffe0_0009),
        Ok(Descriptor::PasidIotlb(
            DomainId(0x1234),
            Pasid(0xf_edcb),
            Granularity::Pages {
                addr: 0x7fff_ffe0_0000,
                order: 9,
                leaf: false
            }
        ))
    );
    // 6.5.2.8, IF = 1, FN = 1, no status write.
    assert_eq!(
        decode2(0x55, 0),
        Ok(Descriptor::Wait {
            status: None,
            interrupt: true
        })
    );
    // 6.5.2.8, IF = SW = FN = PD = 1.
    assert_eq!(
        decode2(0xdead_beef_0000_00f5, 0xfff0),
        Ok(Descriptor::Wait {
            status: Some((0xfff0, 0xdead_beef)),
            interrupt: true
        })
    );
}

#[test]
fn every_type_is_known_by_its_number() {
    for (lo, expected) in [
        (0x0000_0000_0000_0031, DescriptorType::ContextCache),
        (0x0000_0000_0000_0012, DescriptorType::Iotlb),
        (0xfff0_0042_0003_f003, DescriptorType::DeviceTlb),
        (0x0000_00ff_f800_0014, DescriptorType::Iec),
        (0x0000_0000_0000_0005, DescriptorType::Wait),
        (0x0000_0000_0000_0026, DescriptorType::PasidIotlb),
        (0x0000_0000_0000_0037, DescriptorType::PasidCache),
        (0xfff0_0001_0042_f1f8, DescriptorType::PasidDeviceTlb),
    ] {
        assert_eq!(decode2(lo, 0).unwrap().kind(), expected, "{lo:#x}");
    }
}

#[test]
fn the_type_is_seven_bits_in_two_places() {
    // Bits 11:9 are the type's upper three: 0x11 | 1 << 9 is type 17, not 1.
    for bit in [9, 10, 11] {
        assert_eq!(decode2(0x11 | 1 << bit, 0), Err(IqError::InvalidType));
    }
    for unknown in [0, 9, 10, 15] {
        assert_eq!(decode2(unknown, 0), Err(IqError::InvalidType), "{unknown}");
    }
}

#[test]
fn reserved_granularities_are_reserved_field_violations() {
    // Context cache 0, IOTLB 0, PASID-based IOTLB 0 and 1, PASID cache 2.
    for lo in [0x01, 0x02, 0x06, 0x16, 0x27] {
        assert_eq!(decode2(lo, 0), Err(IqError::ReservedField), "{lo:#x}");
    }
}

#[test]
fn reserved_bits_are_reserved_field_violations() {
    for (lo, hi) in [
        (0x51, 0),
        (0x11, 1),
        (0x1_0000_00d2, 0),
        (0xd2, 0x80),
        (0x0010_0000_0004_0036, 0),
        (0x0004_0036, 0x800),
        (0x0004_1036, 0),
        (0x25, 0x1001),
        (0x1_0025, 0),
        (0x24, 0),
        (0x57, 0),
    ] {
        assert_eq!(
            decode2(lo, hi),
            Err(IqError::ReservedField),
            "{lo:#x} {hi:#x}"
        );
    }
    assert_eq!(decode([0x11, 0, 1, 0]), Err(IqError::ReservedField));
    assert_eq!(decode([0x11, 0, 0, 1 << 63]), Err(IqError::ReservedField));
}

#[test]
fn a_range_is_aligned_down_to_its_size() {
    let pages = |addr, order| {
        Granularity::Pages {
            addr,
            order,
            leaf: false,
        }
        .entry()
    };
    assert_eq!(
        pages(0x1_5000, 0),
        VtdS1Invalidate {
            addr: 0x1_5000,
            npages: 1,
            flags: 0
        }
    );
    assert_eq!(
        pages(0x1_5000, 2),
        VtdS1Invalidate {
            addr: 0x1_4000,
            npages: 4,
            flags: 0
        }
    );
    assert_eq!(
        pages(!0xfff, 51),
        VtdS1Invalidate {
            addr: 1 << 63,
            npages: 1 << 51,
            flags: 0
        }
    );
    for order in 52..=63 {
        assert_eq!(pages(!0xfff, order), VtdS1Invalidate::WHOLE, "{order}");
    }
}

#[test]
fn a_leaf_hint_becomes_the_leaf_flag() {
    let entry = Granularity::Pages {
        addr: 0x1000,
        order: 0,
        leaf: true,
    }
    .entry();
    assert_eq!(entry.flags, 1);
}
