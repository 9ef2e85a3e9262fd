//! The engine against what a guest may rely on, whatever the policy: random queues,
//! doorbells and failures.

use std::ops::Range;

use proptest::prelude::*;

use super::*;
use crate::{CostModel, DeviceId, HardwareError, InvalidateError};

const COMMANDS_MAX: usize = 120;
/// (domain, PASID) of HWPT 1, 2 and 3.
const PAIRS: [(u16, u32); 3] = [(4, 0), (5, 0), (5, 9)];

#[derive(Clone, Copy, Debug)]
enum Op {
    /// 2^`order` pages from `page` of one HWPT.
    Pages {
        target: u32,
        page: u64,
        order: u8,
        leaf: bool,
    },
    /// The same of both HWPTs of domain 5.
    PagesOfDomain {
        page: u64,
    },
    All {
        target: u32,
    },
    Global,
    InterruptEntries,
    PasidCache,
    Wait,
}

impl Op {
    /// The words, put together by hand; `at` is the place in the stream.
    fn words(self, at: usize) -> [u64; 2] {
        let pair = |target: u32| {
            let (did, pasid) = PAIRS[target as usize - 1];
            u64::from(did) << 16 | u64::from(pasid) << 32
        };
        match self {
            Self::Pages {
                target,
                page,
                order,
                leaf,
            } => [
                0x36 | pair(target),
                page << 12 | u64::from(leaf) << 6 | u64::from(order),
            ],
            Self::PagesOfDomain { page } => [0x5_0032, page << 12],
            Self::All { target } => [0x26 | pair(target), 0],
            Self::Global => IOTLB_GLOBAL,
            Self::InterruptEntries => [0x4, 0],
            Self::PasidCache => [0x37, 0],
            Self::Wait => [0x1_0000_0035, STATUS + 4 * at as u64],
        }
    }

    /// Which pages of which HWPTs it invalidates, and whether only leaf entries.
    fn asks_for(self) -> (Range<u32>, Range<u64>, bool) {
        const ALL: Range<u64> = 0..u64::MAX;
        match self {
            Self::Pages {
                target,
                page,
                order,
                leaf,
            } => {
                let first = page >> order << order;
                (target..target + 1, first..first + (1 << order), leaf)
            }
            Self::PagesOfDomain { page } => (2..4, page..page + 1, false),
            Self::All { target } => (target..target + 1, ALL, false),
            Self::Global => (1..4, ALL, false),
            Self::InterruptEntries | Self::PasidCache | Self::Wait => (0..0, 0..0, false),
        }
    }

    fn is_wait(self) -> bool {
        matches!(self, Self::Wait)
    }
}

/// What is seen from outside, in the order in which it happens.
#[derive(Clone, Copy, Debug)]
enum Event {
    /// An entry that was executed, or (not `done`) that a device did not answer.
    Entry {
        target: u32,
        entry: VtdS1Invalidate,
        done: bool,
    },
    /// The wait at this place in the stream completed.
    Completed(usize),
    /// The guest read ITE or ICE.
    TimedOut,
}

#[derive(Default)]
struct Requests {
    sent: u64,
    failed: u64,
    entries: u64,
    handled: u64,
}

type Log = Arc<Mutex<Vec<Event>>>;

/// Fails every so many requests, with what it is given.
struct Unreliable {
    log: Log,
    failures: Mutex<Vec<Option<InvalidateError>>>,
    requests: Mutex<Requests>,
}

impl Backend for Unreliable {
    fn invalidate(&self, target: ObjectId, entries: Entries<'_>) -> Result<(), InvalidateError> {
        let Entries::VtdS1(entries) = entries else {
            panic!("{entries:?}");
        };
        let failure = self.failures.lock().unwrap().pop().flatten();
        let len = entries.len();
        let done = failure.map_or(len, |error| match error.handled as usize {
            handled if handled < len => handled,
            // A count that was not written says nothing.
            _ => 0,
        });
        let unanswered = failure.is_some_and(|error| error.hardware.is_some());
        let mut log = self.log.lock().unwrap();
        for (at, &entry) in entries.iter().enumerate() {
            if at < done || at == done && unanswered {
                log.push(Event::Entry {
                    target: target.0,
                    entry,
                    done: at < done,
                });
            }
        }
        let mut requests = self.requests.lock().unwrap();
        requests.sent += 1;
        requests.failed += u64::from(failure.is_some());
        requests.entries += len as u64;
        requests.handled += done as u64;
        failure.map_or(Ok(()), Err)
    }
}

/// A guest that goes through `ops`, clears faults, and watches.
struct Guest {
    ops: Vec<Op>,
    front_end: FrontEnd<Arc<Unreliable>>,
    backend: Arc<Unreliable>,
    memory: GuestMemoryMmap,
    log: Log,
    /// Place in the queue of the first command.
    start: usize,
    /// For each submitted command how long the log was then.
    submitted: Vec<usize>,
    faults: u64,
    aborted: u64,
}

impl Guest {
    fn new(ops: Vec<Op>, failures: Vec<Option<InvalidateError>>, start: usize) -> Self {
        let (log, memory) = (Log::default(), memory());
        let backend = Arc::new(Unreliable {
            log: Arc::clone(&log),
            failures: Mutex::new(failures),
            requests: Mutex::default(),
        });
        let counters = Arc::new(Counters::new(Vendor::Vtd));
        let mut front_end = FrontEnd::new(INSTANCE, memory.clone(), Arc::clone(&backend), counters);
        for (at, (did, pasid)) in (1..).zip(PAIRS) {
            front_end.attach(DomainId(did), Pasid(pasid), ObjectId(at));
        }
        front_end.write_iqa(QUEUE);
        // A wait is seen to complete where its interrupt is raised.
        let (inside, seen) = (memory.clone(), Arc::clone(&log));
        let mut known = [false; COMMANDS_MAX];
        front_end.on_interrupt(move || {
            for (at, known) in known.iter_mut().enumerate() {
                let addr = GuestAddress(STATUS + 4 * at as u64);
                let status: u32 = inside.load(addr, Ordering::Relaxed).unwrap();
                if status == 1 && !std::mem::replace(known, true) {
                    seen.lock().unwrap().push(Event::Completed(at));
                }
            }
        });
        let mut guest = Self {
            ops,
            front_end,
            backend,
            memory,
            log,
            start,
            submitted: Vec::new(),
            faults: 0,
            aborted: 0,
        };
        for at in 0..start {
            guest.write(at, Op::InterruptEntries.words(0));
        }
        guest.front_end.write_iqt(start as u64 * 16);
        guest
    }

    fn write(&self, place: usize, [lo, hi]: [u64; 2]) {
        let addr = QUEUE + (place % 256 * 16) as u64;
        self.memory
            .write_slice(&lo.to_le_bytes(), GuestAddress(addr))
            .unwrap();
        self.memory
            .write_slice(&hi.to_le_bytes(), GuestAddress(addr + 8))
            .unwrap();
    }

    fn submit(&mut self, count: usize) {
        let first = self.submitted.len();
        let behind = self.ops.len().min(first + count);
        for at in first..behind {
            self.write(self.start + at, self.ops[at].words(at));
        }
        let (frozen, length) = (
            self.front_end.fault().is_some(),
            self.log.lock().unwrap().len(),
        );
        self.submitted.resize(behind, length);
        self.front_end
            .write_iqt(((self.start + behind) % 256 * 16) as u64);
        if frozen {
            assert_eq!(self.log.lock().unwrap().len(), length, "it is frozen");
        } else {
            self.look();
        }
    }

    fn clear(&mut self) {
        let fsts = self.front_end.fsts();
        if fsts != 0 {
            self.front_end.write_fsts(fsts);
            self.look();
        }
    }

    /// Commands of the stream that the head has passed.
    fn passed(&self) -> usize {
        let head = usize::try_from(self.front_end.iqh()).unwrap() / 16;
        (head + 256 - self.start) % 256
    }

    fn look(&mut self) {
        let passed = self.passed();
        let mut log = self.log.lock().unwrap();
        for event in log.iter() {
            if let &Event::Completed(at) = event {
                assert!(at < passed, "{at} completed behind the head, {passed}");
            }
        }
        match self.front_end.fsts() {
            0 => assert_eq!(passed, self.submitted.len()),
            IQE => self.faults += 1,
            _ => {
                log.push(Event::TimedOut);
                self.faults += 1;
                // The wait before the head, unless the run ended before one.
                self.aborted += u64::from(self.ops[passed - 1].is_wait());
            }
        }
        let consumed = self.front_end.counters().snapshot().consumed();
        assert_eq!(consumed, (self.start + passed) as u64);
    }

    /// Every invalidation before `wait` was executed before it completed, or the
    /// guest was told that a device did not answer it.
    fn check_completed(&self, log: &[Event], wait: usize) {
        for (at, op) in self.ops[..wait].iter().enumerate() {
            let (targets, pages, leaf) = op.asks_for();
            for target in targets {
                let since = &log[self.submitted[at]..];
                assert!(
                    is_covered(since, target, pages.clone(), leaf),
                    "{op:?} at {at} is not done for {target} when {wait} completes"
                );
            }
        }
    }

    fn check(&self) {
        let log = self.log.lock().unwrap();
        let mut last = None;
        let mut completed = 0;
        for (at, event) in log.iter().enumerate() {
            if let &Event::Completed(wait) = event {
                assert!(self.ops[wait].is_wait() && last < Some(wait));
                last = Some(wait);
                completed += 1;
                self.check_completed(&log[..at], wait);
            }
        }
        self.check_completed(&log, self.ops.len());

        let counts = self.front_end.counters().snapshot();
        let waits = self.ops.iter().filter(|op| op.is_wait()).count() as u64;
        assert_eq!(completed + self.aborted, waits);
        assert_eq!((counts.waits, counts.interrupts), (completed, completed));
        assert_eq!(counts.of("wait"), waits);
        assert_eq!(counts.consumed(), (self.start + self.ops.len()) as u64);
        assert_eq!((counts.faults, counts.untargeted), (self.faults, 0));
        let vmm = self
            .ops
            .iter()
            .filter(|op| op.asks_for().0.is_empty())
            .count() as u64;
        assert_eq!(counts.absorbed, self.start as u64 + vmm - waits);
        let requests = self.backend.requests.lock().unwrap();
        assert_eq!(
            [
                counts.requests,
                counts.request_errors,
                counts.entries,
                counts.handled
            ],
            [
                requests.sent,
                requests.failed,
                requests.entries,
                requests.handled
            ]
        );
    }
}

/// Whether the union of executed entries covers `pages` of `target`. An entry that a
/// device did not answer counts once the guest was told.
fn is_covered(log: &[Event], target: u32, pages: Range<u64>, leaf: bool) -> bool {
    let mut told = false;
    let mut ranges = Vec::new();
    for event in log.iter().rev() {
        match *event {
            Event::TimedOut => told = true,
            Event::Entry {
                target: known,
                entry,
                done,
            } if known == target && (done || told) && (leaf || entry.flags == 0) => {
                let first = entry.addr >> 12;
                ranges.push(first..first.saturating_add(entry.npages));
            }
            _ => {}
        }
    }
    ranges.sort_unstable_by_key(|range| range.start);
    let mut covered = pages.start;
    for range in ranges {
        if range.start <= covered {
            covered = covered.max(range.end);
        }
    }
    covered >= pages.end
}

fn op() -> impl Strategy<Value = Op> {
    let pages = (1_u32..4, 0_u64..24, 0_u8..3, any::<bool>());
    prop_oneof![
        8 => pages.prop_map(|(target, page, order, leaf)| Op::Pages { target, page, order, leaf }),
        1 => (0_u64..24).prop_map(|page| Op::PagesOfDomain { page }),
        1 => (1_u32..4).prop_map(|target| Op::All { target }),
        1 => Just(Op::Global),
        1 => Just(Op::InterruptEntries),
        1 => Just(Op::PasidCache),
        5 => Just(Op::Wait),
    ]
}

fn failure() -> impl Strategy<Value = Option<InvalidateError>> {
    let device = DeviceId(8);
    let hardware = prop_oneof![
        2 => Just(None),
        1 => Just(Some(HardwareError::AtcTimeout(device))),
        1 => Just(Some(HardwareError::UnexpectedCompletion(device))),
    ];
    let handled = prop_oneof![4 => 0_u32..6, 1 => Just(u32::MAX)];
    let error = (handled, hardware).prop_map(|(handled, hardware)| InvalidateError {
        hardware,
        ..InvalidateError::new(5, handled)
    });
    prop_oneof![2 => Just(None), 1 => error.prop_map(Some)]
}

fn policy() -> impl Strategy<Value = Policy> {
    let eager = CostModel {
        cached: 8,
        ..CostModel::ASSUMED
    };
    prop_oneof![
        Just(Policy::Single),
        Just(Policy::Array),
        Just(Policy::Coalesce(CostModel::ASSUMED)),
        Just(Policy::Coalesce(eager)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn a_wait_completes_when_everything_before_it_is_done_and_nothing_is_lost(
        ops in prop::collection::vec(op(), 1..COMMANDS_MAX),
        failures in prop::collection::vec(failure(), 0..40),
        doorbells in prop::collection::vec((1_usize..20, any::<bool>(), policy()), 1..30),
        start in 0_usize..256,
    ) {
        let mut guest = Guest::new(ops, failures, start);
        for (count, clears, policy) in doorbells {
            guest.front_end.set_policy(policy);
            guest.submit(count);
            if clears {
                guest.clear();
            }
        }
        guest.submit(COMMANDS_MAX);
        while guest.front_end.fault().is_some() {
            guest.clear();
        }
        guest.check();
    }
}
