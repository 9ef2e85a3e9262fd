//! perf_event_open(2).
#![expect(
    unsafe_code,
    reason = "the safe wrapper opens groups of the calling thread only"
)]

use std::{
    fs::{self, File},
    hint::black_box,
    io::{self, Read as _},
    os::fd::{AsRawFd, FromRawFd as _},
    time::Instant,
};

use perf_event_open_sys::{bindings, perf_event_open};

use super::group::{Counting, Group, Reading, Refused, TRIAL};
use crate::snapshot::PerfEvent;

/// `PERF_COUNT_HW_CACHE_DTLB`, `_OP_READ`, `_RESULT_MISS`: a byte each.
const DTLB_LOAD_MISSES: u64 = (bindings::PERF_COUNT_HW_CACHE_DTLB
    | bindings::PERF_COUNT_HW_CACHE_OP_READ << 8
    | bindings::PERF_COUNT_HW_CACHE_RESULT_MISS << 16) as u64;

/// The version of `perf_event_attr` that is used, which is told by its size.
const SIZE: u32 = bindings::PERF_ATTR_SIZE_VER8;
const _: () = assert!(size_of::<bindings::perf_event_attr>() == SIZE as usize);

/// Words in front of the counts: how many, time enabled, time running.
const WORDS: usize = 3;

/// The threads of a process.
#[derive(Clone, Copy, Debug)]
pub(super) struct Threads {
    pub(super) pid: u32,
}

/// Counters that the kernel schedules together; the first leads.
#[derive(Debug)]
pub(super) struct Counters(Vec<File>);

impl Counting for Threads {
    type Group = Counters;

    fn threads(&self) -> io::Result<Vec<u32>> {
        let mut threads = Vec::new();
        for entry in fs::read_dir(format!("/proc/{}/task", self.pid))? {
            let name = entry?.file_name();
            threads.extend(name.to_str().and_then(|name| name.parse::<u32>().ok()));
        }
        threads.sort_unstable();
        Ok(threads)
    }

    fn open(
        &self,
        thread: u32,
        events: &[PerfEvent],
        user_only: bool,
    ) -> Result<Counters, Refused> {
        let mut counters: Vec<File> = Vec::with_capacity(events.len());
        for (at, event) in events.iter().enumerate() {
            let leader = counters.first();
            let refused = |error| Refused { at, error };
            let counter = counter(*event, thread, leader, user_only).map_err(refused)?;
            counters.push(counter);
        }
        Ok(Counters(counters))
    }

    fn work(&self) {
        let start = Instant::now();
        let mut sum = 0_u64;
        while start.elapsed() < TRIAL {
            sum = black_box(sum.wrapping_add(1));
        }
    }
}

impl Group for Counters {
    fn read(&mut self) -> io::Result<Reading> {
        let mut bytes = vec![0; (WORDS + self.0.len()) * size_of::<u64>()];
        let read = match self.0.first_mut() {
            Some(leader) => leader.read(&mut bytes)?,
            None => 0,
        };
        let mut words = bytes[..read]
            .chunks_exact(size_of::<u64>())
            .map(|word| word.try_into().map_or(0, u64::from_ne_bytes));
        let mut word = || words.next().ok_or(io::ErrorKind::UnexpectedEof);
        let (_, enabled_ns, running_ns) = (word()?, word()?, word()?);
        Ok(Reading {
            enabled_ns,
            running_ns,
            counts: words.collect(),
        })
    }
}

fn counter(
    event: PerfEvent,
    thread: u32,
    leader: Option<&File>,
    user_only: bool,
) -> io::Result<File> {
    let (kind, config) = code(event);
    let mut attributes = bindings::perf_event_attr {
        type_: kind,
        size: SIZE,
        config,
        read_format: u64::from(
            bindings::PERF_FORMAT_GROUP
                | bindings::PERF_FORMAT_TOTAL_TIME_ENABLED
                | bindings::PERF_FORMAT_TOTAL_TIME_RUNNING,
        ),
        ..Default::default()
    };
    attributes.set_exclude_hv(1);
    attributes.set_exclude_kernel(u64::from(user_only));
    attributes.set_inherit(1);
    // Not to processes that it starts; since Linux 5.13.
    attributes.set_inherit_thread(1);
    let thread = i32::try_from(thread).map_err(|_| io::ErrorKind::InvalidInput)?;
    // SAFETY: the attributes are initialised and outlive the call, which keeps nothing.
    let descriptor = unsafe {
        perf_event_open(
            &raw mut attributes,
            thread,
            -1,
            leader.map_or(-1, AsRawFd::as_raw_fd),
            bindings::PERF_FLAG_FD_CLOEXEC.into(),
        )
    };
    if descriptor < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel has just made it, and nobody else has it.
    Ok(unsafe { File::from_raw_fd(descriptor) })
}

/// `perf_event_attr.type` and `.config`.
fn code(event: PerfEvent) -> (u32, u64) {
    use bindings::{
        PERF_COUNT_HW_CACHE_MISSES, PERF_COUNT_HW_CPU_CYCLES, PERF_COUNT_HW_INSTRUCTIONS,
        PERF_COUNT_SW_CONTEXT_SWITCHES, PERF_COUNT_SW_CPU_MIGRATIONS, PERF_COUNT_SW_PAGE_FAULTS,
        PERF_COUNT_SW_TASK_CLOCK, PERF_TYPE_HARDWARE, PERF_TYPE_HW_CACHE, PERF_TYPE_SOFTWARE,
    };
    let hardware = |config: u32| (PERF_TYPE_HARDWARE, u64::from(config));
    let software = |config: u32| (PERF_TYPE_SOFTWARE, u64::from(config));
    match event {
        PerfEvent::Cycles => hardware(PERF_COUNT_HW_CPU_CYCLES),
        PerfEvent::Instructions => hardware(PERF_COUNT_HW_INSTRUCTIONS),
        PerfEvent::CacheMisses => hardware(PERF_COUNT_HW_CACHE_MISSES),
        PerfEvent::DtlbMisses => (PERF_TYPE_HW_CACHE, DTLB_LOAD_MISSES),
        PerfEvent::TaskClockNs => software(PERF_COUNT_SW_TASK_CLOCK),
        PerfEvent::ContextSwitches => software(PERF_COUNT_SW_CONTEXT_SWITCHES),
        PerfEvent::PageFaults => software(PERF_COUNT_SW_PAGE_FAULTS),
        PerfEvent::CpuMigrations => software(PERF_COUNT_SW_CPU_MIGRATIONS),
    }
}
