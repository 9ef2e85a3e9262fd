use std::fmt;
use std::fs::OpenOptions;
use std::os::fd::{AsRawFd, RawFd};
use std::path::Path;
use std::sync::Arc;

use iommufd_ioctls::IommuFd;

use super::error::{Error, Step};

/// An open `/dev/iommu`. Clones share it; it is closed with the last of them and of the
/// objects that were made with it.
///
/// As a [`Backend`](crate::Backend) it sends requests to a real IOMMU's driver: entries of
/// VT-d to a nested HWPT, of SMMUv3 to a vIOMMU. Those of AMD-Vi have no uAPI and are
/// refused with `EOPNOTSUPP`.
#[derive(Clone)]
pub struct Context(Arc<IommuFd>);

impl Context {
    /// Where the kernel has it.
    pub const PATH: &'static str = "/dev/iommu";

    /// Opens `/dev/iommu`.
    ///
    /// # Errors
    /// [`Step::OpenIommu`]: no iommufd in this kernel, or no permission.
    pub fn open() -> Result<Self, Error> {
        Self::open_at(Path::new(Self::PATH))
    }

    fn open_at(path: &Path) -> Result<Self, Error> {
        let file = OpenOptions::new().read(true).write(true).open(path);
        match file {
            Ok(file) => Ok(Self(Arc::new(IommuFd::new_from_fd(file)))),
            Err(error) => Err(Error::of_io(Step::OpenIommu, &error).at(path)),
        }
    }

    pub(super) fn iommufd(&self) -> &IommuFd {
        &self.0
    }
}

impl AsRawFd for Context {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Context").field(&self.as_raw_fd()).finish()
    }
}

#[cfg(test)]
mod tests;
