use crate::SubmitError;

/// A call of the uAPI that was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{call}: {what} (errno {errno})")]
pub struct UapiError {
    /// Positive Linux error number.
    pub errno: i32,
    /// The ioctl.
    pub call: &'static str,
    /// Why.
    pub what: &'static str,
}

/// An ioctl, for messages.
#[derive(Clone, Copy)]
pub(super) struct Call(&'static str);

impl Call {
    pub(super) const IOAS_ALLOC: Self = Self("IOMMU_IOAS_ALLOC");
    pub(super) const IOAS_MAP: Self = Self("IOMMU_IOAS_MAP");
    pub(super) const IOAS_UNMAP: Self = Self("IOMMU_IOAS_UNMAP");
    pub(super) const HWPT_ALLOC: Self = Self("IOMMU_HWPT_ALLOC");
    pub(super) const VIOMMU_ALLOC: Self = Self("IOMMU_VIOMMU_ALLOC");
    pub(super) const VDEVICE_ALLOC: Self = Self("IOMMU_VDEVICE_ALLOC");
    pub(super) const VEVENTQ_ALLOC: Self = Self("IOMMU_VEVENTQ_ALLOC");
    pub(super) const VEVENTQ_READ: Self = Self("read of a vEVENTQ");
    pub(super) const EVENT: Self = Self("report of an event");
    pub(super) const HW_QUEUE_ALLOC: Self = Self("IOMMU_HW_QUEUE_ALLOC");
    pub(super) const HW_QUEUE: Self = Self("start of a HW_QUEUE");
    pub(super) const ACCESS: Self = Self("access by a device");
    pub(super) const DESTROY: Self = Self("IOMMU_DESTROY");
    pub(super) const BIND: Self = Self("VFIO_DEVICE_BIND_IOMMUFD");
    pub(super) const ATTACH: Self = Self("VFIO_DEVICE_ATTACH_IOMMUFD_PT");
    pub(super) const DETACH: Self = Self("VFIO_DEVICE_DETACH_IOMMUFD_PT");
    pub(super) const INSTANCE: Self = Self("registration of an instance");

    pub(super) const fn error(self, errno: i32, what: &'static str) -> UapiError {
        UapiError {
            errno,
            call: self.0,
            what,
        }
    }

    /// The call did what it could, but the hardware did not confirm it.
    pub(super) const fn hardware(self, error: SubmitError) -> UapiError {
        self.error(error.errno(), "the hardware queue failed")
    }
}
