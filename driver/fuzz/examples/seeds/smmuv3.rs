use std::error::Error;
use std::fs;
use std::path::Path;

use hwptop_driver::smmuv3::Asid;
use hwptop_driver::smmuv3::command::{
    atc_inv, cfgi_all, cfgi_cd, cfgi_cd_all, cfgi_ste, sync_msi, sync_none, tlbi_nh_all,
    tlbi_nh_asid, tlbi_nh_va, tlbi_nh_vaa, tlbi_nsnh_all,
};
use hwptop_driver::{Capture, Command, DeviceId, Pasid};

use crate::program::{
    ABORT, ATC_TIMEOUT, BATCH, BATCHES, ILLEGAL, Program, QUEUE, STATUS, UNEXPECTED,
};

/// Registers of the target.
const BASE: u8 = 0;
const PROD: u8 = 1;
const CONS: u8 = 2;
const CR0: u8 = 3;
const GERRORN: u8 = 4;
const CMDQEN: u64 = 1 << 3;
/// One outside of memory.
const HOLE: u64 = 0x5000;
const SID: DeviceId = DeviceId(8);

/// The seeds of one capture, and the handwritten ones.
pub(crate) fn write(folder: &Path, capture: &Capture) -> Result<(), Box<dyn Error>> {
    let name = capture.name();
    let mut all = hostile();
    for (kind, first, log2size, times) in [
        ("single", 0, 8, 1),
        ("array", 1, 8, 1),
        ("coalesce", 2, 8, 3),
        ("wrapping", 1, 5, 5),
        ("without-ranges", 5, 8, 1),
    ] {
        let mut program = set_up(first, log2size);
        for (at, batch) in capture.commands().chunks(BATCH).take(BATCHES).enumerate() {
            if at == 1 {
                program = program.fail(0, ATC_TIMEOUT, 1).fail(0, ILLEGAL, 0);
            }
            let commands: Vec<_> = batch
                .iter()
                .map(|command| Command::from_words(command.words))
                .collect();
            program = program.submit(times, &commands);
            program = acknowledge(program);
        }
        all.push((format!("{name}-{kind}"), program));
    }
    for (name, program) in all {
        fs::write(folder.join(name), program.0)?;
    }
    Ok(())
}

/// An enabled queue and a vIOMMU.
fn set_up(first: u8, log2size: u64) -> Program {
    Program::new(first)
        .attach(0, 0)
        .register(BASE, u64::from(QUEUE) | log2size)
        .register(CR0, CMDQEN)
}

/// `GERRORN` of both values: one of them acknowledges, the other does nothing or makes an error active.
fn acknowledge(program: Program) -> Program {
    program
        .register(GERRORN, 0x11)
        .register(GERRORN, 0x00)
        .register(GERRORN, 0x10)
}

fn hostile() -> Vec<(String, Program)> {
    let everything = [
        cfgi_cd(SID, Pasid(1), true),
        cfgi_cd_all(SID),
        tlbi_nh_asid(Asid(3)),
        tlbi_nh_va(Asid(3), 0x1000, true),
        tlbi_nh_va(Asid(3), 0x2000, true),
        tlbi_nh_vaa(0x3000, false),
        atc_inv(SID, Some(Pasid(1)), 0, 0),
        atc_inv(SID, None, 0x1000, 52),
        sync_msi(STATUS, 1),
        cfgi_ste(SID, true),
        cfgi_all(),
        tlbi_nh_all(),
        tlbi_nsnh_all(),
        sync_none(),
        sync_msi(HOLE, 2),
        sync_msi(STATUS + 4, 3),
    ];
    let with = |first| set_up(first, 5);
    let mut all = Vec::new();
    for (kind, first) in [("single", 0), ("array", 1), ("coalesce", 2)] {
        all.push((
            format!("all-commands-{kind}"),
            with(first).submit(3, &everything),
        ));
        for (name, reason) in [
            ("illegal", ILLEGAL),
            ("abort", ABORT),
            ("atc-timeout", ATC_TIMEOUT),
            ("unexpected", UNEXPECTED),
        ] {
            let program = with(first).fail(0, reason, 2).fail(0, reason, 0);
            let program = acknowledge(program.submit(1, &everything[..9]));
            let program = program.submit(1, &everything[3..9]);
            all.push((format!("{name}-{kind}"), acknowledge(program)));
        }
    }
    all.push(("illegal-commands".to_owned(), illegal()));
    // The sync comes with another doorbell than the failure.
    let program = with(1)
        .fail(0, ATC_TIMEOUT, 0)
        .submit(1, &[atc_inv(SID, None, 0, 0)])
        .submit(1, &[tlbi_nh_all(), sync_msi(STATUS, 4)]);
    all.push(("late-sync".to_owned(), acknowledge(program)));
    // Full, more than full, in a hole, and a queue of one command.
    let program = with(1)
        .submit(2, &everything)
        .register(PROD, 0x21)
        .register(PROD, 0x3f)
        .register(CR0, 0)
        .register(BASE, HOLE | 4)
        .register(CR0, CMDQEN);
    all.push(("indices".to_owned(), acknowledge(program)));
    let program = with(1).register(CR0, 0).register(BASE, u64::from(QUEUE));
    let program = program
        .register(CR0, CMDQEN)
        .submit(1, &[sync_msi(STATUS, 9)]);
    all.push(("one-command".to_owned(), program.submit(1, &[sync_none()])));
    all
}

/// SIG_SEV, the reserved CS, a Secure stream, ATC_INV of 2^53 pages, TTL without TG, a range.
fn illegal() -> Program {
    let odd = [
        [0x2046, 0],
        [0x3046, 0],
        [0x0800_0000_0405, 0],
        [0x0800_0000_0040, 53],
        [0x12, 0x1100],
        [0x0020_1013, 0x1400],
    ];
    let mut program = set_up(1, 5);
    for words in odd {
        program = program.submit(
            1,
            &[
                tlbi_nh_va(Asid(3), 0x1000, true),
                Command::from_words(words),
            ],
        );
        // Over the command at fault.
        program = program.register(CR0, 0).register(CONS, 0).register(PROD, 0);
        program = acknowledge(program).register(CR0, CMDQEN);
    }
    program
}
