//! What hwptop's kernel probes cost a request to the selftest's mock: every variant in one
//! process, taken in turns, forwards and backwards (ABBA), so that drift hits all alike.

use std::{
    any::Any,
    sync::atomic::{AtomicBool, Ordering},
    time::Instant,
};

use hwptop_abi::Vendor;
use hwptop_agent::kernel::facts::Facts;
use hwptop_agent::{EmptyKernelError, EmptyKernelProbes, Kernel, KernelError, KernelOptions};
use hwptop_driver::InvalidateError;
use hwptop_driver::iommufd::{self, Context};

use crate::Interval;
use crate::cpus::Pinned;
use crate::mock::{Mock, MockEntries, has_viommu};

mod point;

/// The kernel's request.
const REQUEST: &str = "iommufd_hwpt_invalidate";

/// Entries per request of the two sizes that are measured.
pub const COST_BATCHES: [u32; 2] = [1, 64];

/// Requests that are timed together.
const TOGETHER: u32 = 64;
/// How often in each turn; the median counts, so that a machine that others use disturbs
/// little.
const TIMES: usize = 301;

/// What is attached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KernelVariant {
    /// Nothing.
    Nothing,
    /// A program that does nothing on entry and exit of the request.
    EmptyRequest,
    /// The same on the request and on the driver op.
    Empty,
    /// hwptop's kernel probes, requests only: they are not split up.
    HwptopRequests,
    /// hwptop's kernel probes.
    Hwptop,
}

impl KernelVariant {
    /// All, in the order they are printed.
    pub const ALL: [Self; 5] = [
        Self::Nothing,
        Self::EmptyRequest,
        Self::Empty,
        Self::HwptopRequests,
        Self::Hwptop,
    ];

    /// Its name in every output.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Nothing => "no probe",
            Self::EmptyRequest => "empty pair on the request",
            Self::Empty => "empty pairs on request and driver op",
            Self::HwptopRequests => "hwptop's kernel probes, requests only",
            Self::Hwptop => "hwptop's kernel probes",
        }
    }

    /// The empty pairs on the same functions, where it is hwptop's.
    #[must_use]
    pub const fn empty(self) -> Option<Self> {
        match self {
            Self::HwptopRequests => Some(Self::EmptyRequest),
            Self::Hwptop => Some(Self::Empty),
            Self::Nothing | Self::EmptyRequest | Self::Empty => None,
        }
    }

    /// Begin/end pairs that a request goes through.
    #[must_use]
    pub const fn events(self) -> u32 {
        match self {
            Self::Nothing => 0,
            Self::EmptyRequest | Self::HwptopRequests => 1,
            Self::Empty | Self::Hwptop => 2,
        }
    }
}

/// What requests of one size cost under one variant.
#[derive(Clone, Debug)]
pub struct KernelCost {
    /// What was attached.
    pub variant: KernelVariant,
    /// Entries per request.
    pub batch: u32,
    /// Nanoseconds per request, one figure per round.
    pub ns_per_request: Vec<f64>,
}

/// All variants of one run, side by side.
#[derive(Clone, Debug, Default)]
pub struct KernelCosts(pub Vec<KernelCost>);

/// Why the suite cannot run.
#[derive(Debug, thiserror::Error)]
pub enum KernelCostError {
    /// The kernel cannot be watched.
    #[error(transparent)]
    Probes(#[from] KernelError),
    /// The empty programs could not be attached.
    #[error(transparent)]
    Empty(#[from] EmptyKernelError),
    /// The kernel refused an object of the mock.
    #[error(transparent)]
    Iommufd(#[from] iommufd::Error),
    /// The kernel refused a request.
    #[error("IOMMU_HWPT_INVALIDATE: {0}")]
    Request(#[from] InvalidateError),
    /// The thread could not be kept on a CPU.
    #[error("sched_setaffinity: {0}")]
    Affinity(#[from] rustix::io::Errno),
}

impl KernelCosts {
    /// What requests of `batch` entries cost under `variant`.
    #[must_use]
    pub fn of(&self, variant: KernelVariant, batch: u32) -> Option<&KernelCost> {
        self.0
            .iter()
            .find(|cost| (cost.variant, cost.batch) == (variant, batch))
    }

    /// Throughput under `variant` as a ratio of that with no probe: median, smallest and
    /// largest of the rounds.
    #[must_use]
    pub fn throughput(&self, variant: KernelVariant, batch: u32) -> Option<Interval> {
        let nothing = self.of(KernelVariant::Nothing, batch)?;
        let with = self.of(variant, batch)?;
        let rounds = nothing.ns_per_request.iter().zip(&with.ns_per_request);
        Interval::range_of(&rounds.map(|(none, with)| none / with).collect::<Vec<_>>())
    }

    /// What an event costs under `variant` in nanoseconds, beyond no probe: median, smallest and
    /// largest of the rounds. An event is one begin/end pair.
    #[must_use]
    pub fn ns_per_event(&self, variant: KernelVariant, batch: u32) -> Option<Interval> {
        Interval::range_of(&self.events(variant, batch)?)
    }

    /// What an event costs under `variant`, which is one of hwptop's, as a ratio of an empty
    /// pair's on the same functions: median, smallest and largest of the rounds.
    #[must_use]
    pub fn event_ratio(&self, variant: KernelVariant, batch: u32) -> Option<Interval> {
        let ours = self.events(variant, batch)?;
        let empty = self.events(variant.empty()?, batch)?;
        let rounds = ours.iter().zip(&empty);
        Interval::range_of(&rounds.map(|(ours, empty)| ours / empty).collect::<Vec<_>>())
    }

    fn events(&self, variant: KernelVariant, batch: u32) -> Option<Vec<f64>> {
        let nothing = self.of(KernelVariant::Nothing, batch)?;
        let with = self.of(variant, batch)?;
        if variant.events() == 0 {
            return None;
        }
        let rounds = nothing.ns_per_request.iter().zip(&with.ns_per_request);
        let cost = |(none, with): (&f64, &f64)| (with - none) / f64::from(variant.events());
        Some(rounds.map(cost).collect())
    }
}

impl KernelCost {
    /// Nanoseconds per request: median, smallest and largest of the rounds.
    #[must_use]
    pub fn interval(&self) -> Option<Interval> {
        Interval::range_of(&self.ns_per_request)
    }
}

/// Runs the suite: `rounds` turns over all variants, or fewer where `stop` is set. Requests
/// go to the object that guests of `vendor` have on the mock. The thread is kept on one CPU.
///
/// # Errors
/// [`KernelCostError`].
pub fn kernel_cost(
    vendor: Vendor,
    rounds: u32,
    stop: &AtomicBool,
    mut progress: impl FnMut(u32, KernelVariant),
) -> Result<KernelCosts, KernelCostError> {
    let context = Context::open()?;
    let mock = Mock::new(&context, vendor)?;
    // What only first requests pay is not measured; the object is destroyed again.
    ns_per_request(&Mock::new(&context, vendor)?, vendor, 1)?;
    let facts = Facts::of_this_machine();
    let mut costs = KernelCosts::default();
    for batch in COST_BATCHES {
        let of = |variant| KernelCost {
            variant,
            batch,
            ns_per_request: Vec::new(),
        };
        costs.0.extend(KernelVariant::ALL.map(of));
    }
    let mut order = KernelVariant::ALL;
    for round in 0..rounds {
        let mut measured = Vec::new();
        for variant in order {
            progress(round, variant);
            let _attached = attach(variant, vendor, &facts)?;
            for batch in COST_BATCHES {
                measured.push((variant, batch, ns_per_request(&mock, vendor, batch)?));
            }
            if stop.load(Ordering::Relaxed) {
                return Ok(costs);
            }
        }
        // Whole rounds only: ratios are taken round by round.
        for (variant, batch, ns) in measured {
            let cost = costs.0.iter_mut();
            let mut cost = cost.filter(|cost| (cost.variant, cost.batch) == (variant, batch));
            if let Some(cost) = cost.next() {
                cost.ns_per_request.push(ns);
            }
        }
        order.reverse();
    }
    Ok(costs)
}

/// What must be held for `variant` to be attached.
fn attach(
    variant: KernelVariant,
    vendor: Vendor,
    facts: &Facts,
) -> Result<Box<dyn Any>, KernelCostError> {
    let driver_op = if has_viommu(vendor) {
        "mock_viommu_cache_invalidate"
    } else {
        "mock_domain_cache_invalidate_user"
    };
    Ok(match variant {
        KernelVariant::Nothing => Box::new(()),
        KernelVariant::EmptyRequest => Box::new(EmptyKernelProbes::attach(&[REQUEST])?),
        KernelVariant::Empty => Box::new(EmptyKernelProbes::attach(&[REQUEST, driver_op])?),
        KernelVariant::HwptopRequests => Box::new(untimed(
            facts,
            &KernelOptions {
                driver_ops: false,
                ..KernelOptions::default()
            },
        )?),
        KernelVariant::Hwptop => Box::new(untimed(facts, &KernelOptions::default())?),
    })
}

/// The probes as they are nearly all of the time.
fn untimed(facts: &Facts, options: &KernelOptions) -> Result<Kernel, KernelError> {
    let mut kernel = Kernel::attach(facts, options)?;
    kernel.stop_timing();
    Ok(kernel)
}

/// The median of [`TIMES`] measurements, on one CPU.
fn ns_per_request(mock: &Mock, vendor: Vendor, batch: u32) -> Result<f64, KernelCostError> {
    let entries = MockEntries::new(vendor, batch);
    let mut request = entries.request(mock);
    let _pinned = Pinned::here()?;
    let mut times = Vec::with_capacity(TIMES);
    // The first is warm-up.
    for time in 0..=TIMES {
        let start = Instant::now();
        for _ in 0..TOGETHER {
            request.send()?;
        }
        if time > 0 {
            times.push(start.elapsed().as_nanos() as f64 / f64::from(TOGETHER));
        }
    }
    let interval = Interval::median_of(&times);
    Ok(interval.map_or(f64::NAN, |interval| interval.median))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn costs(nothing: &[f64], empty: &[f64], hwptop: &[f64]) -> KernelCosts {
        let of = |variant, ns: &[f64]| KernelCost {
            variant,
            batch: 1,
            ns_per_request: ns.to_vec(),
        };
        KernelCosts(vec![
            of(KernelVariant::Nothing, nothing),
            of(KernelVariant::Empty, empty),
            of(KernelVariant::Hwptop, hwptop),
        ])
    }

    #[test]
    fn an_event_is_half_of_what_a_request_costs_more_under_the_probes() {
        let costs = costs(&[1000.0, 1000.0], &[1100.0, 1200.0], &[1180.0, 1300.0]);
        let event = costs.ns_per_event(KernelVariant::Hwptop, 1);
        let median = |interval: Option<Interval>| interval.map(|interval| interval.median);
        assert_eq!(median(event), Some(120.0));
        // 90 to 50 and 150 to 100, round by round.
        let ratio = costs
            .event_ratio(KernelVariant::Hwptop, 1)
            .expect("both are measured");
        assert_eq!((ratio.low, ratio.high), (1.5, 1.8));
        let nothing = costs.ns_per_event(KernelVariant::Nothing, 1);
        assert_eq!(
            (nothing, costs.event_ratio(KernelVariant::Hwptop, 64)),
            (None, None)
        );
    }

    #[test]
    fn a_run_file_has_the_probes_apart_from_what_they_are_held_against() {
        let points = costs(&[1000.0], &[1100.0], &[1180.0]).points();
        let value = |at: usize, metric| points[at].value(metric);
        assert_eq!(points.len(), 3);
        assert_eq!(value(0, "reference_ns_per_request"), Some(1000.0));
        assert_eq!(value(1, "ns_per_request"), None);
        assert_eq!(value(2, "ns_per_request"), Some(1180.0));
        assert_eq!(value(2, "ns_per_event"), Some(90.0));
        assert_eq!(value(2, "event_ratio"), Some(1.8));
    }

    #[test]
    fn throughput_is_the_inverse_of_time() {
        let costs = costs(&[800.0], &[900.0], &[1000.0]);
        let ratio = costs
            .throughput(KernelVariant::Hwptop, 1)
            .expect("measured");
        assert_eq!((ratio.median, ratio.low, ratio.high), (0.8, 0.8, 0.8));
    }
}
