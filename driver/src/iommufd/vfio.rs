use std::fs::{File, OpenOptions};
use std::path::Path;
use std::sync::Arc;

use super::device::Device;
use super::error::{Error, Step};
use super::{Context, Object};

mod abi;
mod backend;

pub use backend::{Nesting, VfioBackend};

/// A device of the VFIO driver, bound to iommufd: a file of `/dev/vfio/devices/`. Clones
/// share it; with the last of them, and of what was made for it, it is unbound.
#[derive(Clone, Debug)]
pub struct VfioDevice {
    device: Device,
    cdev: Arc<File>,
}

/// A device that is attached to an IOAS or HWPT; detached when dropped.
#[derive(Debug)]
pub struct Attachment {
    cdev: Arc<File>,
    _to: Object,
}

impl VfioDevice {
    /// Opens `path` and binds the device to `context`.
    ///
    /// # Errors
    /// [`Step::OpenDevice`] where there is no such device or no permission;
    /// [`Step::Bind`] with `EPERM` where its interrupts are not isolated, `EINVAL` or
    /// `EBUSY` where it is in use.
    pub fn bind(context: &Context, path: &Path) -> Result<Self, Error> {
        let cdev = OpenOptions::new().read(true).write(true).open(path);
        let cdev = cdev.map_err(|error| Error::of_io(Step::OpenDevice, &error).at(path))?;
        let id =
            abi::bind(&cdev, context).map_err(|errno| Error::new(Step::Bind, errno).at(path))?;
        let cdev = Arc::new(cdev);
        Ok(Self {
            device: Device::new(context, id, Arc::clone(&cdev) as _),
            cdev,
        })
    }

    /// The device, as iommufd knows it.
    #[must_use]
    pub const fn device(&self) -> &Device {
        &self.device
    }

    /// Attaches the device to an IOAS or a HWPT, in place of what it is attached to: one
    /// [`Attachment`] at a time.
    ///
    /// # Errors
    /// [`Step::Attach`].
    pub fn attach(&self, to: &Object) -> Result<Attachment, Error> {
        abi::attach(&self.cdev, to.id()).map_err(|errno| Error::new(Step::Attach, errno))?;
        Ok(Attachment {
            cdev: Arc::clone(&self.cdev),
            _to: to.clone(),
        })
    }
}

impl Drop for Attachment {
    fn drop(&mut self) {
        // Refused only where nothing is attached.
        let _ = abi::detach(&self.cdev);
    }
}
