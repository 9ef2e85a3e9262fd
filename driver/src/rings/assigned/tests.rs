use std::sync::Mutex;
use std::time::{Duration, Instant};

use hwptop_abi::Vendor;
use vm_memory::Bytes;

use super::*;
use crate::{Command, DeviceId, HardwareError, Nanos};

const INSTANCE: InstanceArg = InstanceArg::new(0, Vendor::SmmuV3, true);
const BASE: GuestAddress = GuestAddress(0x1_0000);
const MSI: u64 = 0x2_0000;

/// `TLBI_NH_ASID` with the ASID in bits 63:48.
const fn tlbi(asid: u64) -> [u64; 2] {
    [asid << 48 | 0x11, 0]
}

const SYNC: [u64; 2] = [0x46, 0];
/// CS is 1, MSIData 0x55.
const SYNC_MSI: [u64; 2] = [0x55_0000_1046, MSI];
/// ASIDs that the unit refuses.
const ILLEGAL: [u64; 2] = tlbi(0xffff);
const ATC_TIMEOUT: [u64; 2] = tlbi(0xfffe);
const ABORT: [u64; 2] = tlbi(0xfffd);

const CMDQ_ERR: u32 = 1;
const MSI_CMDQ_ABT_ERR: u32 = 0x10;

/// A unit behind which the guest's VMID is replaced by the host's 7.
#[derive(Default)]
struct Vintf(Mutex<Vec<(u64, u64)>>);

impl Unit for Vintf {
    fn execute(&self, command: Command) -> Result<(), HardwareError> {
        let [lo, _] = command.words();
        match lo >> 48 {
            0xffff => Err(HardwareError::Illegal),
            0xfffe => Err(HardwareError::AtcTimeout(DeviceId(3))),
            0xfffd => Err(HardwareError::Abort),
            asid => {
                self.0.lock().unwrap().push((7, asid));
                Ok(())
            }
        }
    }
}

/// A guest with a queue of 8 commands.
struct Guest {
    queue: AssignedQueue,
    memory: GuestMemoryMmap,
    unit: Arc<Vintf>,
    prod: u32,
}

impl Guest {
    fn new() -> Self {
        Self::with_queue_at(BASE, TimingProfile::INSTANT)
    }

    fn with_queue_at(base: GuestAddress, profile: TimingProfile) -> Self {
        let memory = GuestMemoryMmap::from_ranges(&[(BASE, 0x1_1000)]).unwrap();
        let unit = Arc::new(Vintf::default());
        let queue = AssignedQueue::spawn(INSTANCE, profile, unit.clone(), memory.clone(), base, 3);
        Self {
            queue: queue.unwrap(),
            memory,
            unit,
            prod: 0,
        }
    }

    fn write(&self, index: u32, command: [u64; 2]) {
        let addr = BASE.0 + u64::from(index % 8) * 16;
        for (addr, word) in [addr, addr + 8].into_iter().zip(command) {
            self.memory
                .write_slice(&word.to_le_bytes(), GuestAddress(addr))
                .unwrap();
        }
    }

    fn push(&mut self, commands: &[[u64; 2]]) {
        for &command in commands {
            self.write(self.prod, command);
            self.prod = (self.prod + 1) % 16;
        }
        self.queue.write_prod(self.prod);
    }

    /// Waits as a guest does: for CONS to pass everything.
    fn wait(&self) {
        until("CONS passes PROD", || self.queue.cons() == self.prod);
    }

    /// Waits for the queue to stop.
    fn wait_for_error(&self, acknowledged: u32) {
        until("an error", || {
            (self.queue.gerror() ^ acknowledged) & CMDQ_ERR != 0
        });
    }

    fn executed(&self) -> Vec<(u64, u64)> {
        std::mem::take(&mut self.unit.0.lock().unwrap())
    }
}

fn until(what: &str, mut is: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_mins(1);
    while !is() {
        assert!(Instant::now() < deadline, "never: {what}");
        std::thread::yield_now();
    }
}

#[test]
fn a_guest_fills_the_queue_itself_and_cons_passes_what_is_done() {
    let mut guest = Guest::new();
    for round in 0..50 {
        let asids = [3 * round, 3 * round + 1, 3 * round + 2];
        guest.push(&asids.map(tlbi));
        guest.push(&[SYNC]);
        guest.wait();
        assert_eq!(
            guest.executed(),
            asids.map(|asid| (7, asid)),
            "in order, before the sync, on the host's VMID"
        );
    }
    let counts = AssignedCounts {
        commands: 150,
        syncs: 50,
        errors: 0,
    };
    assert_eq!(guest.queue.counts(), counts);
    assert_eq!(guest.queue.gerror(), 0);
    assert_eq!(guest.queue.prod(), guest.prod);
}

#[test]
fn a_queue_can_be_filled_to_the_last_slot() {
    let mut guest = Guest::new();
    for round in 0..20 {
        guest.push(&[tlbi(round), SYNC, SYNC, SYNC, SYNC, SYNC, SYNC, SYNC]);
        guest.wait();
    }
    assert_eq!(guest.executed().len(), 20);
}

#[test]
fn a_sync_writes_its_msi_after_everything_before_it() {
    let mut guest = Guest::new();
    guest.push(&[tlbi(1), SYNC_MSI]);
    until("the MSI", || {
        let word: u32 = guest.memory.read_obj(GuestAddress(MSI)).unwrap();
        word == 0x55
    });
    assert_eq!(guest.executed(), [(7, 1)]);
    assert_eq!(guest.queue.cons(), 2);
}

#[test]
fn an_msi_that_cannot_be_written_is_an_error_that_stops_nothing() {
    let mut guest = Guest::new();
    guest.push(&[[0x1046, 0xffff_ffff_f000], tlbi(1), SYNC]);
    guest.wait();
    until("GERROR", || guest.queue.gerror() == MSI_CMDQ_ABT_ERR);
    assert_eq!(guest.executed(), [(7, 1)]);
    // Active still, so not toggled back by the next.
    guest.push(&[[0x1046, 0xffff_ffff_f000], SYNC]);
    guest.wait();
    assert_eq!(guest.queue.gerror(), MSI_CMDQ_ABT_ERR);
}

#[test]
fn an_illegal_command_stops_the_queue_until_it_is_acknowledged() {
    let mut guest = Guest::new();
    guest.push(&[tlbi(1), ILLEGAL, tlbi(2), SYNC]);
    guest.wait_for_error(0);
    assert_eq!(guest.queue.cons(), 1 | 1 << 24, "CERROR_ILL");
    assert_eq!(guest.executed(), [(7, 1)]);
    // Another PROD does not start it.
    guest.push(&[tlbi(3), SYNC]);
    assert_eq!(guest.queue.cons(), 1 | 1 << 24);
    // As arm_smmu_cmdq_skip_err does.
    guest.write(1, SYNC);
    guest.queue.write_gerrorn(CMDQ_ERR);
    guest.wait();
    assert_eq!(guest.executed(), [(7, 2), (7, 3)]);
    assert_eq!(guest.queue.counts().errors, 1);
}

#[test]
fn an_illegal_command_that_stays_stops_the_queue_again() {
    let mut guest = Guest::new();
    // CS 3 is reserved.
    guest.push(&[[0x3046, 0]]);
    guest.wait_for_error(0);
    guest.queue.write_gerrorn(CMDQ_ERR);
    guest.wait_for_error(CMDQ_ERR);
    assert_eq!(guest.queue.gerror(), 0);
    assert_eq!(guest.queue.cons(), 1 << 24);
}

#[test]
fn an_atc_timeout_is_reported_by_the_next_sync() {
    let mut guest = Guest::new();
    guest.push(&[ATC_TIMEOUT, tlbi(1), SYNC, tlbi(2), SYNC]);
    guest.wait_for_error(0);
    assert_eq!(guest.queue.cons(), 2 | 3 << 24, "CERROR_ATC_INV_SYNC");
    assert_eq!(guest.executed(), [(7, 1)]);
    guest.queue.write_gerrorn(CMDQ_ERR);
    guest.wait();
    assert_eq!(guest.executed(), [(7, 2)], "the sync completed this time");
}

#[test]
fn a_command_that_aborts_is_retried_after_the_acknowledgement() {
    let mut guest = Guest::new();
    guest.push(&[ABORT, SYNC]);
    guest.wait_for_error(0);
    assert_eq!(guest.queue.cons(), 2 << 24, "CERROR_ABT");
    guest.write(0, tlbi(1));
    guest.queue.write_gerrorn(CMDQ_ERR);
    guest.wait();
    assert_eq!(guest.executed(), [(7, 1)]);
}

#[test]
fn a_queue_outside_guest_memory_is_a_fetch_that_aborts() {
    for base in [0, 0x10_0000, !0x7f] {
        let guest = Guest::with_queue_at(GuestAddress(base), TimingProfile::INSTANT);
        guest.queue.write_prod(1);
        guest.wait_for_error(0);
        assert_eq!(guest.queue.cons(), 2 << 24, "CERROR_ABT");
    }
}

#[test]
fn prod_keeps_only_index_and_wrap_bit_and_any_value_is_bounded_work() {
    let guest = Guest::new();
    for index in 0..8 {
        guest.write(index, tlbi(1));
    }
    guest.queue.write_prod(u32::MAX);
    assert_eq!(guest.queue.prod(), 15);
    until("CONS passes PROD", || guest.queue.cons() == 15);
    assert_eq!(guest.executed().len(), 15);
}

#[test]
fn a_queue_takes_at_least_the_time_of_its_profile() {
    let profile = TimingProfile {
        per_submission: Nanos(1_000_000),
        per_command: Nanos(2_000_000),
        per_wait: Nanos(500_000),
        ..TimingProfile::INSTANT
    };
    let mut guest = Guest::with_queue_at(BASE, profile);
    let begin = Instant::now();
    guest.push(&[tlbi(1), tlbi(2), tlbi(3), tlbi(4), SYNC]);
    guest.wait();
    assert!(begin.elapsed() >= Duration::from_micros(9_500));
}

#[test]
fn a_queue_that_cannot_be_is_refused() {
    let spawn = |base, log2size| {
        let unit = Arc::new(Vintf::default());
        let memory = GuestMemoryMmap::from_ranges(&[(BASE, 0x1000)]).unwrap();
        AssignedQueue::spawn(
            INSTANCE,
            TimingProfile::INSTANT,
            unit,
            memory,
            base,
            log2size,
        )
    };
    assert!(matches!(
        spawn(GuestAddress(0), 20),
        Err(AssignedQueueError::TooLarge { log2size: 20 })
    ));
    assert!(matches!(
        spawn(GuestAddress(0x1_0040), 3),
        Err(AssignedQueueError::Unaligned {
            base: 0x1_0040,
            bytes: 0x80
        })
    ));
    assert!(spawn(GuestAddress(0x80_0000), 19).is_ok());
}
