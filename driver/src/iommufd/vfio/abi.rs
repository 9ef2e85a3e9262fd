//! The ioctls of a VFIO cdev (`include/uapi/linux/vfio.h`): crate vfio-ioctls has them
//! behind a whole device with its regions and interrupts.
#![expect(unsafe_code, reason = "ioctls that no crate wraps alone")]

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;

use vfio_bindings::bindings::vfio::{
    VFIO_BASE, VFIO_TYPE, vfio_device_attach_iommufd_pt, vfio_device_bind_iommufd,
    vfio_device_detach_iommufd_pt,
};
use vmm_sys_util::ioctl::{ioctl_with_mut_ref, ioctl_with_ref};

use crate::iommufd::Context;
use crate::{ObjectId, errno};

vmm_sys_util::ioctl_io_nr!(VFIO_DEVICE_BIND_IOMMUFD, VFIO_TYPE as u32, VFIO_BASE + 18);
vmm_sys_util::ioctl_io_nr!(
    VFIO_DEVICE_ATTACH_IOMMUFD_PT,
    VFIO_TYPE as u32,
    VFIO_BASE + 19
);
vmm_sys_util::ioctl_io_nr!(
    VFIO_DEVICE_DETACH_IOMMUFD_PT,
    VFIO_TYPE as u32,
    VFIO_BASE + 20
);

/// What the call behind `result` said.
fn check(result: i32) -> Result<(), i32> {
    if result < 0 {
        let error = io::Error::last_os_error();
        return Err(error.raw_os_error().unwrap_or(errno::EIO));
    }
    Ok(())
}

/// Binds the device to `context`; its id there, or the errno.
pub(super) fn bind(cdev: &File, context: &Context) -> Result<u32, i32> {
    let mut command = vfio_device_bind_iommufd {
        // Without the token at the end, which older kernels do not know.
        argsz: 16,
        iommufd: context.as_raw_fd(),
        ..Default::default()
    };
    // SAFETY: the kernel reads and writes the struct's first `argsz` bytes only.
    check(unsafe { ioctl_with_mut_ref(cdev, VFIO_DEVICE_BIND_IOMMUFD(), &mut command) })?;
    Ok(command.out_devid)
}

/// Attaches the device, without PASID.
pub(super) fn attach(cdev: &File, to: ObjectId) -> Result<(), i32> {
    let mut command = vfio_device_attach_iommufd_pt {
        // Without the PASID at the end, which older kernels do not know.
        argsz: 12,
        pt_id: to.0,
        ..Default::default()
    };
    // SAFETY: the kernel reads and writes the struct's first `argsz` bytes only.
    check(unsafe { ioctl_with_mut_ref(cdev, VFIO_DEVICE_ATTACH_IOMMUFD_PT(), &mut command) })
}

/// Detaches the device, without PASID.
pub(super) fn detach(cdev: &File) -> Result<(), i32> {
    let command = vfio_device_detach_iommufd_pt {
        argsz: 8,
        ..Default::default()
    };
    // SAFETY: the kernel reads the struct's first `argsz` bytes only.
    check(unsafe { ioctl_with_ref(cdev, VFIO_DEVICE_DETACH_IOMMUFD_PT(), &command) })
}

#[cfg(test)]
mod tests;
