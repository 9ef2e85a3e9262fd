use super::*;
use crate::model::config::Iova;
use crate::model::unit::rig::bench::{self, Subject, Tables, inherent, uncached};
use crate::model::unit::rig::{A, B, C, Change, OLD, Probe, Rig, X, Y, root_one, root_two, run};
use crate::model::unit::{FaultReason, Stage};
use crate::{DomainId, Unit as _};

type Unit = VtdUnit;
type Bench = bench::Bench<Unit>;

impl Subject for Unit {
    const FORMATS: [Format; 2] = [Format::X86, Format::VtdSecondStage];
    /// Two addresses of DID 5 and PASID 1, PASID 2 of DID 5, DID 6, and second stage
    /// only in DID 5.
    const PROBES: &'static [Probe] = &[(A, 1, X), (A, 1, Y), (A, 2, X), (B, 1, X), (C, 0, X)];
    const PAGES: &'static [(usize, u64)] = &[(0, X), (0, Y), (1, X), (2, X)];
    /// Global invalidations of IOTLB and PASID-cache.
    const FORGET: &'static [[u64; 2]] = &[[0x12, 0], [0x37, 0]];

    inherent!(Unit);

    fn configure(&self, _: &Rig, tables: Tables, changed: bool) {
        let did = if changed { 0x10 } else { 5 };
        let entry = |number: u16, stage1: Option<usize>| {
            Some(PasidEntry {
                did: DomainId(did + number),
                stage1: stage1.map(|table| root_one(tables.ones[table])),
                stage2: root_two(tables.two),
            })
        };
        self.set_pasid_entry(A, Pasid(1), entry(0, Some(0)));
        self.set_pasid_entry(A, Pasid(2), entry(0, Some(1)));
        self.set_pasid_entry(B, Pasid(1), entry(1, Some(2)));
        self.set_pasid_entry(C, Pasid::RID, entry(0, None));
    }
}

fn after(change: Change, commands: &[[u64; 2]]) -> String {
    bench::after::<Unit>(change, commands)
}

#[test]
fn without_caches_a_change_is_seen_at_once() {
    for (change, seen) in [
        (Change::Leaf, "NNNNN"),
        (Change::Table, "NNNNN"),
        (Change::Config, "NNNNN"),
        (Change::StageTwo, "NNNNO"),
    ] {
        assert_eq!(uncached::<Unit>(change), seen, "{change:?}");
    }
}

#[test]
fn a_pasid_selective_invalidation_removes_all_of_a_pasid_within_a_domain() {
    let command = [[0x0000_0001_0005_0026, 0]];
    assert_eq!(after(Change::Leaf, &command), "NNOOO");
    assert_eq!(after(Change::Table, &command), "NNOOO");
    assert_eq!(after(Change::Config, &command), "OOOOO");
    assert_eq!(after(Change::StageTwo, &command), "OOOOO");
}

#[test]
fn a_page_selective_invalidation_removes_the_pages_that_its_mask_takes() {
    let page = |hi| after(Change::Leaf, &[[0x0000_0001_0005_0036, hi]]);
    assert_eq!(page(0x20_1000), "NOOOO");
    assert_eq!(page(0x20_0000), "OOOOO");
    // AM 1 and 9 from the start of an aligned block, AM 11 over both addresses.
    assert_eq!(page(0x20_0001), "NOOOO");
    assert_eq!(page(0x60_0009), "ONOOO");
    assert_eq!(page(0x00_000b), "NNOOO");
    assert_eq!(page(0x00_003f), "NNOOO");
}

#[test]
fn the_invalidation_hint_keeps_paging_structure_caches() {
    let page = |change, hi| after(change, &[[0x0000_0001_0005_0036, hi]]);
    assert_eq!(page(Change::Leaf, 0x20_1040), "NOOOO");
    assert_eq!(page(Change::Table, 0x20_1040), "OOOOO");
    assert_eq!(page(Change::Table, 0x20_1000), "NOOOO");
}

#[test]
fn an_iotlb_invalidation_is_global_or_of_a_domain() {
    for change in [Change::Leaf, Change::Table] {
        assert_eq!(after(change, &[[0x12, 0]]), "NNNNN");
        assert_eq!(after(change, &[[0x0005_0022, 0]]), "NNNON");
    }
    assert_eq!(after(Change::StageTwo, &[[0x0005_0022, 0]]), "NNNOO");
    assert_eq!(after(Change::Config, &[[0x12, 0]]), "OOOOO");
}

#[test]
fn an_iotlb_page_invalidation_takes_second_stage_pages_and_all_that_is_nested() {
    let page = |change, hi| after(change, &[[0x0005_0032, hi]]);
    assert_eq!(page(Change::Leaf, 0x20_1000), "NNNON");
    assert_eq!(page(Change::Leaf, 0x7f_f000), "NNNOO");
    assert_eq!(page(Change::Table, 0x20_1000), "NNNON");
    assert_eq!(page(Change::Table, 0x20_1040), "NNNOO");
    // The nested walk ends in a page of the second stage, which is cached too.
    assert_eq!(page(Change::StageTwo, 0x1000), "NNNOO");
    assert_eq!(page(Change::StageTwo, 0x2000), "OOOOO");
}

#[test]
fn a_pasid_cache_invalidation_removes_pasid_entries_only() {
    assert_eq!(after(Change::Config, &[[0x0005_0007, 0]]), "NNNON");
    assert_eq!(
        after(Change::Config, &[[0x0000_0001_0005_0017, 0]]),
        "NNOOO"
    );
    assert_eq!(after(Change::Config, &[[0x37, 0]]), "NNNNN");
    assert_eq!(after(Change::Leaf, &[[0x37, 0]]), "OOOOO");
}

#[test]
fn what_is_not_cached_here_has_no_effect() {
    // Context-cache: global, domain, device. Interrupt entries: global, index.
    for lo in [0x11, 0x0005_0021, 0x0010_0000_0031, 0x04, 0x0007_0000_0014] {
        for change in [Change::Leaf, Change::Config] {
            assert_eq!(after(change, &[[lo, 0]]), "OOOOO", "{lo:#x}");
        }
    }
}

fn after_atc(commands: &[[u64; 2]]) -> String {
    bench::after_atc::<Unit>(Unit::PROBES, commands)
}

#[test]
fn a_device_tlb_invalidation_reaches_the_atc_of_one_device() {
    // Without PASID.
    assert_eq!(after_atc(&[[0x0000_0030_0000_0003, 0x20_1000]]), "OOOON");
    assert_eq!(after_atc(&[[0x0000_0030_0000_0003, 0x20_0001]]), "OOOON");
    assert_eq!(after_atc(&[[0x0000_0030_0000_0003, 0x20_2001]]), "OOOOO");
    // For a device with PASIDs that is every PASID, because the request names none.
    assert_eq!(after_atc(&[[0x0000_0010_0000_0003, 0x20_1000]]), "NONOO");
    let all = [0x0000_0010_0000_0003, 0x7fff_ffff_ffff_f001];
    assert_eq!(after_atc(&[all]), "NNNOO");
    // With PASID 1: a page, 8 KiB, everything; and every PASID.
    let pasid = |hi| after_atc(&[[0x0000_0001_0010_0008, hi]]);
    assert_eq!(pasid(0x20_1000), "NOOOO");
    assert_eq!(pasid(0x20_0800), "NOOOO");
    assert_eq!(pasid(0x7fff_ffff_ffff_f800), "NNOOO");
    assert_eq!(pasid(0x7fff_ffff_ffff_f801), "NNNOO");
}

#[test]
fn an_iotlb_is_not_invalidated_with_an_atc() {
    let mut bench = Bench::new();
    bench.unit.set_ats(A, true);
    bench.look();
    bench.change(Change::Leaf);
    let command = [[0x0000_0001_0010_0008, 0x7fff_ffff_ffff_f800]];
    run(&bench.unit, &command).unwrap();
    assert_eq!(bench.look(), "OOOOO");
}

#[test]
fn a_device_that_does_not_answer_keeps_its_atc_until_it_is_reset() {
    let mut bench = Bench::new();
    bench.unit.set_ats(A, true);
    bench.look();
    bench.change(Change::Leaf);
    bench.unit.fail_atc(A);
    let all = [0x0000_0001_0010_0008, 0x7fff_ffff_ffff_f801];
    assert_eq!(
        run(&bench.unit, &[[0x12, 0], all]),
        Err(HardwareError::AtcTimeout(A))
    );
    assert_eq!(bench.look(), "OOONN");
    bench.unit.set_ats(A, true);
    assert_eq!(bench.look(), "NNNNN");
    run(&bench.unit, &[all]).unwrap();
}

#[test]
fn illegal_descriptors_are_refused_and_have_no_effect() {
    let bench = Bench::new();
    bench.look();
    let before = bench.unit.cache_state();
    for words in [
        [0x00, 0],
        [0x25, 0],
        [0x09, 0],
        [0x206, 0],
        // Granularities that do not exist.
        [0x01, 0],
        [0x02, 0],
        [0x06, 0],
        [0x16, 0],
        [0x27, 0],
        // Reserved bits.
        [0x0000_0001_0005_0066, 0],
        [0x0000_0001_0005_0036, 0x80],
        [0x1_0000_0012, 0],
        [0x37, 1],
    ] {
        let command = Command::from_words(words);
        assert_eq!(
            bench.unit.execute(command),
            Err(HardwareError::Illegal),
            "{words:#x?}"
        );
    }
    assert_eq!(bench.unit.cache_state(), before);
}

#[test]
fn what_is_not_present_is_not_cached() {
    let mut bench = Bench::new();
    let fault = |bench: &Bench, addr, pasid| {
        let fault = bench.unit.translate(A, Pasid(pasid), Iova(addr), false);
        let fault = fault.unwrap_err();
        (fault.stage, fault.reason)
    };
    assert_eq!(
        fault(&bench, X + 0x1000, 1),
        (Stage::One, FaultReason::NotPresent)
    );
    assert_eq!(
        fault(&bench, X, 3),
        (Stage::Configuration, FaultReason::NotPresent)
    );
    bench.rig.map_one(bench.tables.ones[0], X + 0x1000, GAP, 12);
    assert_eq!(
        fault(&bench, X + 0x1000, 1),
        (Stage::Two, FaultReason::NotPresent)
    );
    bench.rig.map_two(bench.tables.two, GAP, OLD);
    let found = bench.unit.translate(A, Pasid(1), Iova(X + 0x1000), true);
    assert!(found.is_ok());
    assert_eq!(
        fault(&bench, 1 << 47, 1),
        (Stage::One, FaultReason::AddressSize)
    );
}

/// A guest-physical address that is not mapped.
const GAP: u64 = 0x30_0000;

#[test]
fn pieces_of_a_large_page_must_each_be_named() {
    let mut bench = Bench::new();
    let large = 0x4000_0000;
    bench.rig.map_one(bench.tables.ones[0], large, 0, 21);
    let probe = [(A, 1, large + OLD)];
    assert_eq!(bench.look_at(&probe), "O");
    bench.tables.ones[0]
        .unmap(&bench.rig.guest(), large, 21)
        .unwrap();
    // VT-d 6.5.2.3: AM must be 9 for a page of 2 MiB.
    run(&bench.unit, &[[0x0000_0001_0005_0036, large]]).unwrap();
    assert_eq!(bench.look_at(&probe), "O");
    run(&bench.unit, &[[0x0000_0001_0005_0036, large | 9]]).unwrap();
    assert_eq!(bench.look_at(&probe), "F");
}

#[test]
fn the_state_of_the_caches_is_equal_whatever_the_order_they_were_filled_in() {
    let (first, second) = (Bench::new(), Bench::new());
    first.look();
    assert_ne!(first.unit.cache_state(), second.unit.cache_state());
    for (device, pasid, addr) in Unit::PROBES.iter().copied().rev() {
        let found = second
            .unit
            .translate(device, Pasid(pasid), Iova(addr), false);
        assert!(found.is_ok());
    }
    assert_eq!(first.unit.cache_state(), second.unit.cache_state());
    run(&first.unit, &[[0x0005_0022, 0]]).unwrap();
    assert_ne!(first.unit.cache_state(), second.unit.cache_state());
    first.unit.clear();
    assert_eq!(first.unit.cache_state().lines, []);
}
