use hwptop_abi::Vendor;
use hwptop_driver::iommufd::Context;
use hwptop_driver::{Stream, selftest_guest};

use super::pages::Pages;
use super::real::Real;
use super::subject::{Subject, SubjectError};
use crate::mock::{Mock, has_viommu, hwpt_entry, viommu_entry};

/// The selftest's mock: its nested HWPT, or its vIOMMU where the guest's vendor has one.
pub(super) fn selftest(vendor: Vendor) -> Result<Box<dyn Subject>, SubjectError> {
    let context = Context::open()?;
    let stream = Stream::synthetic(vendor, [Pages::TARGET]);
    let guest = selftest_guest(&context, &stream, 0)?;
    let mock = Mock::new(&context, vendor)?;
    let target = mock.target;
    Ok(if has_viommu(vendor) {
        Box::new(Real::new(
            (context, target),
            viommu_entry,
            guest,
            Some(mock),
        ))
    } else {
        Box::new(Real::new((context, target), hwpt_entry, guest, Some(mock)))
    })
}
