//! Golden words: from captured streams where they have the type, else put
//! together by hand from the specification's bit tables. Never from an encoder
//! of this crate.

use super::*;
use crate::{Capture, VtdS1Invalidate};

fn decode2(lo: u64, hi: u64) -> Result<Descriptor, IqError> {
    decode([lo, hi, 0, 0])
}

#[test]
fn captured_descriptors_decode_to_what_linux_meant() {
    assert_eq!(
        decode2(0x11, 0),
        Ok(Descriptor::ContextCache(ContextCache::Global))
    );
    assert_eq!(decode2(0xd2, 0), Ok(Descriptor::IotlbGlobal));
    assert_eq!(
        decode2(0x0000_0002_0000_0025, 0x1a5_cc04),
        Ok(Descriptor::Wait {
            status: Some((0x1a5_cc04, 2)),
            interrupt: false,
            fence: false,
            drain: false
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
            interrupt: true,
            fence: true,
            drain: false
        })
    );
    // 6.5.2.8, IF = SW = FN = PD = 1.
    assert_eq!(
        decode2(0xdead_beef_0000_00f5, 0xfff0),
        Ok(Descriptor::Wait {
            status: Some((0xfff0, 0xdead_beef)),
            interrupt: true,
            fence: true,
            drain: true
        })
    );
}

/// Bits of every capture that this crate has, and how often each type is in it.
#[test]
fn captures_decode_without_an_error() {
    for (name, expected) in [
        ("vtd-first-stage-nvme-strict", [1, 1, 17_617, 17_614]),
        ("vtd-second-stage-nvme-net-strict", [1, 9_968, 9_970, 0]),
        ("vtd-first-stage-nvme-buffered-lazy", [1, 1, 95, 92]),
    ] {
        let capture = Capture::builtin(name).unwrap();
        let kinds: Vec<_> = capture
            .commands()
            .iter()
            .map(|command| decode2(command.words[0], command.words[1]).unwrap().kind())
            .collect();
        let counts = [
            DescriptorType::ContextCache,
            DescriptorType::Iotlb,
            DescriptorType::Wait,
            DescriptorType::PasidIotlb,
        ]
        .map(|kind| kinds.iter().filter(|&&known| known == kind).count());
        assert_eq!(counts, expected, "{name}");
        assert_eq!(counts.iter().sum::<usize>(), kinds.len(), "{name}");
    }
}

#[test]
fn context_cache_descriptors_decode_field_by_field() {
    // 6.5.2.1, G = 10b, DID = 0xbeef.
    assert_eq!(
        decode2(0xbeef_0021, 0),
        Ok(Descriptor::ContextCache(ContextCache::Domain(DomainId(
            0xbeef
        ))))
    );
    // G = 11b, DID = 0x1234, SID = 0xabcd, FM = 10b.
    assert_eq!(
        decode2(0x0002_abcd_1234_0031, 0),
        Ok(Descriptor::ContextCache(ContextCache::Device {
            domain: DomainId(0x1234),
            device: DeviceId(0xabcd),
            function_mask: 2
        }))
    );
}

#[test]
fn pasid_cache_descriptors_decode_field_by_field() {
    for (lo, expected) in [
        // 6.5.2.2, G = 00b, DID = 0xbeef.
        (0xbeef_0007, PasidCache::Domain(DomainId(0xbeef))),
        // G = 01b, DID = 0x1234, PASID = 0xfedcb.
        (
            0x000f_edcb_1234_0017,
            PasidCache::Pasid(DomainId(0x1234), Pasid(0xf_edcb)),
        ),
        // G = 11b.
        (0x37, PasidCache::Global),
    ] {
        assert_eq!(decode2(lo, 0), Ok(Descriptor::PasidCache(expected)));
    }
}

#[test]
fn interrupt_entry_cache_descriptors_decode_field_by_field() {
    assert_eq!(decode2(0x4, 0), Ok(Descriptor::Iec(Iec::Global)));
    // 6.5.2.7, G = 1, IM = 21, IIDX = 0xabcd.
    assert_eq!(
        decode2(0x0000_abcd_a800_0014, 0),
        Ok(Descriptor::Iec(Iec::Indices {
            index: 0xabcd,
            order: 21
        }))
    );
}

#[test]
fn device_tlb_descriptors_decode_field_by_field() {
    // 6.5.2.5, PFSID = 0x1a2b, MIP = 17, SID = 0xabcd, ADDR = 0x7fff0, S = 1.
    assert_eq!(
        decode2(0x1a20_abcd_0011_b003, 0x7fff_0001),
        Ok(Descriptor::DeviceTlb(DeviceTlb {
            device: DeviceId(0xabcd),
            physical_function: DeviceId(0x1a2b),
            max_pending: 17,
            pages: DevicePages {
                addr: 0x7fff_0000,
                size: true
            }
        }))
    );
    // 6.5.2.6, MIP = 17, PFSID = 0x1a2b, SID = 0xabcd, PASID = 0xfedcb, S = 1, G = 1.
    assert_eq!(
        decode2(0x1a2f_edcb_abcd_b118, 0x7fff_0801),
        Ok(Descriptor::PasidDeviceTlb(PasidDeviceTlb {
            device: DeviceId(0xabcd),
            physical_function: DeviceId(0x1a2b),
            max_pending: 17,
            pasid: Pasid(0xf_edcb),
            every_pasid: true,
            pages: DevicePages {
                addr: 0x7fff_0000,
                size: true
            }
        }))
    );
    // S and G are at different places: bit 0 of the second word is S in the one and G
    // in the other, bit 11 is reserved in the one.
    assert_eq!(decode2(0x3, 0x801), Err(IqError::ReservedField));
    let Ok(Descriptor::PasidDeviceTlb(global)) = decode2(0x8, 0x1001) else {
        panic!("not valid");
    };
    assert!(global.every_pasid && !global.pages.size);
}

#[test]
fn the_lowest_zero_of_a_device_address_says_how_many_pages_there_are() {
    let order = |addr, size| DevicePages { addr, size }.order();
    assert_eq!(order(0x7000, false), 0);
    for (addr, expected) in [
        (0x0, 1),
        (0x1000, 2),
        (0x7ff_f000, 16),
        (0x7fff_ffff_ffff_f000, 52),
        (0xffff_ffff_ffff_f000, 52),
    ] {
        assert_eq!(order(addr, true), expected, "{addr:#x}");
    }
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
        (0x13, 0),
        (0x103, 0),
        (0x20_0003, 0),
        (0x0001_0000_0000_0003, 0),
        (0x3, 2),
        (0x8, 2),
        (0x8, 0x400),
        (0x4_0000_0000_0031, 0),
        (0x0100_0004, 1),
        (0x0400_0014, 0),
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
    assert_eq!(pages(0x1_5000, 0), VtdS1Invalidate::new(0x1_5000, 1, 0));
    assert_eq!(pages(0x1_5000, 2), VtdS1Invalidate::new(0x1_4000, 4, 0));
    assert_eq!(pages(!0xfff, 51), VtdS1Invalidate::new(1 << 63, 1 << 51, 0));
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
