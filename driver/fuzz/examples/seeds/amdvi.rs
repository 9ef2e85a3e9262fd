use std::error::Error;
use std::fs;
use std::path::Path;

use hwptop_driver::amdvi::command::{
    devtab_entry, interrupt_table, iommu_all, iommu_pages, iommu_pages_all, iotlb_pages, is_sync,
    wait,
};
use hwptop_driver::{Capture, Command, DeviceId, DomainId, Pasid};

use crate::program::{
    ABORT, ATC_TIMEOUT, BATCH, BATCHES, ILLEGAL, LOG, Program, QUEUE, STATUS, UNEXPECTED,
};

/// Registers of the target.
const BASE: u8 = 0;
const HEAD: u8 = 1;
const TAIL: u8 = 2;
const CONTROL: u8 = 3;
const STATUS_REGISTER: u8 = 4;
const EVENT_BASE: u8 = 5;
const EVENT_HEAD: u8 = 6;
const EVENT_TAIL: u8 = 7;
/// `IommuEn`, `EventLogEn`, `EventIntEn` and `ComWaitIntEn`; with `CmdBufEn`.
const STOPPED: u64 = 0x1d;
const RUNNING: u64 = 0x101d;
/// Length of a buffer and of a log: 256 entries.
const LENGTH: u64 = 8 << 56;
/// One outside of memory.
const HOLE: u64 = 0x5000;
/// The vIOMMU, as a program counts targets.
const VIOMMU: u8 = 7;
const DEVICE: DeviceId = DeviceId(0x18);
const DOMAIN: DomainId = DomainId(4);

/// The seeds of one capture, and the handwritten ones.
pub(crate) fn write(folder: &Path, capture: &Capture) -> Result<(), Box<dyn Error>> {
    let name = capture.name();
    let mut all = hostile();
    for (kind, first, times) in [
        ("single", 0, 1),
        ("array", 1, 1),
        ("coalesce", 2, 3),
        ("wrapping", 1, 7),
    ] {
        let mut program = set_up(first);
        for (at, batch) in capture.commands().chunks(BATCH).take(BATCHES).enumerate() {
            if at == 1 {
                program = program.fail(0, ATC_TIMEOUT, 0).fail(1, 0, 0);
            }
            let commands: Vec<_> = batch
                .iter()
                .map(|command| moved(Command::from_words(command.words)))
                .collect();
            program = restart(program.submit(times, &commands));
        }
        all.push((format!("{name}-{kind}"), program));
    }
    for (name, program) in all {
        fs::write(folder.join(name), program.0)?;
    }
    Ok(())
}

/// A store is moved to where the harness has memory.
fn moved(command: Command) -> Command {
    let [lo, hi] = command.words();
    if is_sync(command) {
        Command::from_words([lo & !0x000f_ffff_ffff_f000 | STATUS, hi])
    } else {
        command
    }
}

/// A running buffer and log, two domains and the vIOMMU.
fn set_up(first: u8) -> Program {
    Program::new(first)
        .attach(4, 0)
        .attach(4, 1)
        .attach(5, 1)
        .attach(0, VIOMMU)
        .register(BASE, u64::from(QUEUE) | LENGTH)
        .register(EVENT_BASE, LOG | LENGTH)
        .register(CONTROL, RUNNING)
}

fn restart(program: Program) -> Program {
    program
        .register(STATUS_REGISTER, 7)
        .register(CONTROL, STOPPED)
        .register(CONTROL, RUNNING)
}

fn hostile() -> Vec<(String, Program)> {
    let interrupting = |address, data| {
        let [lo, hi] = wait(address, data).words();
        Command::from_words([lo | 0b10, hi])
    };
    let everything = [
        devtab_entry(DEVICE),
        iommu_pages(DOMAIN, None, 0x1000, 0, false),
        iommu_pages(DOMAIN, None, 0x2000, 0, false),
        iommu_pages(DomainId(5), Some(Pasid(3)), 0x1_0000, 4, true),
        iotlb_pages(DEVICE, 4, None, 0x1000, 1),
        iotlb_pages(DEVICE, 4, Some(Pasid(0x1_2345)), 0x1000, 64),
        wait(STATUS, 1),
        iommu_pages_all(DOMAIN),
        interrupting(STATUS + 8, 2),
        interrupt_table(DEVICE),
        iommu_all(),
        interrupting(STATUS, 3),
        wait(STATUS + 8, 4),
    ];
    let mut all = Vec::new();
    for (kind, first) in [("single", 0), ("array", 1), ("coalesce", 2)] {
        all.push((
            format!("all-commands-{kind}"),
            set_up(first).submit(3, &everything),
        ));
        for (name, target, reason) in [
            ("illegal", 0, ILLEGAL),
            ("abort", 1, ABORT),
            ("timeout", VIOMMU, ATC_TIMEOUT),
            ("unexpected", VIOMMU, UNEXPECTED),
        ] {
            let program = set_up(first)
                .fail(target, reason, 1)
                .fail(target, reason, 0);
            let program = program
                .submit(1, &everything[..6])
                .submit(1, &everything[6..]);
            let program = restart(program).submit(1, &everything);
            all.push((format!("{name}-{kind}"), restart(program)));
        }
    }
    // The sync comes with another doorbell than the failure.
    let program = set_up(1)
        .fail(VIOMMU, ATC_TIMEOUT, 0)
        .submit(1, &[iotlb_pages(DEVICE, 4, None, 0, 0)])
        .submit(1, &[wait(STATUS, 6), wait(STATUS, 7)]);
    all.push(("late-sync".to_owned(), restart(program)));
    all.push(("illegal-commands".to_owned(), illegal()));
    all.extend(logs());
    all
}

/// Unknown opcode, reserved bit, the revision 3 type of an IOTLB invalidation, a store outside of memory.
fn illegal() -> Program {
    let odd = [
        Command::from_words([0xf000_0000_0000_0000, 0]),
        Command::from_words([0x8000_0000_0000_0001, 0]),
        Command::from_words([0x4000_0018_0400_0018, 0x1010]),
        wait(HOLE, 5),
    ];
    let mut program = set_up(1);
    for command in odd {
        program = program.submit(
            1,
            &[
                iommu_pages(DOMAIN, None, 0x1000, 0, false),
                command,
                wait(STATUS, 1),
            ],
        );
        program = program.register(CONTROL, STOPPED).register(HEAD, 0);
        program = restart(program.register(TAIL, 0));
    }
    program
}

/// Tails outside of the buffer, which fill the log; a log in a hole, its tail outside, of a reserved length.
fn logs() -> Vec<(String, Program)> {
    let mut all = Vec::new();
    for (name, base, head, tail) in [
        ("log-is-full", LOG | LENGTH, 0x20, 0),
        ("log-wraps", LOG | LENGTH, 0x20, 0xff0),
        ("log-in-a-hole", HOLE | LENGTH, 0, 0),
        ("log-tail-outside", LOG | LENGTH, 0, 0x1_0000),
        ("log-of-no-length", LOG | 7 << 56, 0, 0),
    ] {
        let mut program = set_up(1)
            .register(CONTROL, 0)
            .register(EVENT_BASE, base)
            .register(EVENT_HEAD, head)
            .register(EVENT_TAIL, tail)
            .register(CONTROL, RUNNING);
        for _ in 0..4 {
            program = restart(program.register(TAIL, 0x1_0000));
        }
        all.push((name.to_owned(), program.register(TAIL, 0x100)));
    }
    all
}
