use super::*;
use crate::model::config::{Gpa, Iova};
use crate::model::tables::Words;
use crate::model::unit::Stage;
use crate::model::unit::rig::bench::{self, Subject, Tables, inherent, uncached};
use crate::model::unit::rig::{A, B, C, Change, Probe, Rig, X, Y, root_two, run};
use crate::{DomainId, Unit as _};

/// GCR3 tables of devices A and B, and those of a changed configuration.
const GCR3: [u64; 4] = [0x10000, 0x11000, 0x12000, 0x13000];

type Unit = AmdViUnit;
type Bench = bench::Bench<Unit>;

impl Subject for Unit {
    const FORMATS: [Format; 2] = [Format::X86, Format::AmdV1];
    /// Two addresses of domain 5 and PASID 1, PASID 2 of domain 5, domain 6, and host
    /// translation only in domain 5.
    const PROBES: &'static [Probe] = &[(A, 1, X), (A, 1, Y), (A, 2, X), (B, 1, X), (C, 0, X)];
    const PAGES: &'static [(usize, u64)] = &[(0, X), (0, Y), (1, X), (2, X)];
    /// INVALIDATE_IOMMU_ALL.
    const FORGET: &'static [[u64; 2]] = &[[0x8000_0000_0000_0000, 0]];

    inherent!(Unit);

    fn configure(&self, rig: &Rig, tables: Tables, changed: bool) {
        let (domain, gcr3) = if changed {
            (15, [GCR3[2], GCR3[3]])
        } else {
            (5, [GCR3[0], GCR3[1]])
        };
        write_gcr3s(rig, gcr3, tables);
        let entry = |domain, gcr3_table: Option<u64>| {
            Some(Dte {
                domain: DomainId(domain),
                gcr3_table: gcr3_table.map(Gpa),
                stage2: root_two(tables.two),
            })
        };
        self.set_dte(A, entry(domain, Some(gcr3[0])));
        self.set_dte(B, entry(domain + 1, Some(gcr3[1])));
        self.set_dte(C, entry(domain, None));
    }
}

/// Valid entries with the roots of PASIDs 1 and 2 of device A, and of PASID 1 of B.
fn write_gcr3s(rig: &Rig, gcr3: [u64; 2], tables: Tables) {
    rig.write(gcr3[0] + 8, tables.ones[0].root | 1);
    rig.write(gcr3[0] + 16, tables.ones[1].root | 1);
    rig.write(gcr3[1] + 8, tables.ones[2].root | 1);
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
fn a_guest_invalidation_removes_the_pages_that_its_address_encodes() {
    // PASID 1 of domain 5, GN.
    let pages = |change, hi| after(change, &[[0x3000_0005_0000_0001, hi]]);
    assert_eq!(pages(Change::Leaf, 0x20_1004), "NOOOO");
    assert_eq!(pages(Change::Leaf, 0x20_2004), "OOOOO");
    // S: 8 KiB from 0x20_0000; 8 MiB from 0; everything.
    assert_eq!(pages(Change::Leaf, 0x20_0005), "NOOOO");
    assert_eq!(pages(Change::Leaf, 0x3f_f005), "NNOOO");
    assert_eq!(pages(Change::Leaf, 0x7fff_ffff_ffff_f005), "NNOOO");
}

#[test]
fn page_directory_entries_go_with_pde_only() {
    let pages = |hi| after(Change::Table, &[[0x3000_0005_0000_0001, hi]]);
    assert_eq!(pages(0x20_1004), "OOOOO");
    assert_eq!(pages(0x20_1006), "NOOOO");
    assert_eq!(pages(0x7fff_ffff_ffff_f007), "NNOOO");
}

#[test]
fn a_host_invalidation_takes_host_pages_and_all_guest_translations_of_the_domain() {
    let pages = |change, hi| after(change, &[[0x3000_0005_0000_0000, hi]]);
    assert_eq!(pages(Change::Leaf, 0x20_1000), "NNNON");
    assert_eq!(pages(Change::Leaf, 0x70_0000), "NNNOO");
    assert_eq!(pages(Change::Table, 0x20_1000), "NNNOO");
    assert_eq!(pages(Change::Table, 0x20_1002), "NNNON");
    assert_eq!(pages(Change::StageTwo, 0x1000), "NNNOO");
    assert_eq!(pages(Change::StageTwo, 0x2000), "OOOOO");
    assert_eq!(pages(Change::Config, 0x7fff_ffff_ffff_f003), "OOOOO");
}

#[test]
fn a_device_table_invalidation_removes_dte_and_gcr3_entries_of_a_device() {
    assert_eq!(
        after(Change::Config, &[[0x2000_0000_0000_0010, 0]]),
        "NNNOO"
    );
    assert_eq!(
        after(Change::Config, &[[0x2000_0000_0000_0030, 0]]),
        "OOOON"
    );
    assert_eq!(after(Change::Leaf, &[[0x2000_0000_0000_0010, 0]]), "OOOOO");
}

/// What the probes see after other GCR3 entries and then a command.
fn after_gcr3s(command: [u64; 2]) -> String {
    let mut bench = Bench::new();
    bench.look();
    let tables = bench.new_tables();
    write_gcr3s(&bench.rig, [GCR3[0], GCR3[1]], tables);
    assert_eq!(bench.look(), "OOOOO", "the entries are cached");
    bench.run(&[command]);
    bench.look()
}

#[test]
fn a_gcr3_entry_goes_with_all_of_its_pasid() {
    for (hi, seen) in [
        (0x7fff_ffff_ffff_f005, "OOOOO"),
        (0x20_1006, "OOOOO"),
        (0x7fff_ffff_ffff_f007, "NNOOO"),
    ] {
        assert_eq!(after_gcr3s([0x3000_0005_0000_0001, hi]), seen, "{hi:#x}");
    }
}

#[test]
fn everything_of_a_domain_is_everything_of_every_pasid_of_it() {
    // GN = 0, S, PDE; and that of domain 6.
    let all = 0x7fff_ffff_ffff_f003;
    for change in [Change::Leaf, Change::Table] {
        assert_eq!(after(change, &[[0x3000_0005_0000_0000, all]]), "NNNON");
        assert_eq!(after(change, &[[0x3000_0006_0000_0000, all]]), "OOONO");
    }
    assert_eq!(after_gcr3s([0x3000_0005_0000_0000, all]), "NNNOO");
    assert_eq!(after_gcr3s([0x3000_0006_0000_0000, all]), "OOONO");
    // Without PDE, or of some pages, GCR3 entries stay.
    for hi in [0x7fff_ffff_ffff_f001, 0x20_1002] {
        assert_eq!(after_gcr3s([0x3000_0005_0000_0000, hi]), "OOOOO", "{hi:#x}");
    }
}

#[test]
fn an_invalidation_of_all_leaves_nothing_but_atcs() {
    for change in [Change::Leaf, Change::Table, Change::Config] {
        assert_eq!(after(change, &[[0x8000_0000_0000_0000, 0]]), "NNNNN");
    }
    let mut bench = Bench::new();
    bench.unit.set_ats(A, true);
    bench.look();
    bench.change(Change::Leaf);
    run(&bench.unit, &[[0x8000_0000_0000_0000, 0]]).unwrap();
    assert_eq!(bench.look(), "OOONN");
}

#[test]
fn what_is_not_cached_here_has_no_effect() {
    for lo in [
        0x5000_0000_0000_0010,
        0x6000_0005_0000_0010,
        0x7000_0001_0000_0010,
    ] {
        for change in [Change::Leaf, Change::Config] {
            assert_eq!(after(change, &[[lo, 0]]), "OOOOO", "{lo:#x}");
        }
    }
}

#[test]
fn an_iotlb_invalidation_reaches_the_atc_of_one_device() {
    let after = |commands: &[[u64; 2]]| bench::after_atc::<Unit>(Unit::PROBES, commands);
    // PASID 1: a page, and everything; without PASID; PASID 0x10101 is nobody's.
    assert_eq!(after(&[[0x4001_0010_0000_0010, 0x20_1004]]), "NOOOO");
    assert_eq!(
        after(&[[0x4001_0010_0000_0010, 0x7fff_ffff_ffff_f005]]),
        "NNOOO"
    );
    assert_eq!(after(&[[0x4000_0030_0000_0030, 0x20_1000]]), "OOOON");
    // A request without PASID reaches every one.
    assert_eq!(after(&[[0x4000_0010_0000_0010, 0x20_1000]]), "NONOO");
    let all = [0x4000_0010_0000_0010, 0x7fff_ffff_ffff_f001];
    assert_eq!(after(&[all]), "NNNOO");
    assert_eq!(after(&[[0x4101_0010_0001_0010, 0x20_1004]]), "OOOOO");
}

#[test]
fn a_device_that_does_not_answer_is_named() {
    let bench = Bench::new();
    bench.unit.set_ats(B, true);
    bench.unit.fail_atc(B);
    assert_eq!(
        run(&bench.unit, &[[0x4001_0020_0000_0020, 0x20_1004]]),
        Err(HardwareError::AtcTimeout(B))
    );
}

#[test]
fn illegal_commands_are_refused_and_have_no_effect() {
    let bench = Bench::new();
    bench.look();
    let before = bench.unit.cache_state();
    for words in [
        [0, 0],
        [0x1000_0000_0000_0001, 0],
        [0x9000_0000_0000_0000, 0],
        [0x2000_0000_0001_0010, 0],
        [0x3000_0005_0010_0001, 0x20_1004],
        [0x3000_0005_0000_0001, 0x20_1008],
        [0x8000_0000_0000_0001, 0],
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
fn a_gcr3_table_of_one_level_has_512_pasids() {
    let bench = Bench::new();
    // What lies behind the table of device A is that of device B.
    assert_eq!(
        bench.rig.guest().load(GCR3[1] + 8),
        Some(bench.tables.ones[2].root | 1)
    );
    let found = bench.unit.translate(A, Pasid(513), Iova(X), false);
    let fault = found.unwrap_err();
    assert_eq!(fault.stage, Stage::Configuration);
}
