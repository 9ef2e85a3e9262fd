//! One object of the kernel's selftest mock, and requests to it.

use hwptop_abi::Vendor;
use hwptop_driver::iommufd::{
    Context, Error, HwptInvalidateSelftest, Object, Prepared, Selftest, ViommuInvalidateSelftest,
};
use hwptop_driver::{InvalidateError, ObjectId};

/// What a guest calls the mock's device.
const DEVICE: u32 = 0;

/// A nested HWPT of the mock, or a vIOMMU with a device.
#[derive(Debug)]
pub(crate) struct Mock {
    pub(crate) context: Context,
    pub(crate) target: ObjectId,
    _objects: Vec<Object>,
}

/// The array of a request to a [`Mock`] of the same vendor.
#[derive(Debug)]
pub(crate) enum MockEntries {
    Hwpt(Vec<HwptInvalidateSelftest>),
    Viommu(Vec<ViommuInvalidateSelftest>),
}

/// A request that can be repeated.
#[derive(Debug)]
pub(crate) enum MockRequest<'a> {
    Hwpt(Prepared<'a, HwptInvalidateSelftest>),
    Viommu(Prepared<'a, ViommuInvalidateSelftest>),
}

/// Whether guests of this vendor send their requests to a vIOMMU.
pub(crate) const fn has_viommu(vendor: Vendor) -> bool {
    matches!(vendor, Vendor::SmmuV3)
}

/// What a guest's command for this page becomes, for a nested HWPT.
pub(crate) const fn hwpt_entry(page: u32) -> HwptInvalidateSelftest {
    HwptInvalidateSelftest {
        flags: 0,
        iotlb_id: page % Selftest::LINES,
    }
}

/// The same for a vIOMMU.
pub(crate) const fn viommu_entry(page: u32) -> ViommuInvalidateSelftest {
    ViommuInvalidateSelftest {
        flags: 0,
        vdev_id: DEVICE,
        cache_id: page % Selftest::LINES,
    }
}

impl Mock {
    /// An object for guests of `vendor`, on a mock device of its own.
    pub(crate) fn new(context: &Context, vendor: Vendor) -> Result<Self, Error> {
        let mock = Selftest::new(context)?;
        let context = context.clone();
        if !has_viommu(vendor) {
            let hwpt = mock.nested()?;
            return Ok(Self {
                context,
                target: hwpt.id(),
                _objects: vec![hwpt],
            });
        }
        let viommu = mock.viommu()?;
        let vdevice = mock.device().device().vdevice(&viommu, u64::from(DEVICE))?;
        Ok(Self {
            context,
            target: viommu.id(),
            _objects: vec![vdevice, viommu],
        })
    }
}

impl MockEntries {
    /// For `batch` pages.
    pub(crate) fn new(vendor: Vendor, batch: u32) -> Self {
        if has_viommu(vendor) {
            Self::Viommu((0..batch).map(viommu_entry).collect())
        } else {
            Self::Hwpt((0..batch).map(hwpt_entry).collect())
        }
    }

    /// A request to `mock`.
    pub(crate) fn request<'a>(&'a self, mock: &'a Mock) -> MockRequest<'a> {
        match self {
            Self::Hwpt(entries) => {
                MockRequest::Hwpt(Prepared::new(&mock.context, mock.target, entries))
            }
            Self::Viommu(entries) => {
                MockRequest::Viommu(Prepared::new(&mock.context, mock.target, entries))
            }
        }
    }
}

impl MockRequest<'_> {
    /// Sends it.
    pub(crate) fn send(&mut self) -> Result<(), InvalidateError> {
        match self {
            Self::Hwpt(request) => request.send(),
            Self::Viommu(request) => request.send(),
        }
    }
}
