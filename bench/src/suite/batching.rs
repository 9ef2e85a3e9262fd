//! What a batch is worth: 1 to 1024 pages are invalidated before each wait.

use std::{
    path::PathBuf,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use hwptop_abi::Vendor;
use hwptop_agent::{SourceError, ThreadCounters};

use crate::cpus::Apart;
use crate::run_file::{BatchPoint, Work};

mod measure;
mod model;
mod opening;
mod pages;
mod real;
mod selftest;
mod sizes;
mod subject;
mod vfio;

use measure::{Bench, Delay};
pub use sizes::{Sizes, SizesError};
pub use subject::SubjectError;

/// The batch sizes of the sweep, in entries per request.
pub const BATCHES: [u32; 11] = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024];

/// The kernel's name for the selftest's mock, in `/sys/class/iommu`.
pub const MOCK_NAME: &str = "iommufd_selftest_iommu.0";

/// What to sweep.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Driven {
    /// Modelled instances, measured one after the other.
    Model {
        /// Whose.
        vendor: Vendor,
        /// How many.
        instances: u16,
    },
    /// The mock of a kernel with `CONFIG_IOMMUFD_TEST`: its vIOMMU with guests of SMMUv3,
    /// else its nested HWPT.
    Selftest {
        /// Whose commands the guest uses.
        vendor: Vendor,
    },
    /// The IOMMU behind a device that vfio-pci has.
    Vfio {
        /// The device's cdev.
        device: PathBuf,
        /// What the IOMMU is called.
        instance: String,
    },
}

/// How much to measure of each batch size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Amount {
    /// So long, each way; a fifth of it is warm-up before.
    Time(Duration),
    /// Exactly so many requests and nothing else: no warm-up, nothing beside it.
    Requests(u64),
}

/// How to sweep.
#[derive(Clone, Debug)]
pub struct Sweep {
    /// What.
    pub driven: Driven,
    /// How much.
    pub amount: Amount,
    /// Of which batch sizes.
    pub sizes: Sizes,
    /// By which part the own way is made slower than it is: 0, but to try a gate.
    pub delay: f64,
}

impl Sweep {
    /// How many points a whole sweep has.
    #[must_use]
    pub fn points(&self) -> usize {
        self.instances() * self.sizes.as_slice().len()
    }

    fn instances(&self) -> usize {
        match self.driven {
            Driven::Model { instances, .. } => usize::from(instances),
            Driven::Selftest { .. } | Driven::Vfio { .. } => 1,
        }
    }
}

/// Why a sweep ended early.
#[derive(Debug, thiserror::Error)]
pub enum BatchingError {
    /// What is to be measured could not be set up.
    #[error("{instance}: {source}")]
    Setup {
        /// The instance's name.
        instance: String,
        /// The reason.
        source: SubjectError,
    },
    /// A batch could not be performed.
    #[error("{instance}, batch {batch}: {source}")]
    Batch {
        /// The instance's name.
        instance: String,
        /// The batch size.
        batch: u32,
        /// The reason.
        source: SubjectError,
    },
    /// The measurement could not be read.
    #[error(transparent)]
    Read(#[from] SourceError),
}

/// What a sweep measured.
#[derive(Clone, Debug, Default)]
pub struct Swept {
    /// What a batch was.
    pub work: Work,
    /// In order of instance, then batch.
    pub points: Vec<BatchPoint>,
    /// The CPUs that it kept to: of the thread that submits, then of a modelled unit. Empty
    /// where threads ran wherever the scheduler let them.
    pub cpus: Vec<usize>,
}

/// Measures every batch size on every instance, or what it could before `stop` was
/// set. `progress` is told the instance, the batch and how many points are done.
///
/// # Errors
/// [`BatchingError`], naming instance and batch size.
pub fn batching(
    sweep: &Sweep,
    stop: &AtomicBool,
    mut progress: impl FnMut(&str, u32, usize),
) -> Result<Swept, BatchingError> {
    let apart = Apart::of_this_thread();
    let mut swept = Swept {
        cpus: apart.as_ref().map_or_else(Vec::new, Apart::cpus),
        ..Swept::default()
    };
    for number in 0..sweep.instances() {
        let (instance, subject) = opening::open(&sweep.driven, number, apart.as_ref());
        let subject = subject.map_err(|source| BatchingError::Setup {
            instance: instance.clone(),
            source,
        });
        let (mut subject, work) = subject?;
        swept.work = work;
        let mut bench = Bench {
            subject: &mut *subject,
            instance,
            counters: ThreadCounters::open(),
            delay: Delay::of(sweep.delay),
            stop,
        };
        for &batch in sweep.sizes.as_slice() {
            progress(&bench.instance, batch, swept.points.len());
            let point = bench.point(batch, sweep.amount);
            if stop.load(Ordering::Relaxed) {
                return Ok(swept);
            }
            swept.points.push(point?);
        }
    }
    Ok(swept)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model(instances: u16, amount: Amount) -> Sweep {
        let vendor = Vendor::Vtd;
        Sweep {
            driven: Driven::Model { vendor, instances },
            amount,
            sizes: Sizes::default(),
            delay: 0.0,
        }
    }

    #[test]
    fn a_number_of_requests_is_kept_to_the_one() {
        let sweep = model(1, Amount::Requests(37));
        let Swept { points, .. } =
            batching(&sweep, &AtomicBool::new(false), |_, _, _| {}).expect("it runs");
        assert_eq!(points.len(), BATCHES.len());
        for point in points {
            assert_eq!(point.requests, 37, "batch {}", point.batch);
            assert_eq!(point.entries, 37 * u64::from(point.batch));
        }
    }

    #[test]
    fn a_sweep_is_of_the_sizes_that_are_asked_for() {
        let sweep = Sweep {
            sizes: "1,48".parse().expect("they ascend"),
            ..model(2, Amount::Requests(3))
        };
        let Swept { points, .. } =
            batching(&sweep, &AtomicBool::new(false), |_, _, _| {}).expect("it runs");
        assert_eq!(points.len(), sweep.points());
        let sizes: Vec<u32> = points.iter().map(|point| point.batch).collect();
        assert_eq!(sizes, [1, 48, 1, 48]);
    }

    #[test]
    fn a_sweep_measures_every_batch_as_one_request_per_wait() {
        let sweep = model(2, Amount::Time(Duration::from_millis(10)));
        let Swept { points, .. } =
            batching(&sweep, &AtomicBool::new(false), |_, _, _| {}).expect("it runs");
        assert_eq!(points.len(), 2 * BATCHES.len());
        for point in &points {
            assert_eq!(point.entries, u64::from(point.batch) * point.requests);
            assert_eq!(point.commands, Some(point.entries));
            // The model hands over at most 16 commands at a time, as mainline does.
            let submissions = u64::from(point.batch.div_ceil(16)) * point.requests;
            assert_eq!(
                point.submissions,
                Some(submissions),
                "batch {}",
                point.batch
            );
            let latency = point
                .request_latency
                .decode()
                .expect("own histograms decode");
            assert_eq!(latency.len(), point.requests);
        }
        assert_eq!(points[0].instance, "model-vtd0");
        assert_eq!(points[BATCHES.len()].instance, "model-vtd1");
    }

    #[test]
    fn a_stopped_sweep_keeps_whole_points_only() {
        let sweep = model(1, Amount::Time(Duration::from_mins(1)));
        let stop = AtomicBool::new(true);
        let Swept { points, .. } = batching(&sweep, &stop, |_, _, _| {}).expect("it stops");
        assert!(points.is_empty());
    }
}
