use hwptop_abi::Vendor;
use hwptop_driver::{AssignedGuest, Capture, CaptureError, DomainId, Pasid, ReplayError, Stream};

use super::PoliciesError;

/// Pages of 4 KiB in 2 MiB.
const PAGES: u64 = 512;

/// The synthetic guest's domain; any will do.
const DOMAIN: DomainId = DomainId(4);

/// What vCPUs submit.
pub(super) struct Workload {
    pub(super) name: String,
    pub(super) stream: Stream,
    /// Whether a queue of hardware's own can take it.
    pub(super) has_hw_queue: bool,
    /// The commands of each sync, without it.
    pub(super) units: Vec<Vec<[u64; 2]>>,
}

impl Workload {
    /// The given captures, or else the built-in ones, and for each vendor among them
    /// a guest that unmaps 2 MiB page by page before each sync.
    pub(super) fn all(captures: &[Capture]) -> Result<Vec<Self>, PoliciesError> {
        let builtin: Vec<Capture>;
        let captures = if captures.is_empty() {
            builtin = Capture::builtin_names()
                .map(Capture::builtin)
                .collect::<Result<_, CaptureError>>()?;
            &builtin
        } else {
            captures
        };
        let mut workloads = Vec::new();
        let mut vendors = Vec::new();
        for capture in captures {
            let stream = Stream::from_capture(capture);
            workloads.push(Self::of_capture(capture, stream)?);
            if !vendors.contains(&capture.vendor()) {
                vendors.push(capture.vendor());
            }
        }
        workloads.extend(vendors.into_iter().map(Self::unmap_2_mib));
        Ok(workloads)
    }

    fn of_capture(
        capture: &Capture,
        stream: Result<Stream, ReplayError>,
    ) -> Result<Self, PoliciesError> {
        let name = capture.name().to_owned();
        let stream = match stream {
            Ok(stream) => stream,
            Err(source) => {
                return Err(PoliciesError::Stream {
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
        let stream = Stream::synthetic(vendor, [(DOMAIN, Pasid::RID)]);
        let pages = (0..PAGES).map(|page| stream.unmap_page(page << 12));
        Self {
            name: format!("{}-unmap-2mib", vendor.name()),
            has_hw_queue: AssignedGuest::takes(&stream),
            units: vec![pages.collect()],
            stream,
        }
    }
}
