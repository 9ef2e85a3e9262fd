use hwptop_abi::Vendor;
use hwptop_driver::{AssignedGuest, Capture, CaptureError, DomainId, Pasid, ReplayError, Stream};

/// Pages of 4 KiB in 2 MiB.
const PAGES: u32 = 512;

/// The synthetic guest's domain; any will do.
const DOMAIN: DomainId = DomainId(4);

/// Why a stream cannot be replayed.
#[derive(Debug, thiserror::Error)]
pub enum WorkloadError {
    /// A built-in capture could not be read.
    #[error(transparent)]
    Capture(#[from] CaptureError),
    /// It cannot be replayed.
    #[error("{stream}: {source}")]
    Stream {
        /// The capture.
        stream: String,
        /// The reason.
        source: Box<ReplayError>,
    },
    /// The target takes the commands of another vendor.
    #[error("{stream}: a stream of {} commands, but the target takes {} commands: give a capture \
             of those, or leave the vendor out", has.name(), takes.name())]
    OtherVendor {
        /// The capture.
        stream: String,
        /// Whose commands it has.
        has: Vendor,
        /// Whose the target takes.
        takes: Vendor,
    },
}

impl WorkloadError {
    /// Whether the machine is the reason, and not a stream.
    #[must_use]
    pub fn is_the_machines(&self) -> bool {
        match self {
            Self::Stream { source, .. } => source.is_the_machines(),
            Self::Capture(_) | Self::OtherVendor { .. } => false,
        }
    }
}

/// What vCPUs submit.
#[derive(Debug)]
pub(in crate::suite) struct Workload {
    pub(in crate::suite) name: String,
    pub(in crate::suite) stream: Stream,
    /// Whether a queue of hardware's own can take it.
    pub(in crate::suite) has_hw_queue: bool,
    /// The commands of each sync, without it; not empty.
    pub(in crate::suite) units: Vec<Vec<[u64; 2]>>,
}

/// A stream of `vendor` without commands, and those that unmap `count` pages, one by one.
pub(in crate::suite) fn unmaps(vendor: Vendor, count: u32) -> (Stream, Vec<[u64; 2]>) {
    let stream = Stream::synthetic(vendor, [(DOMAIN, Pasid::RID)]);
    let pages = (0..u64::from(count)).map(|page| stream.unmap_page(page << 12));
    let commands = pages.collect();
    (stream, commands)
}

impl Workload {
    /// The given captures, or else the built-in ones; of `vendor` only, where one is given.
    pub(in crate::suite) fn captures(
        captures: &[Capture],
        vendor: Option<Vendor>,
    ) -> Result<Vec<Self>, WorkloadError> {
        if captures.is_empty() {
            let builtin = Capture::builtin_names()
                .map(Capture::builtin)
                .collect::<Result<Vec<_>, CaptureError>>()?;
            let takes = |capture: &&Capture| vendor.is_none_or(|takes| capture.vendor() == takes);
            return builtin.iter().filter(takes).map(Self::of).collect();
        }
        let of = |capture: &Capture| match vendor {
            Some(takes) if capture.vendor() != takes => Err(WorkloadError::OtherVendor {
                stream: capture.name().to_owned(),
                has: capture.vendor(),
                takes,
            }),
            _ => Self::of(capture),
        };
        captures.iter().map(of).collect()
    }

    /// As [`Self::captures`], and for each vendor among them a guest that unmaps 2 MiB page by
    /// page before each sync.
    pub(in crate::suite) fn all(
        captures: &[Capture],
        vendor: Option<Vendor>,
    ) -> Result<Vec<Self>, WorkloadError> {
        let mut workloads = Self::captures(captures, vendor)?;
        let mut vendors = Vec::new();
        for workload in &workloads {
            let vendor = workload.stream.vendor();
            if !vendors.contains(&vendor) {
                vendors.push(vendor);
            }
        }
        workloads.extend(vendors.into_iter().map(Self::unmap_2_mib));
        Ok(workloads)
    }

    fn of(capture: &Capture) -> Result<Self, WorkloadError> {
        let name = capture.name().to_owned();
        let stream = match Stream::from_capture(capture) {
            Ok(stream) => stream,
            Err(source) => {
                return Err(WorkloadError::Stream {
                    stream: name,
                    source: Box::new(source),
                });
            }
        };
        Ok(Self {
            name,
            has_hw_queue: AssignedGuest::takes(&stream),
            units: stream.units(),
            stream,
        })
    }

    fn unmap_2_mib(vendor: Vendor) -> Self {
        let (stream, pages) = unmaps(vendor, PAGES);
        Self {
            name: format!("{}-unmap-2mib", vendor.name()),
            has_hw_queue: AssignedGuest::takes(&stream),
            units: vec![pages],
            stream,
        }
    }
}
