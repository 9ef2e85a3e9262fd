//! What the way into an eBPF program and back costs here, found out when a measurement begins:
//! programs that do nothing, where nobody else looks.

use std::{
    any::Any,
    hint::black_box,
    num::NonZeroU32,
    path::PathBuf,
    time::{Duration, Instant},
};

use hwptop_agent::{
    EmptyKernelProbes, EmptyProbes, StaticProbe, TargetProcess, full_message,
    snapshot::{Dispatch, How, Stage, StageAttachment},
};
use rustix::process::getpgid;

use crate::Interval;

mod site;

/// Pairs that are timed together, and how often; the median counts.
const TOGETHER: u32 = 500;
const TIMES: usize = 9;
/// The time after which no more are timed.
const MOST: Duration = Duration::from_millis(40);

/// What was found, and the programs that it was found with. Taking them away again takes the
/// kernel some tenths of a second: they stay while the measurement starts, at a place that
/// nobody executes any more.
#[derive(Default)]
pub struct Calibration {
    /// What it found.
    pub dispatch: Dispatch,
    _attached: Option<Box<dyn Any + Send>>,
}

impl Calibration {
    /// Of a pair of static probes in a process.
    #[must_use]
    pub fn of_static_probes() -> Self {
        let Some(offset) = site::file_offset() else {
            return absent("this process' own program cannot be probed").into();
        };
        let process = TargetProcess {
            pid: NonZeroU32::new(std::process::id()).unwrap_or(NonZeroU32::MIN),
            program: PathBuf::from("/proc/self/exe"),
            probes: vec![StaticProbe {
                name: SITE.to_owned(),
                offset,
                arguments: String::new(),
            }],
        };
        let pair = || {
            site::hit();
            site::hit();
        };
        let bare = ns_per_call(pair);
        match EmptyProbes::attach(&process, &[SITE]) {
            Ok(attached) => Self {
                dispatch: Dispatch {
                    timed_run_ns: attached.timed_run_ns(|| many(pair)),
                    ..cost(ns_per_call(pair) - bare, "empty programs on a nop, twice")
                },
                _attached: Some(Box::new(attached)),
            },
            Err(error) => absent(&full_message(&error)).into(),
        }
    }

    /// Of an fentry/fexit pair, by a system call that does next to nothing.
    #[must_use]
    pub fn of_kernel() -> Self {
        let Some(function) = GETPGID else {
            let why = "the name of a system call's function is not known on this processor";
            return absent(why).into();
        };
        let call = || {
            let _ = black_box(getpgid(None));
        };
        let bare = ns_per_call(call);
        match EmptyKernelProbes::attach(&[function]) {
            Ok(attached) => Self {
                dispatch: Dispatch {
                    timed_run_ns: attached.timed_run_ns(|| many(call)),
                    ..cost(
                        ns_per_call(call) - bare,
                        &format!("empty fentry and fexit programs on {function}"),
                    )
                },
                _attached: Some(Box::new(attached)),
            },
            Err(error) => absent(&full_message(&error)).into(),
        }
    }
}

impl From<Dispatch> for Calibration {
    fn from(dispatch: Dispatch) -> Self {
        Self {
            dispatch,
            _attached: None,
        }
    }
}

const SITE: &str = "calibration";

/// What [`Calibration::of_kernel`] found, for requests that are watched as `stages` say.
#[must_use]
pub fn of_requests(found: Dispatch, stages: &[StageAttachment]) -> Dispatch {
    let is_request = |one: &&StageAttachment| one.stage == Stage::Request;
    match stages.iter().find(is_request).and_then(|one| one.how) {
        Some(How::Fentry) => found,
        Some(how) => absent(&format!(
            "only fentry is calibrated, and requests are watched by {}",
            how.name()
        )),
        None => absent("requests are not watched"),
    }
}

/// The function of a system call that needs nothing.
const GETPGID: Option<&str> = if cfg!(target_arch = "x86_64") {
    Some("__x64_sys_getpgid")
} else if cfg!(target_arch = "aarch64") {
    Some("__arm64_sys_getpgid")
} else {
    None
};

fn absent(why: &str) -> Dispatch {
    Dispatch {
        how: why.to_owned(),
        ..Dispatch::default()
    }
}

/// A difference that is none, on a machine that is busy, is not taken for a cost.
fn cost(ns: f64, how: &str) -> Dispatch {
    if ns > 0.0 {
        Dispatch {
            pair_ns: Some(ns),
            timed_run_ns: None,
            how: how.to_owned(),
        }
    } else {
        absent("the machine is too busy to calibrate")
    }
}

fn many(mut call: impl FnMut()) {
    for _ in 0..TOGETHER {
        call();
    }
}

/// The median of some measurements.
fn ns_per_call(mut call: impl FnMut()) -> f64 {
    let began = Instant::now();
    let mut times = Vec::with_capacity(TIMES);
    // The first is warm-up.
    for time in 0..=TIMES {
        let start = Instant::now();
        many(&mut call);
        if time > 0 {
            times.push(start.elapsed().as_nanos() as f64 / f64::from(TOGETHER));
        }
        if began.elapsed() > MOST && !times.is_empty() {
            break;
        }
    }
    Interval::median_of(&times).map_or(0.0, |interval| interval.median)
}
