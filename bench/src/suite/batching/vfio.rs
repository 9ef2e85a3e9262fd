use std::path::Path;
use std::time::{Duration, Instant};

use hwptop_abi::Vendor;
use hwptop_agent::{InstanceTotals, Recorder, SourceError};
use hwptop_driver::iommufd::{Context, Nesting, VfioDevice};
use hwptop_driver::{
    ArmSmmuV3Invalidate, ObjectId, Stream, VtdS1Invalidate, decorated_vfio_guest, smmuv3,
};

use super::BATCHES;
use super::pages::Pages;
use super::real::{Real, record, recorder};
use super::subject::{Subject, SubjectError, Way};
use crate::run_file::Work;
use crate::unmaps::{PAGES_MAX, Unmaps};

// Every batch can be mapped.
const _: () = assert!(BATCHES[BATCHES.len() - 1] as usize <= PAGES_MAX);

/// The IOMMU behind a device: guest invalidations where it offers nesting, else the
/// host's own unmaps.
pub(super) fn vfio(path: &Path) -> Result<(Box<dyn Subject>, Work), SubjectError> {
    let context = Context::open()?;
    let device = VfioDevice::bind(&context, path)?;
    let Nesting::Offered(vendor) = device.nesting()? else {
        let unmaps = TimedUnmaps {
            unmaps: Unmaps::new(&context, device)?,
            recorder: recorder(Vendor::Vtd),
        };
        return Ok((Box::new(unmaps), Work::Unmap));
    };
    let stream = Stream::synthetic(vendor, [Pages::TARGET]);
    let mut target = ObjectId(0);
    let guest = decorated_vfio_guest(&device, &stream, 0, |backend| {
        let hwpt = || backend.hwpts().first().copied();
        target = backend.viommu().or_else(hwpt).unwrap_or(target);
        backend
    })?;
    let kept = (context, target);
    let subject: Box<dyn Subject> = match vendor {
        Vendor::SmmuV3 => Box::new(Real::new(kept, smmuv3_entry, guest, None)),
        Vendor::Vtd | Vendor::AmdVi => Box::new(Real::new(kept, vtd_entry, guest, None)),
    };
    Ok((subject, Work::Requests))
}

/// As the guest's command for this page becomes one.
fn smmuv3_entry(page: u32) -> ArmSmmuV3Invalidate {
    let asid = smmuv3::Asid(Pages::TARGET.0.0);
    let command = smmuv3::command::tlbi_nh_va(asid, u64::from(page) << 12, true);
    ArmSmmuV3Invalidate {
        cmd: command.words().map(u64::to_le),
    }
}

const fn vtd_entry(page: u32) -> VtdS1Invalidate {
    VtdS1Invalidate::new((page as u64) << 12, 1, VtdS1Invalidate::LEAF)
}

/// The host's unmaps, timed.
struct TimedUnmaps {
    unmaps: Unmaps,
    recorder: Recorder,
}

impl Subject for TimedUnmaps {
    fn beside(&self) -> &'static [Way] {
        &[]
    }

    fn perform(&mut self, _: Way, batch: u32, count: u64) -> Result<Duration, SubjectError> {
        let pages = batch as usize;
        let mut elapsed = Duration::ZERO;
        for _ in 0..count {
            self.unmaps.map(pages)?;
            let start = Instant::now();
            self.unmaps.unmap(0, pages)?;
            elapsed += start.elapsed();
            let ioas = self.unmaps.ioas().object().id();
            record(&self.recorder, ioas, pages, start);
        }
        Ok(elapsed)
    }

    fn totals(&mut self) -> Result<InstanceTotals, SourceError> {
        super::model::only(&mut self.recorder)
    }
}
