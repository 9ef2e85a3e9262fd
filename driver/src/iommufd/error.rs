use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use iommufd_ioctls::IommufdError;

use crate::errno;

/// What was being done with `/dev/iommu` or a VFIO device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Step {
    /// Open `/dev/iommu`.
    OpenIommu,
    /// Open a VFIO device's cdev.
    OpenDevice,
    /// Bind the device to iommufd.
    Bind,
    /// Attach the device to an IOAS or HWPT.
    Attach,
    /// Allocate an IOAS.
    Ioas,
    /// Map memory into an IOAS.
    Map,
    /// Unmap memory from an IOAS.
    Unmap,
    /// Ask what the IOMMU behind a device is.
    HwInfo,
    /// Allocate a nest parent.
    NestParent,
    /// Allocate a nested HWPT.
    NestedHwpt,
    /// Allocate a vIOMMU.
    Viommu,
    /// Allocate a vDEVICE.
    Vdevice,
    /// Make a mock device of the selftest.
    MockDevice,
    /// Look into the caches of the selftest's mock.
    MockCache,
}

impl Step {
    /// The call that does it.
    #[must_use]
    pub const fn call(self) -> &'static str {
        match self {
            Self::OpenIommu | Self::OpenDevice => "open",
            Self::Bind => "VFIO_DEVICE_BIND_IOMMUFD",
            Self::Attach => "VFIO_DEVICE_ATTACH_IOMMUFD_PT",
            Self::Ioas => "IOMMU_IOAS_ALLOC",
            Self::Map => "IOMMU_IOAS_MAP",
            Self::Unmap => "IOMMU_IOAS_UNMAP",
            Self::HwInfo => "IOMMU_GET_HW_INFO",
            Self::NestParent | Self::NestedHwpt => "IOMMU_HWPT_ALLOC",
            Self::Viommu => "IOMMU_VIOMMU_ALLOC",
            Self::Vdevice => "IOMMU_VDEVICE_ALLOC",
            Self::MockDevice | Self::MockCache => "IOMMU_TEST_CMD",
        }
    }

    /// What is known to help where it is answered with `errno`, or to be the reason.
    const fn remedy(self, errno: i32) -> Option<&'static str> {
        Some(match (self, errno) {
            (Self::OpenIommu, errno::ENOENT | errno::ENODEV | errno::ENXIO) => {
                "this kernel has no iommufd: load the module iommufd, or use a kernel with \
                 CONFIG_IOMMUFD"
            }
            (Self::OpenIommu | Self::OpenDevice, errno::EACCES | errno::EPERM) => {
                "run as root, or give this user read and write permission"
            }
            (Self::OpenDevice, errno::ENOENT | errno::ENODEV | errno::ENXIO) => {
                "no such device: bind a PCI function to vfio-pci (driver_override, drivers_probe) and \
                 take its name from /sys/bus/pci/devices/*/vfio-dev; the kernel needs \
                 CONFIG_VFIO_DEVICE_CDEV"
            }
            // iommufd_device_bind
            (Self::Bind, errno::EPERM) => {
                "interrupts are not isolated: enable interrupt remapping, or boot with \
                 iommufd.allow_unsafe_interrupts=1 if every device may be trusted"
            }
            // vfio_df_open, vfio_device_block_group, iommu_device_claim_dma_owner
            (Self::Bind, errno::EBUSY | errno::EINVAL) => {
                "the device is in use: end the process that has its cdev or its VFIO group open, and \
                 take the rest of its IOMMU group from other drivers"
            }
            (Self::Bind, errno::ENODEV) => "bind the device to vfio-pci again: its driver is gone",
            (Self::NestParent, errno::EOPNOTSUPP | errno::EINVAL) => {
                "this IOMMU offers no nesting: it needs both stages (VT-d: ecap.NEST in scalable mode; \
                 SMMUv3: S1P and S2P)"
            }
            (Self::NestedHwpt, errno::EOPNOTSUPP | errno::EINVAL) => {
                "this IOMMU does not take such a nested HWPT"
            }
            // arm_smmu_get_viommu_size
            (Self::Viommu, errno::EOPNOTSUPP) => {
                "this IOMMU offers no vIOMMU: an SMMUv3 needs S2FWB, or firmware that promises \
                 coherent devices (CANWBS in the IORT)"
            }
            (Self::MockDevice, errno::ENOTTY) => {
                "this kernel has no iommufd selftest (CONFIG_IOMMUFD_TEST)"
            }
            (Self::Map, errno::ENOMEM) => "raise the limit of locked memory (ulimit -l)",
            _ => return None,
        })
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OpenIommu | Self::OpenDevice => "open it",
            Self::Bind => "bind it to iommufd",
            Self::Attach => "attach the device to a page table",
            Self::Ioas => "allocate an IOAS",
            Self::Map => "map memory into the IOAS",
            Self::Unmap => "unmap memory from the IOAS",
            Self::HwInfo => "ask what the IOMMU is",
            Self::NestParent => "allocate a nest parent",
            Self::NestedHwpt => "allocate a nested HWPT",
            Self::Viommu => "allocate a vIOMMU",
            Self::Vdevice => "allocate a vDEVICE",
            Self::MockDevice => "make a mock device",
            Self::MockCache => "look into the mock's caches",
        })
    }
}

/// A step that the kernel refused. The message is complete: step, call, errno and, where
/// it is known, the remedy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}cannot {step}: {} answered {}{}", at(path.as_deref()), step.call(), named(*errno), because(*step, *errno))]
pub struct Error {
    /// What was refused.
    pub step: Step,
    /// Positive Linux error number.
    pub errno: i32,
    /// The file that it was about, if it was about one.
    pub path: Option<PathBuf>,
}

impl Error {
    pub(super) const fn new(step: Step, errno: i32) -> Self {
        Self {
            step,
            errno,
            path: None,
        }
    }

    pub(super) fn of_io(step: Step, error: &io::Error) -> Self {
        Self::new(step, error.raw_os_error().unwrap_or(errno::EIO))
    }

    pub(super) fn at(self, path: &Path) -> Self {
        Self {
            path: Some(path.to_owned()),
            ..self
        }
    }

    /// For `map_err`: what an ioctl of [`iommufd_ioctls`] said.
    pub(super) fn during(step: Step) -> impl FnOnce(IommufdError) -> Self {
        move |error| Self::new(step, errno_of(&error))
    }

    /// What helps, or why it cannot work here, where that is known.
    #[must_use]
    pub const fn remedy(&self) -> Option<&'static str> {
        self.step.remedy(self.errno)
    }
}

/// The errno of an ioctl; EIO for what is none.
pub(super) fn errno_of(error: &IommufdError) -> i32 {
    let source = std::error::Error::source(error);
    let error = source.and_then(|source| source.downcast_ref::<vmm_sys_util::errno::Error>());
    error.map_or(errno::EIO, |error| error.errno())
}

fn at(path: Option<&Path>) -> String {
    path.map_or_else(String::new, |path| format!("{}: ", path.display()))
}

fn named(errno: i32) -> String {
    match errno::name(errno) {
        Some(name) => format!("{name} ({errno})"),
        None => format!("errno {errno}"),
    }
}

fn because(step: Step, errno: i32) -> String {
    step.remedy(errno)
        .map_or_else(String::new, |remedy| format!("; {remedy}"))
}

#[cfg(test)]
mod tests;
