use std::time::Duration;

use hwptop_agent::{InstanceTotals, SourceError};
use hwptop_driver::{InvalidateError, ReplayError, iommufd};

use crate::unmaps::UnmapsError;

/// In what way a batch is performed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// As the figures of the point are taken.
    Own,
    /// The same request, sent from an array that is ready, without anything around it.
    Bare,
    /// From a guest's queue through the front end.
    Guest,
}

/// What performs batches of one instance.
pub(super) trait Subject {
    /// The ways beside [`Way::Own`], which there always is.
    fn beside(&self) -> &'static [Way];

    /// Performs `count` batches of `batch` entries. Returns how long they took,
    /// without what prepares them.
    fn perform(&mut self, way: Way, batch: u32, count: u64) -> Result<Duration, SubjectError>;

    /// What [`Way::Own`] counted until now.
    fn totals(&mut self) -> Result<InstanceTotals, SourceError>;
}

/// Why a batch could not be performed.
#[derive(Debug, thiserror::Error)]
pub enum SubjectError {
    /// The guest could not be set up, or not go on.
    #[error(transparent)]
    Guest(#[from] ReplayError),
    /// The kernel refused an object, or to map or unmap memory.
    #[error(transparent)]
    Iommufd(#[from] iommufd::Error),
    /// The kernel refused a request.
    #[error("IOMMU_HWPT_INVALIDATE: {0}")]
    Request(#[from] InvalidateError),
    /// Nothing can be mapped for the device.
    #[error(transparent)]
    Unmaps(#[from] UnmapsError),
}

impl SubjectError {
    /// Whether the machine is the reason, and not what was asked for.
    #[must_use]
    pub const fn is_the_machines(&self) -> bool {
        match self {
            Self::Guest(error) => error.is_the_machines(),
            Self::Iommufd(_) | Self::Request(_) | Self::Unmaps(_) => true,
        }
    }
}
