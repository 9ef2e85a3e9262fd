use super::{Attachment, VfioDevice};
use crate::iommufd::error::{Error, Step};
use crate::iommufd::{Context, HwKind, Object};
use crate::{
    ArmSmmuV3, Backend, DeviceId, Entries, InvalidateError, ObjectId, Vendor, VtdS1, errno,
};

/// The guest-physical page that tables of a replayed guest lie in; its device uses none.
const GUEST_PAGE: u64 = 0x1000;

/// SMMUv3 5.2: V, and Config = bypass.
const STE_BYPASS: u64 = 1 | 0b100 << 1;

/// What nesting the IOMMU behind a device offers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Nesting {
    /// Nested HWPTs of VT-d, or vIOMMUs of SMMUv3.
    Offered(Vendor),
    /// None, and the step that says so: an IOAS can be mapped and unmapped.
    NotOffered(Error),
}

/// A real IOMMU as a [`Backend`] for a guest with one device, and the guest's objects.
#[derive(Debug)]
pub struct VfioBackend {
    context: Context,
    viommu: Option<ObjectId>,
    hwpts: Vec<ObjectId>,
    /// Detached in front of what it was attached to.
    _attachment: Attachment,
    _objects: Vec<Object>,
    _device: VfioDevice,
}

impl VfioDevice {
    /// Whether guests of this device can have tables of their own: tried, since the kernel has
    /// more conditions than what registers say.
    ///
    /// # Errors
    /// Where a step fails that has nothing to do with nesting.
    pub fn nesting(&self) -> Result<Nesting, Error> {
        let device = self.device();
        let vendor = match device.hw_info()?.kind {
            HwKind::Vtd { .. } => Vendor::Vtd,
            HwKind::SmmuV3 { .. } => Vendor::SmmuV3,
            _ => {
                let error = Error::new(Step::NestParent, errno::EOPNOTSUPP);
                return Ok(Nesting::NotOffered(error));
            }
        };
        let ioas = device.context.ioas()?;
        let tried = device.nest_parent(&ioas).and_then(|parent| match vendor {
            Vendor::SmmuV3 => device.viommu_arm_smmuv3(&parent),
            Vendor::Vtd | Vendor::AmdVi => device.nested(&parent, &vtd_s1()),
        });
        match tried {
            Ok(_) => Ok(Nesting::Offered(vendor)),
            Err(error) if matches!(error.errno, errno::EOPNOTSUPP | errno::EINVAL) => {
                Ok(Nesting::NotOffered(error))
            }
            Err(error) => Err(error),
        }
    }

    /// A virtual SMMUv3 for a guest that calls this device `sid`: nest parent, vIOMMU,
    /// vDEVICE, and a nested HWPT that the device is attached to. Its STE says bypass, so
    /// that no table of the guest is needed; invalidations are the same.
    ///
    /// # Errors
    /// The step that the kernel refused.
    pub fn vsmmu(&self, sid: DeviceId) -> Result<VfioBackend, Error> {
        let (device, ioas) = (self.device(), self.device.context.ioas()?);
        let parent = device.nest_parent(&ioas)?;
        let viommu = device.viommu_arm_smmuv3(&parent)?;
        let vdevice = device.vdevice(&viommu, u64::from(sid.0))?;
        let data = ArmSmmuV3 {
            ste: [STE_BYPASS.to_le(), 0],
        };
        let hwpt = device.nested(&viommu, &data)?;
        let attachment = self.attach(&hwpt)?;
        Ok(VfioBackend {
            context: device.context.clone(),
            viommu: Some(viommu.id()),
            hwpts: Vec::new(),
            _attachment: attachment,
            _objects: vec![vdevice, viommu],
            _device: self.clone(),
        })
    }

    /// `count` nested HWPTs of VT-d, at least one, to the first of which the device is
    /// attached. The kernel takes invalidations of the others without a command.
    ///
    /// # Errors
    /// The step that the kernel refused.
    pub fn vtd_s1(&self, count: usize) -> Result<VfioBackend, Error> {
        let (device, ioas) = (self.device(), self.device.context.ioas()?);
        let parent = device.nest_parent(&ioas)?;
        let first = device.nested(&parent, &vtd_s1())?;
        let attachment = self.attach(&first)?;
        let mut objects = vec![first];
        for _ in 1..count {
            objects.push(device.nested(&parent, &vtd_s1())?);
        }
        Ok(VfioBackend {
            context: device.context.clone(),
            viommu: None,
            hwpts: objects.iter().map(Object::id).collect(),
            _attachment: attachment,
            _objects: objects,
            _device: self.clone(),
        })
    }
}

const fn vtd_s1() -> VtdS1 {
    VtdS1 {
        flags: 0,
        pgtbl_addr: GUEST_PAGE,
        addr_width: 48,
        reserved: 0,
    }
}

impl VfioBackend {
    /// The vIOMMU, where there is one.
    #[must_use]
    pub const fn viommu(&self) -> Option<ObjectId> {
        self.viommu
    }

    /// The nested HWPTs that are targets of requests.
    #[must_use]
    pub fn hwpts(&self) -> &[ObjectId] {
        &self.hwpts
    }

    /// Where its objects are.
    #[must_use]
    pub const fn context(&self) -> &Context {
        &self.context
    }
}

impl Backend for VfioBackend {
    fn invalidate(&self, target: ObjectId, entries: Entries<'_>) -> Result<(), InvalidateError> {
        self.context.invalidate(target, entries)
    }
}
