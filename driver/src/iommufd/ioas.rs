use iommufd_bindings::{
    iommu_ioas_alloc, iommu_ioas_map, iommu_ioas_unmap,
    iommufd_ioas_map_flags_IOMMU_IOAS_MAP_FIXED_IOVA as FIXED_IOVA,
    iommufd_ioas_map_flags_IOMMU_IOAS_MAP_READABLE as READABLE,
    iommufd_ioas_map_flags_IOMMU_IOAS_MAP_WRITEABLE as WRITEABLE,
};
use vm_memory::MmapRegion;

use super::error::{Error, Step};
use super::{Context, Object, size};
use crate::errno;

/// An address space of devices: what is mapped in it they can read and write.
#[derive(Clone, Debug)]
pub struct Ioas {
    context: Context,
    object: Object,
}

impl Context {
    /// Allocates an IOAS, empty.
    ///
    /// # Errors
    /// [`Step::Ioas`].
    pub fn ioas(&self) -> Result<Ioas, Error> {
        let mut command = iommu_ioas_alloc {
            size: size::<iommu_ioas_alloc>(),
            ..Default::default()
        };
        self.iommufd()
            .alloc_iommu_ioas(&mut command)
            .map_err(Error::during(Step::Ioas))?;
        Ok(Ioas {
            context: self.clone(),
            object: Object::new(self, command.out_ioas_id, Vec::new()),
        })
    }
}

impl Ioas {
    /// The object, to attach devices to it.
    #[must_use]
    pub const fn object(&self) -> &Object {
        &self.object
    }

    /// Maps `length` bytes of `memory`, from `offset` on, at the address `iova`; all
    /// three are multiples of the page size. The kernel pins the memory until it is
    /// unmapped here, also where `memory` is dropped before that.
    ///
    /// # Errors
    /// [`Step::Map`]: `EEXIST` where something is mapped, `EINVAL` where the range is not
    /// inside of `memory`, not aligned or not within the IOMMU's reach, `ENOMEM` above the
    /// limit of locked memory.
    pub fn map(
        &self,
        iova: u64,
        memory: &MmapRegion,
        offset: usize,
        length: usize,
    ) -> Result<(), Error> {
        let is_inside = offset
            .checked_add(length)
            .is_some_and(|end| end <= memory.size());
        if !is_inside {
            return Err(Error::new(Step::Map, errno::EINVAL));
        }
        let user = memory.as_ptr().expose_provenance() + offset;
        let command = iommu_ioas_map {
            size: size::<iommu_ioas_map>(),
            flags: FIXED_IOVA | READABLE | WRITEABLE,
            ioas_id: self.object.id().0,
            user_va: user as u64,
            length: length as u64,
            iova,
            ..Default::default()
        };
        self.context
            .iommufd()
            .map_iommu_ioas(&command)
            .map_err(Error::during(Step::Map))
    }

    /// Unmaps what lies between `iova` and `iova + length`; mappings are unmapped whole.
    /// The IOMMU's caches are free of it when this returns. Returns the bytes unmapped.
    ///
    /// # Errors
    /// [`Step::Unmap`]: `ENOENT` where nothing is mapped or only a part of a mapping would
    /// be unmapped.
    pub fn unmap(&self, iova: u64, length: u64) -> Result<u64, Error> {
        let mut command = iommu_ioas_unmap {
            size: size::<iommu_ioas_unmap>(),
            ioas_id: self.object.id().0,
            iova,
            length,
        };
        self.context
            .iommufd()
            .unmap_iommu_ioas(&mut command)
            .map_err(Error::during(Step::Unmap))?;
        Ok(command.length)
    }
}
