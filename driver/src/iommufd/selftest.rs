use std::sync::Arc;

use super::device::Device;
use super::error::{Error, Step};
use super::object::Needed;
use super::{Context, Ioas, Object};
use crate::{ObjectId, errno};

mod abi;
mod backend;
mod convert;

pub(super) use abi::HW_INFO_SELFTEST;
pub use abi::{HwptInvalidateSelftest, HwptSelftest, ViommuInvalidateSelftest};
pub use backend::SelftestBackend;

use abi::{TestCommand, VIOMMU_SELFTEST, test_ioctl};

/// The mock IOMMU of a kernel with `CONFIG_IOMMUFD_TEST` (`iommufd/selftest.c`): an IOAS,
/// a mock device on it, and a nest parent. Its nested HWPTs have an "IOTLB" of
/// [`Self::LINES`] words and its devices a "cache" of as many, which an invalidation sets
/// to 0; no hardware is behind it.
#[derive(Clone, Debug)]
pub struct Selftest {
    context: Context,
    ioas: Ioas,
    device: MockDevice,
    parent: Object,
}

/// A device of the mock.
#[derive(Clone, Debug)]
pub struct MockDevice {
    device: Device,
}

impl MockDevice {
    /// The device, as iommufd knows it.
    #[must_use]
    pub const fn device(&self) -> &Device {
        &self.device
    }
}

impl Selftest {
    /// Words of a nested HWPT's IOTLB and of a device's cache
    /// (`MOCK_NESTED_DOMAIN_IOTLB_NUM`, `MOCK_DEV_CACHE_NUM`).
    pub const LINES: u32 = 4;
    /// What each word of a device's cache is at first (`IOMMU_TEST_DEV_CACHE_DEFAULT`).
    pub const CACHE_DEFAULT: u32 = 0xba_ddad;
    /// What each word of an IOTLB is at first, as [`Self::nested`] asks for it
    /// (`IOMMU_TEST_IOTLB_DEFAULT`).
    pub const IOTLB_DEFAULT: u32 = 0xbad_beef;

    /// A mock in `context`.
    ///
    /// # Errors
    /// [`Step::MockDevice`] with `ENOTTY` where the kernel has no selftest; any other step
    /// where it refuses.
    pub fn new(context: &Context) -> Result<Self, Error> {
        let ioas = context.ioas()?;
        let device = mock_device(context, &ioas)?;
        let parent = device.device.nest_parent(&ioas)?;
        Ok(Self {
            context: context.clone(),
            ioas,
            device,
            parent,
        })
    }

    /// Where its objects are.
    #[must_use]
    pub const fn context(&self) -> &Context {
        &self.context
    }

    /// The device that it was made with.
    #[must_use]
    pub const fn device(&self) -> &MockDevice {
        &self.device
    }

    /// Another device of the mock, on the same IOAS.
    ///
    /// # Errors
    /// [`Step::MockDevice`].
    pub fn new_device(&self) -> Result<MockDevice, Error> {
        mock_device(&self.context, &self.ioas)
    }

    /// A nested HWPT whose IOTLB holds [`Self::IOTLB_DEFAULT`].
    ///
    /// # Errors
    /// [`Step::NestedHwpt`].
    pub fn nested(&self) -> Result<Object, Error> {
        let data = HwptSelftest {
            iotlb: Self::IOTLB_DEFAULT,
            pagetable_type: 0,
        };
        self.device.device.nested(&self.parent, &data)
    }

    /// A vIOMMU.
    ///
    /// # Errors
    /// [`Step::Viommu`].
    pub fn viommu(&self) -> Result<Object, Error> {
        self.device.device.viommu(&self.parent, VIOMMU_SELFTEST)
    }

    /// Whether word `line` of the IOTLB of `hwpt` is `value`
    /// (`IOMMU_TEST_OP_MD_CHECK_IOTLB`).
    ///
    /// # Errors
    /// [`Step::MockCache`].
    pub fn iotlb_is(&self, hwpt: ObjectId, line: u32, value: u32) -> Result<bool, Error> {
        self.check(abi::OP_MD_CHECK_IOTLB, hwpt, line, value)
    }

    /// Whether word `line` of the cache of `device` is `value`
    /// (`IOMMU_TEST_OP_DEV_CHECK_CACHE`).
    ///
    /// # Errors
    /// [`Step::MockCache`].
    pub fn cache_is(&self, device: &MockDevice, line: u32, value: u32) -> Result<bool, Error> {
        self.check(abi::OP_DEV_CHECK_CACHE, device.device.id(), line, value)
    }

    fn check(&self, op: u32, id: ObjectId, line: u32, value: u32) -> Result<bool, Error> {
        let mut command = TestCommand::new(op, id.0, [line, value, 0, 0]);
        match test_ioctl(&self.context, &mut command) {
            Ok(()) => Ok(true),
            // Also where there is no such line: it is nothing, then.
            Err(errno::EINVAL) => Ok(false),
            Err(errno) => Err(Error::new(Step::MockCache, errno)),
        }
    }
}

/// A mock device that is attached to `ioas` (`IOMMU_TEST_OP_MOCK_DOMAIN`).
fn mock_device(context: &Context, ioas: &Ioas) -> Result<MockDevice, Error> {
    let mut command = TestCommand::new(abi::OP_MOCK_DOMAIN, ioas.object().id().0, [0; 4]);
    test_ioctl(context, &mut command).map_err(|errno| Error::new(Step::MockDevice, errno))?;
    let [stdev, _hwpt, device, _] = command.data.head;
    // Destroying it unbinds the device.
    let bound: Needed = Arc::new(Object::new(context, stdev, vec![ioas.object().needed()]));
    Ok(MockDevice {
        device: Device::new(context, device, bound),
    })
}
