//! What must hold in every schedule. Included by each set of primitives.

use std::sync::Arc;

use super::primitives::{AtomicU32, Ordering};
use super::protocol::{AmdVi, Doze, Executor, Issued, Protocol, Ring, SmmuV3, Vtd, Waiter};
use super::thread::{self, Thread};
use crate::{Command, HardwareError, SubmitError, Unit};

/// A command number that the unit rejects.
const ILLEGAL: u64 = 9;

/// A protocol with commands that are none of its syncs.
pub(super) trait Vendor: Protocol {
    /// First word of a command.
    const LO: u64;
    fn new(log2size: u32) -> Self;
}

impl Vendor for Vtd {
    /// `p_iotlb_inv_dsc`.
    const LO: u64 = 6;
    fn new(log2size: u32) -> Self {
        Self::new(log2size)
    }
}

impl Vendor for SmmuV3 {
    /// `TLBI_NH_VA`.
    const LO: u64 = 0x12;
    fn new(log2size: u32) -> Self {
        Self::new(log2size)
    }
}

impl Vendor for AmdVi {
    /// `INVALIDATE_IOMMU_PAGES`.
    const LO: u64 = 3 << 60;
    fn new(_: u32) -> Self {
        Self::new(1)
    }
}

/// Counts how often each command was executed. Relaxed: what a submitter may read
/// after its sync is the protocol's business.
struct Ledger([AtomicU32; 16]);

impl Unit for Ledger {
    fn execute(&self, command: Command) -> Result<(), HardwareError> {
        let [lo, number] = command.words();
        assert!(
            lo != 0 && number != 0,
            "the command was fetched before it was written"
        );
        if number == ILLEGAL {
            return Err(HardwareError::Illegal);
        }
        self.executed(number).fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}

impl Ledger {
    fn executed(&self, number: u64) -> &AtomicU32 {
        &self.0[usize::try_from(number).unwrap()]
    }

    fn count(&self, number: u64) -> u32 {
        self.executed(number).load(Ordering::Relaxed)
    }
}

/// Lets others run between two looks, and gives up after so many.
struct Looks(u32);

/// Until it is done.
const PATIENT: u32 = u32::MAX;

impl Waiter for Looks {
    fn now_ns(&self) -> u64 {
        0
    }

    fn for_hardware(&mut self) -> Result<(), SubmitError> {
        let silent = SubmitError::TimedOut { waited_ms: 0 };
        self.0 = self.0.checked_sub(1).ok_or(silent)?;
        thread::yield_now();
        Ok(())
    }

    fn for_submitter(&mut self) {
        thread::yield_now();
    }
}

struct Machine<P> {
    ring: Ring<P>,
    doze: Doze,
    ledger: Ledger,
}

impl<P: Vendor> Machine<P> {
    fn new(log2size: u32) -> Arc<Self> {
        Arc::new(Self {
            ring: Ring::new(P::new(log2size), log2size),
            doze: Doze::new(),
            ledger: Ledger(std::array::from_fn(|_| AtomicU32::new(0))),
        })
    }

    /// The hardware thread.
    fn run(&self) {
        let mut executor = Executor::default();
        while !self.doze.stopped() {
            if executor.has_work(&self.ring) {
                self.step(&mut executor);
            } else {
                self.doze
                    .sleep(|| executor.has_work(&self.ring), thread::park);
            }
        }
    }

    /// Executes what it sees, without waiting for more.
    fn glance(&self, executor: &mut Executor) {
        while executor.has_work(&self.ring) {
            self.step(executor);
        }
    }

    fn step(&self, executor: &mut Executor) {
        executor.step(&self.ring, &self.ledger, |_, _| {});
    }

    fn wake(&self, hardware: &Thread) {
        if self.doze.must_wake() {
            hardware.unpark();
        }
    }

    fn issue(&self, numbers: &[u64]) -> Issued {
        let command = |&number| Command::from_words([P::LO, number]);
        let commands: Vec<_> = numbers.iter().map(command).collect();
        self.ring.issue(&commands, &mut Looks(PATIENT)).unwrap()
    }

    /// Issues and waits, as `HostRing::submit_sync` does.
    fn submit(&self, numbers: &[u64], hardware: &Thread) -> Result<(), SubmitError> {
        let issued = self.issue(numbers);
        self.wake(hardware);
        self.ring.wait(issued, &mut Looks(PATIENT))
    }

    /// Submits what the unit executes.
    fn submit_legal(&self, numbers: &[u64], hardware: &Thread) {
        self.submit(numbers, hardware).unwrap();
        self.assert_executed(numbers);
    }

    /// Submits commands with an illegal one at `index`.
    fn submit_illegal(&self, numbers: &[u64], index: usize, hardware: &Thread) {
        let error = HardwareError::Illegal;
        assert_eq!(
            self.submit(numbers, hardware),
            Err(SubmitError::Rejected { index, error })
        );
        self.assert_executed(&numbers[..index]);
        for &number in &numbers[index + 1..] {
            assert_eq!(self.ledger.count(number), 0, "it is behind the illegal one");
        }
    }

    fn assert_executed(&self, numbers: &[u64]) {
        for &number in numbers {
            assert_eq!(self.ledger.count(number), 1, "the sync completed early");
        }
    }
}

/// Runs the hardware thread and `submitters` until all of them returned; the first
/// runs on this thread.
fn with_hardware<P: Vendor>(machine: &Arc<Machine<P>>, submitters: &[fn(&Machine<P>, &Thread)]) {
    let running = Arc::clone(machine);
    let hardware = thread::spawn(move || running.run());
    let others: Vec<_> = submitters[1..]
        .iter()
        .map(|&submitter| {
            let (machine, hardware) = (Arc::clone(machine), hardware.thread().clone());
            thread::spawn(move || submitter(&machine, &hardware))
        })
        .collect();
    submitters[0](machine, hardware.thread());
    for other in others {
        other.join().unwrap();
    }
    machine.doze.stop();
    machine.wake(hardware.thread());
    hardware.join().unwrap();
    assert_eq!(machine.ring.notes(), 0, "every verdict was taken");
}

/// Two submitters reserve and publish while the hardware executes. Nobody waits for
/// the other side, which would be too much for loom: each looks at what there is.
pub(super) fn two_submitters<P: Vendor>() {
    let machine = Machine::<P>::new(3);
    let issuing = Arc::clone(&machine);
    let submitter = thread::spawn(move || issuing.issue(&[1]));
    let running = Arc::clone(&machine);
    let hardware = thread::spawn(move || {
        let mut executor = Executor::default();
        running.glance(&mut executor);
        executor
    });
    let issued = machine.issue(&[2]);
    if machine.ring.wait(issued, &mut Looks(0)).is_ok() {
        machine.assert_executed(&[2]);
    }
    submitter.join().unwrap();
    machine.glance(&mut hardware.join().unwrap());
    machine.assert_executed(&[1, 2]);
    assert_eq!(machine.ring.head(), 4, "all are executed, each once");
}

/// One submitter, and hardware that may sleep before each submission.
pub(super) fn sleeping_hardware<P: Vendor>() {
    let machine = Machine::<P>::new(3);
    with_hardware(
        &machine,
        &[|machine, hardware| {
            machine.submit_legal(&[1], hardware);
            machine.submit_legal(&[2], hardware);
        }],
    );
    assert_eq!(machine.ring.head(), 4);
}

/// A submission that has to wait until slots of the one before were executed.
pub(super) fn full_ring<P: Vendor>() {
    let machine = Machine::<P>::new(2);
    with_hardware(
        &machine,
        &[|machine, hardware| {
            let issued = machine.issue(&[1]);
            machine.wake(hardware);
            machine.submit_legal(&[2, 3], hardware);
            machine.ring.wait(issued, &mut Looks(0)).unwrap();
            machine.assert_executed(&[1]);
        }],
    );
    assert_eq!(machine.ring.head(), 5);
}

/// A submission with an illegal command, and one without behind it.
pub(super) fn rejection<P: Vendor>() {
    let machine = Machine::<P>::new(3);
    with_hardware(
        &machine,
        &[|machine, hardware| {
            let rejected = machine.issue(&[1, ILLEGAL, 2]);
            machine.wake(hardware);
            machine.submit_legal(&[3], hardware);
            let error = machine.ring.wait(rejected, &mut Looks(0)).unwrap_err();
            assert!(
                matches!(error, SubmitError::Rejected { index: 1, .. }),
                "{error}"
            );
            machine.assert_executed(&[1]);
            assert_eq!(machine.ledger.count(2), 0, "it is behind the illegal one");
        }],
    );
}

/// A submitter gives up while its command is being rejected.
pub(super) fn giving_up<P: Vendor>() {
    let machine = Machine::<P>::new(3);
    with_hardware(
        &machine,
        &[|machine, hardware| {
            let issued = machine.issue(&[ILLEGAL]);
            machine.wake(hardware);
            assert!(machine.ring.wait(issued, &mut Looks(1)).is_err());
            // The hardware gets there, whether somebody waits or not.
            while machine.ring.head() != 2 {
                thread::yield_now();
            }
        }],
    );
}

/// Three submitters on a ring that wraps and fills. Too much for loom.
pub(super) fn many_submissions<P: Vendor>() {
    let machine = Machine::<P>::new(3);
    with_hardware(
        &machine,
        &[
            |machine, hardware| {
                machine.submit_legal(&[1, 2, 3], hardware);
                machine.submit_legal(&[], hardware);
                machine.submit_legal(&[4], hardware);
            },
            |machine, hardware| {
                machine.submit_legal(&[5], hardware);
                machine.submit_illegal(&[ILLEGAL], 0, hardware);
                machine.submit_legal(&[6, 7], hardware);
            },
            |machine, hardware| {
                machine.submit_legal(&[10, 11], hardware);
                machine.submit_illegal(&[12, ILLEGAL, 13], 1, hardware);
                machine.submit_legal(&[14], hardware);
            },
        ],
    );
    assert_eq!(machine.ring.head(), 23, "all are executed, each once");
}
