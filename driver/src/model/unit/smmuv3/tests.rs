use super::*;
use crate::Unit as _;
use crate::model::config::{Gpa, Iova};
use crate::model::tables::{Table, Words};
use crate::model::unit::rig::bench::{self, Subject, Tables, inherent, uncached};
use crate::model::unit::rig::{A, B, C, Change, OLD, Probe, Rig, X, Y, Z, root_two, run};

/// CD tables of devices A and B, and those of a changed configuration.
const CDS: [u64; 4] = [0x10000, 0x11000, 0x12000, 0x13000];

type Unit = SmmuV3Unit;
type Bench = bench::Bench<Unit>;

impl Subject for Unit {
    const FORMATS: [Format; 2] = [Format::LpaeStage1, Format::LpaeStage2];
    /// Two addresses of VMID 5 and ASID 1, ASID 2 of VMID 5, VMID 6, stage 2 only in
    /// VMID 5, and a global page of VMID 5.
    const PROBES: &'static [Probe] = &[
        (A, 1, X),
        (A, 1, Y),
        (A, 2, X),
        (B, 1, X),
        (C, 0, X),
        (A, 3, Z),
    ];
    const PAGES: &'static [(usize, u64)] = &[(0, X), (0, Y), (1, X), (2, X), (3, Z)];
    const FORGET: &'static [[u64; 2]] = &[[NSNH_ALL, 0], [0x04, 31]];

    inherent!(Unit);

    fn configure(&self, rig: &Rig, tables: Tables, changed: bool) {
        let (vmid, asid, cds) = if changed {
            (15, 0x10, [CDS[2], CDS[3]])
        } else {
            (5, 0, [CDS[0], CDS[1]])
        };
        for (cd, asid, table) in [
            (cds[0] + 0x40, asid + 1, 0),
            (cds[0] + 0x80, asid + 2, 1),
            (cds[0] + 0xc0, asid + 3, 3),
            (cds[1] + 0x40, asid + 1, 2),
        ] {
            write_cd(rig, cd, asid, tables.ones[table]);
        }
        let ste = |vmid, stage1| {
            Some(Ste {
                vmid,
                stage1,
                stage2: root_two(tables.two),
            })
        };
        let translate = |cd_table| SteStage1::Translate {
            cd_table: Gpa(cd_table),
            cd_max_log2: 2,
        };
        self.set_ste(A, ste(vmid, translate(cds[0])));
        self.set_ste(B, ste(vmid + 1, translate(cds[1])));
        self.set_ste(C, ste(vmid, SteStage1::Bypass));
    }

    /// Clears nG of the page at [`Z`].
    fn finish(rig: &Rig, tables: Tables) {
        let guest = rig.guest();
        let below = |table: u64, index: u64| guest.load(table + index * 8).unwrap() & 0xffff_f000;
        let last = below(below(below(tables.ones[3].root, 0), 0), 5);
        let page = guest.load(last + 8).unwrap();
        rig.write(last + 8, page & !0x800);
    }
}

/// ASID, AA64, V, T0SZ 16; TTB0.
fn write_cd(rig: &Rig, cd: u64, asid: u64, table: Table) {
    rig.write(cd, asid << 48 | 0x0200_8000_0010);
    rig.write(cd + 8, table.root);
}

fn after(change: Change, commands: &[[u64; 2]]) -> String {
    bench::after::<Unit>(change, commands)
}

#[test]
fn without_caches_a_change_is_seen_at_once() {
    for (change, seen) in [
        (Change::Leaf, "NNNNNN"),
        (Change::Table, "NNNNNN"),
        (Change::Config, "NNNNNN"),
        (Change::StageTwo, "NNNNON"),
    ] {
        assert_eq!(uncached::<Unit>(change), seen, "{change:?}");
    }
}

/// TLBI commands for VMID 5, ASID 1.
const NH_ALL: u64 = 0x0000_0005_0000_0010;
const NH_ASID: u64 = 0x0001_0005_0000_0011;
const NH_VA: u64 = 0x0001_0005_0000_0012;
const NH_VAA: u64 = 0x0000_0005_0000_0013;
const S12_VMALL: u64 = 0x0000_0005_0000_0028;
const S2_IPA: u64 = 0x0000_0005_0000_002a;
const NSNH_ALL: u64 = 0x30;

#[test]
fn tlbi_nh_all_removes_stage_1_of_a_vmid() {
    for change in [Change::Leaf, Change::Table] {
        assert_eq!(after(change, &[[NH_ALL, 0]]), "NNNOON");
    }
    assert_eq!(after(Change::Config, &[[NH_ALL, 0]]), "OOOOOO");
}

#[test]
fn tlbi_nh_asid_removes_an_asid_but_no_global_page() {
    for change in [Change::Leaf, Change::Table] {
        assert_eq!(after(change, &[[NH_ASID, 0]]), "NNOOOO");
        assert_eq!(after(change, &[[0x0003_0005_0000_0011, 0]]), "OOOOOO");
    }
}

#[test]
fn tlbi_nh_va_removes_a_page_of_an_asid_or_a_global_one() {
    let page = |hi| after(Change::Leaf, &[[NH_VA, hi]]);
    assert_eq!(page(0x20_1000), "NOOOOO");
    assert_eq!(page(0x20_0000), "OOOOOO");
    // Whatever the ASID.
    assert_eq!(page(0xa0_1000), "OOOOON");
    let own = [0x0003_0005_0000_0012, 0xa0_1000];
    assert_eq!(after(Change::Leaf, &[own]), "OOOOON");
    // Of the VMID.
    let other = [0x0003_0006_0000_0012, 0xa0_1000];
    assert_eq!(after(Change::Leaf, &[other]), "OOOOOO");
    assert_eq!(after(Change::Leaf, &[[NH_VAA, 0x20_1000]]), "NONOOO");
    assert_eq!(after(Change::Leaf, &[[NH_VAA, 0xa0_1000]]), "OOOOON");
}

#[test]
fn tables_on_the_way_stay_where_leaf_is_set() {
    for (command, seen) in [(NH_VA, "NOOOOO"), (NH_VAA, "NONOOO"), (S2_IPA, "OOOONO")] {
        assert_eq!(after(Change::Table, &[[command, 0x20_1000]]), seen);
        assert_eq!(after(Change::Table, &[[command, 0x20_1001]]), "OOOOOO");
        assert_eq!(after(Change::Leaf, &[[command, 0x20_1001]]), seen);
    }
}

#[test]
fn a_range_has_as_many_pages_as_num_and_scale_say() {
    let range = |lo, hi| after(Change::Leaf, &[[NH_VA | lo, hi]]);
    // TG 1. From X: one page; 2^11 pages; 32 * 2^5, which end one short of Y.
    assert_eq!(range(0, 0x20_1400), "NOOOOO");
    assert_eq!(range(0x00b0_0000, 0x20_1400), "NNOOOO");
    assert_eq!(range(0x0051_f000, 0x20_1400), "NOOOOO");
    assert_eq!(range(0x0051_f000, 0x20_2400), "ONOOOO");
    assert_eq!(range(0x03f1_f000, 0x1400), "NNOOON");
    // TG 0: NUM and SCALE mean nothing. TG 3: another granule.
    assert_eq!(range(0x00b0_0000, 0x20_1000), "NOOOOO");
    assert_eq!(range(0x00b0_0000, 0x20_1c00), "OOOOOO");
}

#[test]
fn ttl_names_the_level_of_the_leaf() {
    // Levels 3 and 2, with a range; without one TTL is not looked at.
    assert_eq!(after(Change::Leaf, &[[NH_VA, 0x20_1700]]), "NOOOOO");
    assert_eq!(after(Change::Leaf, &[[NH_VA, 0x20_1600]]), "OOOOOO");
    assert_eq!(after(Change::Leaf, &[[NH_VA, 0x20_1200]]), "NOOOOO");
}

#[test]
fn tlbi_s2_ipa_does_not_reach_what_stages_1_and_2_made_together() {
    assert_eq!(after(Change::Leaf, &[[S2_IPA, 0x20_1000]]), "OOOONO");
    assert_eq!(after(Change::StageTwo, &[[S2_IPA, 0x1000]]), "OOOOOO");
    assert_eq!(after(Change::StageTwo, &[[NH_ALL, 0]]), "OOOOOO");
    let both = [[S2_IPA, 0x1000], [NH_ALL, 0]];
    assert_eq!(after(Change::StageTwo, &both), "NNNOON");
}

#[test]
fn tlbi_s12_vmall_removes_a_vmid_and_tlbi_nsnh_all_everything() {
    for change in [Change::Leaf, Change::Table] {
        assert_eq!(after(change, &[[S12_VMALL, 0]]), "NNNONN");
        assert_eq!(after(change, &[[NSNH_ALL, 0]]), "NNNNNN");
    }
    assert_eq!(after(Change::StageTwo, &[[S12_VMALL, 0]]), "NNNOON");
    assert_eq!(after(Change::Config, &[[NSNH_ALL, 0]]), "OOOOOO");
}

#[test]
fn a_block_of_stage_1_goes_as_a_whole_where_stage_2_has_it_in_pieces() {
    let mut bench = Bench::new();
    let block = 0x4000_0000;
    bench.rig.map_one(bench.tables.ones[0], block, 0, 21);
    let probe = [(A, 1, block + OLD)];
    assert_eq!(bench.look_at(&probe), "O");
    bench.tables.ones[0]
        .unmap(&bench.rig.guest(), block, 21)
        .unwrap();
    assert_eq!(bench.look_at(&probe), "O");
    // TTL 3 names pages; the leaf is a block.
    run(&bench.unit, &[[NH_VA, block | 0x701]]).unwrap();
    assert_eq!(bench.look_at(&probe), "O");
    run(&bench.unit, &[[NH_VA, block | 1]]).unwrap();
    assert_eq!(bench.look_at(&probe), "F");
}

#[test]
fn cfgi_removes_configurations_and_no_translations() {
    // The global page is still cached under its VMID, whatever the CD says now.
    assert_eq!(
        after(Change::Config, &[[0x0000_0010_0000_0003, 0]]),
        "NNNOON"
    );
    assert_eq!(
        after(Change::Config, &[[0x0000_0020_0000_0003, 1]]),
        "OOONOO"
    );
    assert_eq!(
        after(Change::Config, &[[0x0000_0030_0000_0003, 1]]),
        "OOOONO"
    );
    // 2^5 STEs from 0x20 on, named by one in their middle; all.
    assert_eq!(
        after(Change::Config, &[[0x0000_0028_0000_0004, 4]]),
        "OOONNO"
    );
    assert_eq!(after(Change::Config, &[[0x04, 31]]), "NNNNNN");
    assert_eq!(after(Change::Leaf, &[[0x04, 31]]), "OOOOOO");
}

#[test]
fn cfgi_cd_removes_cds_and_keeps_the_ste() {
    let after = |commands: &[[u64; 2]]| {
        let mut bench = Bench::new();
        bench.look();
        let tables = bench.new_tables();
        for (ssid, table) in [(1, 0), (2, 1), (3, 3)] {
            let cd = CDS[0] + ssid * 0x40;
            write_cd(&bench.rig, cd, 0x10 + ssid, tables.ones[table]);
        }
        assert_eq!(bench.look(), "OOOOOO", "the CD cache is real");
        run(&bench.unit, commands).unwrap();
        bench.look()
    };
    assert_eq!(after(&[[0x0000_0010_0000_1005, 0]]), "NNOOOO");
    assert_eq!(after(&[[0x0000_0010_0000_2005, 1]]), "OONOOO");
    // The global page stays: it is cached for every ASID of the VMID.
    assert_eq!(after(&[[0x0000_0010_0000_0006, 0]]), "NNNOOO");
    assert_eq!(after(&[[0x0000_0020_0000_0006, 0]]), "OOOOOO");
}

#[test]
fn prefetches_have_no_effect() {
    for opcode in [0x01, 0x02] {
        let command = [[0x0000_0010_0000_0000 | opcode, 0x20_1000]];
        assert_eq!(after(Change::Leaf, &command), "OOOOOO");
    }
}

#[test]
fn atc_inv_reaches_the_atc_of_one_device() {
    let after = |commands: &[[u64; 2]]| bench::after_atc::<Unit>(Unit::PROBES, commands);
    // SSV, SSID 1: one page, 2 pages, everything (Size 52); Global.
    assert_eq!(after(&[[0x0000_0010_0000_1840, 0x20_1000]]), "NOOOOO");
    assert_eq!(after(&[[0x0000_0010_0000_1840, 0x20_0001]]), "NOOOOO");
    assert_eq!(after(&[[0x0000_0010_0000_1840, 0x34]]), "NNOOOO");
    assert_eq!(after(&[[0x0000_0010_0000_1a40, 0x34]]), "NNNOON");
    // Without SSV every SubstreamID and none, whatever Global and SubstreamID say.
    assert_eq!(after(&[[0x0000_0030_0000_0040, 0x20_1000]]), "OOOONO");
    assert_eq!(after(&[[0x0000_0010_0000_0040, 0x20_1000]]), "NONOOO");
    assert_eq!(after(&[[0x0000_0010_0000_0040, 0x34]]), "NNNOON");
    assert_eq!(after(&[[0x0000_0010_0000_1240, 0x34]]), "NNNOON");
}

#[test]
fn a_device_that_does_not_answer_is_named() {
    let bench = Bench::new();
    bench.unit.set_ats(B, true);
    bench.unit.fail_atc(B);
    assert_eq!(
        run(&bench.unit, &[[0x0000_0020_0000_1840, 0x20_1000]]),
        Err(HardwareError::AtcTimeout(B))
    );
}

#[test]
fn illegal_commands_are_refused_and_have_no_effect() {
    let bench = Bench::new();
    bench.look();
    let before = bench.unit.cache_state();
    // None, reserved, EL2, PRI_RESP, SYNC; a secure stream.
    for lo in [0x00, 0x07, 0x14, 0x20, 0x41, 0x46, 0x403, 0x440] {
        let command = Command::from_words([lo, 0]);
        assert_eq!(
            bench.unit.execute(command),
            Err(HardwareError::Illegal),
            "{lo:#x}"
        );
    }
    assert_eq!(bench.unit.cache_state(), before);
}

#[test]
fn a_configuration_that_cannot_be_used_faults_and_is_not_cached() {
    let bench = Bench::new();
    let reason = |device, pasid| {
        let found = bench.unit.translate(device, Pasid(pasid), Iova(X), false);
        found.map_err(|fault| fault.reason)
    };
    // SSID beyond S1CDMax; a CD without V, then one without AA64; bypass with SSID.
    assert_eq!(reason(A, 4), Err(FaultReason::NotPresent));
    assert_eq!(reason(A, 0), Err(FaultReason::NotPresent));
    bench.rig.write(CDS[0], 0x8000_0010);
    assert_eq!(reason(A, 0), Err(FaultReason::Malformed));
    bench.rig.write(CDS[0], 0x0200_8000_0010);
    bench.rig.write(CDS[0] + 8, bench.tables.ones[0].root);
    assert!(reason(A, 0).is_ok());
    assert_eq!(reason(C, 1), Err(FaultReason::NotPresent));
    bench.unit.set_ste(
        B,
        Some(Ste {
            vmid: 6,
            stage1: SteStage1::Abort,
            stage2: root_two(bench.tables.two),
        }),
    );
    assert_eq!(reason(B, 1), Err(FaultReason::Abort));
}
