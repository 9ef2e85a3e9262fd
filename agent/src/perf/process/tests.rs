use std::{
    cell::{Cell, RefCell},
    fs,
    hint::black_box,
    io::{BufRead as _, BufReader, Write as _},
    process::{Child, Command, Stdio},
    rc::Rc,
    thread,
    time::{Duration, Instant},
};

use super::*;
use crate::perf::group::Refused;

/// A kernel with a PMU of which a test says everything.
struct Simulated {
    /// What the list of threads is, time after time; the last stays.
    lists: RefCell<Vec<Vec<u32>>>,
    opened: RefCell<Vec<u32>>,
    /// Events that the PMU does not have.
    missing: Vec<PerfEvent>,
    /// How many hardware events it can count at a time.
    room: usize,
    /// Whether only user space may be counted.
    denies_kernel: bool,
    /// Threads that may not be looked at.
    denied: Vec<u32>,
    /// What every group reads next; counts are the same for all events.
    next: Rc<Cell<(u64, u64, u64)>>,
}

struct SimulatedGroup {
    next: Rc<Cell<(u64, u64, u64)>>,
    events: usize,
    fits: bool,
    is_trial: bool,
}

impl Default for Simulated {
    fn default() -> Self {
        Self {
            lists: RefCell::new(vec![vec![10, 11]]),
            opened: RefCell::default(),
            missing: Vec::new(),
            room: 8,
            denies_kernel: false,
            denied: Vec::new(),
            next: Rc::default(),
        }
    }
}

fn refused(at: usize, errno: i32) -> Refused {
    Refused {
        at,
        error: io::Error::from_raw_os_error(errno),
    }
}

impl Counting for Simulated {
    type Group = SimulatedGroup;

    fn threads(&self) -> io::Result<Vec<u32>> {
        let mut lists = self.lists.borrow_mut();
        Ok(if lists.len() > 1 {
            lists.remove(0)
        } else {
            lists[0].clone()
        })
    }

    fn open(
        &self,
        thread: u32,
        events: &[PerfEvent],
        user_only: bool,
    ) -> Result<SimulatedGroup, Refused> {
        if self.denies_kernel && !user_only {
            return Err(refused(0, libc::EACCES));
        }
        if self.denied.contains(&thread) {
            return Err(refused(0, libc::EACCES));
        }
        if let Some(at) = events.iter().position(|event| self.missing.contains(event)) {
            return Err(refused(at, libc::ENOENT));
        }
        if thread > 0 && events[0] == PerfEvent::TaskClockNs {
            self.opened.borrow_mut().push(thread);
        }
        let is_hardware = PerfEvent::HARDWARE.contains(&events[0]);
        Ok(SimulatedGroup {
            next: Rc::clone(&self.next),
            events: events.len(),
            fits: !is_hardware || events.len() <= self.room,
            is_trial: thread == 0,
        })
    }

    fn work(&self) {}
}

impl Group for SimulatedGroup {
    fn read(&mut self) -> io::Result<Reading> {
        let (count, enabled_ns, running_ns) = if self.is_trial {
            (1, 2, u64::from(self.fits))
        } else {
            self.next.get()
        };
        Ok(Reading {
            enabled_ns,
            running_ns,
            counts: vec![count; self.events],
        })
    }
}

fn counters(kernel: &Simulated) -> Counters<SimulatedGroup> {
    Counters::open(kernel, 9, "a test".to_owned()).expect("it can be listed")
}

fn events(counts: &PerfCounts) -> Vec<PerfEvent> {
    counts.counts.iter().map(|count| count.event).collect()
}

fn count(counts: &PerfCounts, event: PerfEvent) -> &PerfCount {
    let mut all = counts.counts.iter();
    let found = all.find(|count| count.event == event);
    found.unwrap_or_else(|| panic!("{event:?} is not in {counts:?}"))
}

#[test]
fn a_shared_pmu_is_corrected_and_flagged() {
    let kernel = Simulated::default();
    let mut counters = counters(&kernel);
    kernel.next.set((100, 1_000, 1_000));
    let first = counters.read();
    let cycles = count(&first, PerfEvent::Cycles);
    // Two threads.
    assert_eq!((cycles.interval, cycles.total), (Some(200), Some(200)));
    assert!((cycles.counted - 1.0).abs() < 1e-9);
    kernel.next.set((150, 3_000, 1_500));
    let second = counters.read();
    let cycles = count(&second, PerfEvent::Cycles);
    // 50 in a quarter of the time, by each of the two.
    assert_eq!((cycles.interval, cycles.total), (Some(400), Some(600)));
    assert!((cycles.counted - 0.25).abs() < 1e-9);
}

#[test]
fn an_interval_that_was_not_counted_is_absent_and_the_next_stands_for_it() {
    let kernel = Simulated::default();
    let mut counters = counters(&kernel);
    kernel.next.set((100, 1_000, 1_000));
    counters.read();
    kernel.next.set((100, 2_000, 1_000));
    let none = counters.read();
    let cycles = count(&none, PerfEvent::Cycles);
    assert_eq!((cycles.interval, cycles.total), (None, Some(200)));
    assert!(cycles.counted.abs() < 1e-9);
    kernel.next.set((200, 3_000, 2_000));
    let cycles = counters.read();
    // 100 in half of 2,000 ns.
    let interval = count(&cycles, PerfEvent::Cycles).interval;
    assert_eq!(interval, Some(400));
}

#[test]
fn what_the_machine_does_not_have_is_absent_with_the_reason_and_never_0() {
    let kernel = Simulated {
        missing: PerfEvent::HARDWARE.to_vec(),
        ..Simulated::default()
    };
    let counts = counters(&kernel).read();
    assert_eq!(events(&counts), PerfEvent::SOFTWARE);
    assert_eq!(counts.absent.len(), 1);
    assert_eq!(counts.absent[0].events, PerfEvent::HARDWARE);
    assert_eq!(counts.absent[0].why, "this machine has no such counter");
}

#[test]
fn a_group_that_does_not_fit_the_pmu_is_made_smaller() {
    let kernel = Simulated {
        room: 2,
        ..Simulated::default()
    };
    let counts = counters(&kernel).read();
    let hardware = [PerfEvent::Cycles, PerfEvent::Instructions];
    assert_eq!(events(&counts)[..2], hardware);
    assert_eq!(
        counts.absent[0].events,
        [PerfEvent::DtlbMisses, PerfEvent::CacheMisses]
    );
}

#[test]
fn without_the_right_to_the_kernels_part_user_space_is_counted_and_said_to_be_all() {
    let kernel = Simulated {
        denies_kernel: true,
        ..Simulated::default()
    };
    let counts = counters(&kernel).read();
    assert!(counts.user_only);
    let switches = PerfEvent::ContextSwitches;
    assert!(!events(&counts).contains(&switches));
    assert!(counts.absent[0].events.contains(&switches));
    assert!(events(&counts).contains(&PerfEvent::PageFaults));
}

#[test]
fn it_is_begun_again_while_threads_are_started() {
    let kernel = Simulated {
        // Before and after: 12 came, then the list stays.
        lists: RefCell::new(vec![vec![10], vec![10, 12], vec![10, 12], vec![10, 12]]),
        ..Simulated::default()
    };
    let counts = counters(&kernel).read();
    assert!(!counts.unsettled);
    assert_eq!(*kernel.opened.borrow(), [10, 10, 12]);
}

#[test]
fn threads_that_never_stop_coming_and_those_beyond_the_bound_are_flagged() {
    let more = |many: u32| (0..many).collect::<Vec<_>>();
    let kernel = Simulated {
        lists: RefCell::new((300..400).map(more).collect()),
        ..Simulated::default()
    };
    let counts = counters(&kernel).read();
    assert!(counts.unsettled && counts.is_partial());
    assert!(counts.threads_left_out >= 300 - 256);
}

#[test]
fn threads_that_may_not_be_counted_are_flagged_and_all_of_them_refused_is_absent() {
    let one = Simulated {
        denied: vec![11],
        ..Simulated::default()
    };
    let counts = counters(&one).read();
    assert_eq!(counts.threads_left_out, 1);
    assert_eq!(events(&counts).len(), 8);
    let all = Simulated {
        denied: vec![10, 11],
        ..Simulated::default()
    };
    let counts = counters(&all).read();
    assert_eq!(events(&counts), []);
    assert_eq!(counts.absent.len(), 2);
}

/// Its counters, or `None` where perf events are not allowed at all.
fn of_child(child: &Child) -> Option<ProcessCounters> {
    let counters = ProcessCounters::open(child.id(), "a child".to_owned());
    let mut counters = counters.expect("it is there");
    let counts = counters.read();
    if events(&counts).contains(&PerfEvent::TaskClockNs) {
        return Some(counters);
    }
    eprintln!("skipped, because {:?}", counts.absent);
    None
}

fn task_clock(counters: &mut ProcessCounters) -> u64 {
    let counts = counters.read();
    assert!(!counts.is_partial(), "{counts:?}");
    let clock = count(&counts, PerfEvent::TaskClockNs).interval;
    clock.expect("a thread ran")
}

/// The CPU time that a thread's `schedstat` tells.
fn cpu_time_ns(thread: &str) -> u64 {
    let text = fs::read_to_string(format!("/proc/{thread}/schedstat"));
    let text = text.expect("the kernel accounts CPU time");
    let first = text.split_whitespace().next();
    let ns = first.and_then(|field| field.parse().ok());
    ns.expect("it is a number")
}

#[test]
fn the_task_clock_of_a_process_that_spins_is_its_cpu_time() {
    let mut shell = Command::new("sh")
        .args(["-c", "while :; do :; done"])
        .spawn()
        .expect("there is a shell");
    if let Some(mut counters) = of_child(&shell) {
        let before = cpu_time_ns(&shell.id().to_string());
        task_clock(&mut counters);
        thread::sleep(Duration::from_millis(300));
        let clock = task_clock(&mut counters);
        let cpu = cpu_time_ns(&shell.id().to_string()) - before;
        let ratio = clock as f64 / cpu as f64;
        assert!((0.8..1.25).contains(&ratio), "{clock} ns, /proc: {cpu} ns");
    }
    shell.kill().expect("it runs");
    shell.wait().expect("it ends");
}

/// What the test below is in the child that it starts: it spins in another thread when it is
/// told.
fn child() {
    println!("\nready");
    let mut line = String::new();
    io::stdin().read_line(&mut line).expect("somebody tells it");
    let spun = thread::spawn(|| {
        let start = Instant::now();
        while start.elapsed() < Duration::from_millis(150) {
            black_box(start);
        }
        cpu_time_ns("thread-self")
    });
    println!("\n{}", spun.join().expect("it ends"));
    io::stdin()
        .read_line(&mut line)
        .expect("the parent ends it");
}

#[test]
fn a_thread_that_is_started_later_is_counted_and_keeps_its_counts_when_it_ends() {
    const IS_CHILD: &str = "HWPTOP_TEST_IS_CHILD";
    if std::env::var_os(IS_CHILD).is_some() {
        return child();
    }
    let own = std::env::current_exe().expect("this is a program");
    let this = thread::current()
        .name()
        .expect("tests have names")
        .to_owned();
    let mut child = Command::new(own)
        .args([&this, "--exact", "--nocapture", "--test-threads=2"])
        .env(IS_CHILD, "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("it can be started again");
    let mut stdin = child.stdin.take().expect("it is piped");
    let stdout = BufReader::new(child.stdout.take().expect("it is piped"));
    let mut lines = stdout.lines().map_while(Result::ok);
    lines.find(|line| line == "ready").expect("it gets ready");
    if let Some(mut counters) = of_child(&child) {
        stdin.write_all(b"\n").expect("it listens");
        let spun: u64 = lines
            .find_map(|line| line.parse().ok())
            .expect("it tells how long it spun");
        let clock = task_clock(&mut counters);
        assert!(spun > 10_000_000, "{spun} ns");
        let ratio = clock as f64 / spun as f64;
        assert!((0.9..1.5).contains(&ratio), "{clock} ns, it: {spun} ns");
    }
    drop(stdin);
    child.wait().expect("it ends");
}
