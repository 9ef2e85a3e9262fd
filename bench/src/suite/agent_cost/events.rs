//! What a million events cost in CPU time, in the programs and in the process that reads them:
//! hwptop beside bpftrace on the same load, taken in turns, forwards and backwards (ABBA).

use std::{
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use hwptop_abi::{InstanceArg, Vendor};
use hwptop_driver::{ObjectId, iommufd::Context, probes};
use serde_json::Value;

use super::{
    AgentCostError, this_process,
    watcher::{Watcher, cpu_of},
};
use crate::{
    Interval,
    cpus::{Pinned, thread_cpu},
    mock::{Mock, MockEntries, has_viommu},
    suite::{
        bpftrace::{Bpftrace, NOT_INSTALLED},
        probe_cost::{Absent, PUSH_FUNCTION, call_push_function},
    },
};

/// Begin/end pairs of a measurement: some seconds, so that the tracer reads its maps.
const EVENTS: u64 = 2_000_000;
/// The same in a kernel, which is slower.
const KERNEL_EVENTS: u64 = 400_000;

/// Who looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Looking {
    /// Nobody.
    Nobody,
    /// A headless hwptop that takes a snapshot each second.
    Hwptop,
    /// A bpftrace histogram script on the same places, attached in the same way: static
    /// probes, or fentry and fexit.
    Twin,
    /// A bpftrace histogram script on functions: kprobe and kretprobe in the kernel, uprobe
    /// and uretprobe in a process.
    Kprobe,
}

/// Where the events are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Events {
    /// At the static probes of this process; at a function of it for uprobes.
    Static,
    /// In the kernel, on the selftest's mock as guests of the vendor have it.
    Selftest(Vendor),
}

/// CPU time of a million events by who looked, one figure per round.
#[derive(Clone, Debug)]
pub struct MillionEvents {
    /// Where they were made.
    pub events: Events,
    /// Measured: CPU seconds beyond those without anybody looking.
    pub measured: Vec<(Looking, Vec<f64>)>,
    /// Not measured, with the reason.
    pub absent: Vec<(Looking, Absent)>,
}

impl Looking {
    /// All that cost something, in the order they are printed.
    pub const ALL: [Self; 3] = [Self::Hwptop, Self::Twin, Self::Kprobe];

    /// Its name in every output.
    #[must_use]
    pub const fn name(self, events: Events) -> &'static str {
        match (self, events) {
            (Self::Nobody, _) => "nobody",
            (Self::Hwptop, _) => "hwptop",
            (Self::Twin, Events::Static) => "bpftrace hist, same static probes",
            (Self::Twin, Events::Selftest(_)) => "bpftrace hist, fentry+fexit",
            (Self::Kprobe, Events::Static) => "bpftrace hist, uprobe+uretprobe",
            (Self::Kprobe, Events::Selftest(_)) => "bpftrace hist, kprobe+kretprobe",
        }
    }

    /// The most that hwptop may cost as a ratio of this one.
    #[must_use]
    pub const fn goal(self, events: Events) -> Option<f64> {
        match (self, events) {
            (Self::Twin, _) => Some(1.0),
            (Self::Kprobe, Events::Selftest(_)) => Some(0.5),
            (Self::Kprobe, Events::Static) => Some(0.75),
            (Self::Nobody | Self::Hwptop, _) => None,
        }
    }
}

impl MillionEvents {
    /// What `looking` cost, in CPU seconds per million events.
    #[must_use]
    pub fn of(&self, looking: Looking) -> Option<&[f64]> {
        let measured = self.measured.iter().find(|(of, _)| *of == looking);
        measured.map(|(_, seconds)| seconds.as_slice())
    }

    /// hwptop as a ratio of `looking`: median, smallest and largest of the rounds.
    #[must_use]
    pub fn ratio_to(&self, looking: Looking) -> Option<Interval> {
        let (ours, theirs) = (self.of(Looking::Hwptop)?, self.of(looking)?);
        let ratios = ours.iter().zip(theirs).map(|(ours, theirs)| ours / theirs);
        Interval::range_of(&ratios.collect::<Vec<_>>())
    }
}

/// Measures `rounds` turns of everybody that can look here, or fewer where `stop` is set.
pub(super) fn million_events(
    program: &Path,
    events: Events,
    rounds: u32,
    stop: &AtomicBool,
    mut progress: impl FnMut(&str),
) -> Result<MillionEvents, AgentCostError> {
    let bench = Bench {
        program: program.to_owned(),
        events,
        mock: match events {
            Events::Static => None,
            Events::Selftest(vendor) => Some((Mock::new(&Context::open()?, vendor)?, vendor)),
        },
    };
    let _pinned = Pinned::here()?;
    let mut result = MillionEvents {
        events,
        measured: Looking::ALL.map(|looking| (looking, Vec::new())).into(),
        absent: Vec::new(),
    };
    for round in 0..rounds {
        let mut order: Vec<usize> = (0..result.measured.len()).collect();
        if round % 2 == 1 {
            order.reverse();
        }
        for at in order {
            if stop.load(Ordering::Relaxed) {
                return Ok(result);
            }
            let (looking, seconds) = &mut result.measured[at];
            let name = looking.name(events);
            progress(&format!(
                "a million events, round {} of {rounds}: {name}",
                round + 1
            ));
            match bench.measure(*looking)? {
                Ok(figure) => seconds.push(figure),
                Err(absent) => result.absent.push((*looking, absent)),
            }
        }
        let absent = &result.absent;
        result
            .measured
            .retain(|(of, _)| absent.iter().all(|(looking, _)| looking != of));
    }
    Ok(result)
}

struct Bench {
    program: PathBuf,
    events: Events,
    mock: Option<(Mock, Vendor)>,
}

impl Bench {
    /// CPU seconds of a million events beyond those with nobody looking.
    fn measure(&self, looking: Looking) -> Result<Result<f64, Absent>, AgentCostError> {
        let before = self.run(looking)?;
        let (with, tracer) = match looking {
            Looking::Nobody => (before, Duration::ZERO),
            Looking::Hwptop => self.under_hwptop()?,
            Looking::Twin | Looking::Kprobe => match self.under_bpftrace(looking)? {
                Ok(figures) => figures,
                Err(absent) => return Ok(Err(absent)),
            },
        };
        let after = self.run(looking)?;
        let without = (before + after) / 2;
        let cost = with.saturating_sub(without) + tracer;
        Ok(Ok(cost.as_secs_f64() * 1e6 / self.count() as f64))
    }

    /// The load's CPU time under hwptop, and that of hwptop itself meanwhile.
    fn under_hwptop(&self) -> Result<(Duration, Duration), AgentCostError> {
        let target = match self.events {
            Events::Static => this_process(),
            Events::Selftest(_) => "kernel".to_owned(),
        };
        let agent = Watcher::top(&self.program, &target, "1s")?;
        agent.wait_for("take a snapshot", |_| Some(()))?;
        let before = agent.cpu()?;
        let load = self.run(Looking::Hwptop)?;
        let own = agent.cpu()?.saturating_sub(before);
        let last = agent.last_line().unwrap_or_default();
        let snapshot: Value = serde_json::from_str(&last).unwrap_or_default();
        let recorded = snapshot["events"]["recorded"].as_u64().unwrap_or_default();
        if recorded < self.count() / 10_000 * 9_999 {
            return Err(AgentCostError::Unseen {
                recorded,
                made: self.count(),
            });
        }
        Ok((load, own))
    }

    /// The same under bpftrace.
    fn under_bpftrace(
        &self,
        looking: Looking,
    ) -> Result<Result<(Duration, Duration), Absent>, AgentCostError> {
        if looking == Looking::Kprobe && self.events == Events::Static && PUSH_FUNCTION.is_none() {
            return Ok(Err(Absent("`push` is an x86-64 instruction".to_owned())));
        }
        if !Bpftrace::is_installed() {
            return Ok(Err(Absent(NOT_INSTALLED.to_owned())));
        }
        let tracer = match (self.events, looking) {
            (Events::Static, Looking::Kprobe) => {
                Bpftrace::on_function(&self.program, PUSH_FUNCTION.unwrap_or_default())
            }
            (Events::Static, _) => Bpftrace::on_static_probes(&self.program),
            (Events::Selftest(vendor), _) => {
                let op = if has_viommu(vendor) {
                    "mock_viommu_cache_invalidate"
                } else {
                    "mock_domain_cache_invalidate_user"
                };
                let kinds = match looking {
                    Looking::Kprobe => ["kprobe", "kretprobe"],
                    _ => ["kfunc", "kretfunc"],
                };
                Bpftrace::in_the_kernel(kinds, &["iommufd_hwpt_invalidate", op])
            }
        };
        let mut tracer = match tracer {
            Ok(tracer) => tracer,
            Err(error) => return Ok(Err(Absent(format!("bpftrace: {error}")))),
        };
        if !tracer.wait_until_attached() {
            return Ok(Err(Absent("bpftrace could not attach".to_owned())));
        }
        let before = cpu_of(tracer.id())?;
        let load = self.run(looking)?;
        let own = cpu_of(tracer.id())?.saturating_sub(before);
        Ok(Ok((load, own)))
    }

    /// Begin/end pairs of a measurement.
    const fn count(&self) -> u64 {
        match self.events {
            Events::Static => EVENTS,
            Events::Selftest(_) => KERNEL_EVENTS,
        }
    }

    /// Makes the events, and answers what CPU time that took.
    fn run(&self, looking: Looking) -> Result<Duration, AgentCostError> {
        // A tracer that is gone may still be let go of by the kernel.
        thread::sleep(Duration::from_millis(20));
        let start = thread_cpu();
        match (&self.mock, looking) {
            (Some((mock, vendor)), _) => {
                let entries = MockEntries::new(*vendor, 1);
                let mut request = entries.request(mock);
                // A request is two events: its own and its driver op's.
                for _ in 0..KERNEL_EVENTS / 2 {
                    request.send()?;
                }
            }
            (None, Looking::Kprobe) => {
                for event in 0..EVENTS {
                    std::hint::black_box(call_push_function(event));
                }
            }
            (None, _) => {
                let instance = InstanceArg::new(0, Vendor::Vtd, true);
                for ticket in 1..=EVENTS {
                    probes::invalidate_begin(ticket, instance, ObjectId(1), 1);
                    probes::invalidate_end(ticket, instance, ObjectId(1), 1, 0);
                }
            }
        }
        Ok(thread_cpu().saturating_sub(start))
    }
}
