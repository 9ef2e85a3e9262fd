//! What an attached begin/end pair costs: every variant in one process, taken in
//! turns, forwards and backwards (ABBA), so that drift hits all alike.

use std::{
    hint::black_box,
    path::PathBuf,
    thread,
    time::{Duration, Instant},
};

use hwptop_abi::{InstanceArg, Vendor};
use hwptop_agent::{Ebpf, EbpfError, EmptyProbes, StaticProbeError, TargetProcess};
use hwptop_driver::{ObjectId, probes};

use super::bpftrace::{Bpftrace, NOT_INSTALLED};
use crate::Interval;

mod point;
mod push;

pub(super) use push::{PUSH_FUNCTION, call_push_function};

/// Pairs per measurement: about 50 ms with a probe attached.
const PAIRS: u64 = 50_000;
/// Pairs per look at whether a probe is there.
const GLANCE: u64 = 500;
/// A pair that costs less than this has no probe on it. The cheapest probe seen
/// is 15 ns a hit, on faster machines; a nop pair is 2 to 5 ns.
const ATTACHED_NS: f64 = 25.0;
/// How long bpftrace may take to attach.
const ATTACH_TIMEOUT: Duration = Duration::from_secs(20);

/// What sits on the pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Variant {
    /// Nothing: two nops.
    Nothing,
    /// A program that does nothing, twice.
    Empty,
    /// hwptop's own programs.
    Hwptop,
    /// The same while the kernel times them.
    HwptopTimed,
    /// A bpftrace histogram script on the same static probes.
    BpftraceStatic,
    /// A bpftrace histogram script, uprobe and uretprobe, on a function that
    /// begins with `push`.
    BpftracePush,
}

impl Variant {
    /// All, in the order they are printed.
    pub const ALL: [Self; 6] = [
        Self::Nothing,
        Self::Empty,
        Self::Hwptop,
        Self::HwptopTimed,
        Self::BpftraceStatic,
        Self::BpftracePush,
    ];

    /// Its name in every output.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Nothing => "no probe",
            Self::Empty => "two empty hits",
            Self::Hwptop => "hwptop pair",
            Self::HwptopTimed => "hwptop pair, timed by the kernel",
            Self::BpftraceStatic => "bpftrace hist, same static probes",
            Self::BpftracePush => "bpftrace hist, uprobe+uretprobe on `push`",
        }
    }

    /// The most that hwptop's pair may cost as a ratio of this one.
    #[must_use]
    pub const fn goal(self) -> Option<f64> {
        match self {
            Self::Empty => Some(1.5),
            Self::BpftraceStatic => Some(1.0),
            Self::BpftracePush => Some(0.75),
            Self::Nothing | Self::Hwptop | Self::HwptopTimed => None,
        }
    }
}

/// Why a variant has no figures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Absent(pub String);

/// What one variant cost.
#[derive(Clone, Debug)]
pub struct VariantCost {
    /// Which variant.
    pub variant: Variant,
    /// Nanoseconds per begin/end pair, one figure per round.
    pub ns_per_pair: Vec<f64>,
}

/// All variants of one run, side by side.
#[derive(Clone, Debug)]
pub struct ProbeCost {
    /// Measured, in the order of [`Variant::ALL`].
    pub measured: Vec<VariantCost>,
    /// Not measured, with the reason.
    pub absent: Vec<(Variant, Absent)>,
}

/// Why the suite cannot run.
#[derive(Debug, thiserror::Error)]
pub enum ProbeCostError {
    /// No eBPF here.
    #[error(transparent)]
    Ebpf(#[from] EbpfError),
    /// This program's own probes cannot be found.
    #[error(transparent)]
    Probes(#[from] StaticProbeError),
    /// This program's own path is not known.
    #[error("the path of this program: {0}")]
    Program(std::io::Error),
    /// Attached, and yet no hit costs anything.
    #[error("{0} is attached, but its probes are never hit")]
    NeverHit(&'static str),
}

impl ProbeCost {
    /// What `variant` cost, where it was measured.
    #[must_use]
    pub fn of(&self, variant: Variant) -> Option<&VariantCost> {
        self.measured.iter().find(|cost| cost.variant == variant)
    }

    /// hwptop's pair as a ratio of `variant`'s: median, smallest and largest over
    /// the rounds.
    #[must_use]
    pub fn ratio_to(&self, variant: Variant) -> Option<Interval> {
        let (ours, theirs) = (self.of(Variant::Hwptop)?, self.of(variant)?);
        let ratios = ours
            .ns_per_pair
            .iter()
            .zip(&theirs.ns_per_pair)
            .map(|(ours, theirs)| ours / theirs);
        Interval::range_of(&ratios.collect::<Vec<_>>())
    }
}

impl VariantCost {
    /// Nanoseconds per pair: median, smallest and largest over the rounds.
    #[must_use]
    pub fn spread(&self) -> Option<Interval> {
        Interval::range_of(&self.ns_per_pair)
    }
}

/// Runs the suite: `rounds` turns over all variants that can be had here.
/// `progress` is told what is measured now.
///
/// # Errors
/// [`ProbeCostError`] where hwptop's own probes cannot be attached. A bpftrace
/// that is not there or does not attach is reported as absent.
pub fn probe_cost(
    rounds: u32,
    mut progress: impl FnMut(u32, Variant),
) -> Result<ProbeCost, ProbeCostError> {
    let mut bench = Bench {
        process: TargetProcess::current()?,
        program: std::env::current_exe().map_err(ProbeCostError::Program)?,
        ticket: 0,
    };
    let mut cost = ProbeCost {
        measured: Vec::new(),
        absent: Vec::new(),
    };
    let mut variants = Vec::new();
    for variant in Variant::ALL {
        match Bench::unavailable(variant) {
            Some(reason) => cost.absent.push((variant, Absent(reason))),
            None => variants.push(variant),
        }
    }
    cost.measured = variants
        .iter()
        .map(|&variant| VariantCost {
            variant,
            ns_per_pair: Vec::new(),
        })
        .collect();
    for round in 0..rounds {
        let mut order: Vec<usize> = (0..cost.measured.len()).collect();
        if round % 2 == 1 {
            order.reverse();
        }
        for at in order {
            let variant = cost.measured[at].variant;
            progress(round, variant);
            match bench.measure(variant)? {
                Ok(ns) => cost.measured[at].ns_per_pair.push(ns),
                Err(absent) => cost.absent.push((variant, absent)),
            }
        }
        let absent = cost.absent.clone();
        cost.measured
            .retain(|cost| absent.iter().all(|(variant, _)| *variant != cost.variant));
    }
    Ok(cost)
}

struct Bench {
    process: TargetProcess,
    program: PathBuf,
    ticket: u64,
}

impl Bench {
    fn unavailable(variant: Variant) -> Option<String> {
        match variant {
            Variant::Nothing | Variant::Empty | Variant::Hwptop | Variant::HwptopTimed => None,
            Variant::BpftracePush if PUSH_FUNCTION.is_none() => {
                Some("`push` is an x86-64 instruction".to_owned())
            }
            Variant::BpftraceStatic | Variant::BpftracePush => {
                (!Bpftrace::is_installed()).then(|| NOT_INSTALLED.to_owned())
            }
        }
    }

    fn measure(&mut self, variant: Variant) -> Result<Result<f64, Absent>, ProbeCostError> {
        Ok(match variant {
            Variant::Nothing => Ok(self.request_pairs(PAIRS)),
            Variant::Empty => {
                let _probes =
                    EmptyProbes::attach(&self.process, &["invalidate_begin", "invalidate_end"])?;
                self.attached_pairs(variant)?
            }
            Variant::Hwptop => {
                let mut probes = Ebpf::attach(&self.process, Duration::from_secs(1))?;
                probes.stop_timing();
                self.attached_pairs(variant)?
            }
            Variant::HwptopTimed => {
                let _probes = Ebpf::attach(&self.process, Duration::from_secs(1))?;
                self.attached_pairs(variant)?
            }
            Variant::BpftraceStatic => {
                let tracer = Bpftrace::on_static_probes(&self.program);
                self.under(tracer, Self::request_pairs)
            }
            Variant::BpftracePush => {
                let function = PUSH_FUNCTION.unwrap_or_default();
                let tracer = Bpftrace::on_function(&self.program, function);
                self.under(tracer, |_, pairs| push_pairs(pairs))
            }
        })
    }

    fn attached_pairs(&mut self, variant: Variant) -> Result<Result<f64, Absent>, ProbeCostError> {
        self.request_pairs(GLANCE);
        let ns = self.request_pairs(PAIRS);
        if ns < ATTACHED_NS {
            return Err(ProbeCostError::NeverHit(variant.name()));
        }
        Ok(Ok(ns))
    }

    /// Measures `pairs` while `tracer` is attached, and waits until it is gone.
    fn under(
        &mut self,
        tracer: std::io::Result<Bpftrace>,
        pairs: impl Fn(&mut Self, u64) -> f64,
    ) -> Result<f64, Absent> {
        let mut tracer = tracer.map_err(|error| Absent(format!("bpftrace: {error}")))?;
        let started = Instant::now();
        // Both probes of a pair must be there: the second attaches a moment later.
        let mut hits = 0;
        while hits < 3 {
            thread::sleep(Duration::from_millis(100));
            if tracer.has_ended() {
                return Err(Absent("bpftrace could not attach".to_owned()));
            }
            if started.elapsed() > ATTACH_TIMEOUT {
                return Err(Absent(format!(
                    "bpftrace did not attach in {ATTACH_TIMEOUT:?}"
                )));
            }
            hits = if pairs(self, GLANCE) >= ATTACHED_NS {
                hits + 1
            } else {
                0
            };
        }
        let ns = pairs(self, PAIRS);
        drop(tracer);
        while pairs(self, GLANCE) >= ATTACHED_NS && started.elapsed() < 2 * ATTACH_TIMEOUT {
            thread::sleep(Duration::from_millis(50));
        }
        Ok(ns)
    }

    /// Nanoseconds per pair of a request's static probes.
    fn request_pairs(&mut self, pairs: u64) -> f64 {
        let instance = InstanceArg::new(0, Vendor::Vtd, true);
        let start = Instant::now();
        for _ in 0..pairs {
            self.ticket += 1;
            probes::invalidate_begin(self.ticket, instance, ObjectId(1), 1);
            probes::invalidate_end(self.ticket, instance, ObjectId(1), 1, 0);
        }
        start.elapsed().as_nanos() as f64 / pairs as f64
    }
}

/// Nanoseconds per call of the function that begins with `push`.
fn push_pairs(pairs: u64) -> f64 {
    let start = Instant::now();
    for pair in 0..pairs {
        black_box(call_push_function(pair));
    }
    start.elapsed().as_nanos() as f64 / pairs as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run_file::Point;

    fn cost(hwptop: &[f64], empty: &[f64]) -> ProbeCost {
        let of = |variant, ns: &[f64]| VariantCost {
            variant,
            ns_per_pair: ns.to_vec(),
        };
        ProbeCost {
            measured: vec![of(Variant::Hwptop, hwptop), of(Variant::Empty, empty)],
            absent: Vec::new(),
        }
    }

    #[test]
    fn ratios_are_taken_round_by_round() {
        let ratio = cost(&[120.0, 300.0, 100.0], &[100.0, 200.0, 100.0]).ratio_to(Variant::Empty);
        let expected = Interval {
            median: 1.2,
            low: 1.0,
            high: 1.5,
        };
        assert_eq!(ratio, Some(expected));
    }

    #[test]
    fn a_run_file_has_the_pair_apart_from_what_it_is_held_against() {
        let points = cost(&[30.0], &[20.0]).points();
        let [hwptop, empty] = [Variant::Hwptop, Variant::Empty].map(|variant| {
            let is_its = |point: &&Point| point.labels["variant"] == variant.name();
            points.iter().find(is_its).expect("it is measured")
        });
        assert_eq!(hwptop.value("ns_per_pair"), Some(30.0));
        assert_eq!(empty.value("ns_per_pair"), None);
        assert_eq!(empty.value("reference_ns_per_pair"), Some(20.0));
        assert_eq!(empty.value("hwptop_ratio"), Some(1.5));
    }

    #[test]
    fn what_was_not_measured_has_no_ratio() {
        assert_eq!(cost(&[1.0], &[]).ratio_to(Variant::Empty), None);
        assert_eq!(cost(&[1.0], &[1.0]).ratio_to(Variant::BpftraceStatic), None);
    }

    #[test]
    fn the_push_function_can_be_called() {
        assert_eq!(
            call_push_function(7),
            if PUSH_FUNCTION.is_some() { 8 } else { 7 }
        );
    }
}
