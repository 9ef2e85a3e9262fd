use std::fmt;
use std::sync::Arc;

use super::Context;
use crate::ObjectId;

/// What something else needs while it exists.
pub(super) type Needed = Arc<dyn Send + Sync>;

/// An object of iommufd: an IOAS, HWPT, vIOMMU, vDEVICE or mock device. Clones are the
/// same object; it is destroyed (`IOMMU_DESTROY`) with the last of them, and what it was
/// made from not before.
#[derive(Clone)]
pub struct Object(Arc<Owned>);

struct Owned {
    context: Context,
    id: ObjectId,
    /// Dropped behind [`Owned::drop`].
    _needs: Vec<Needed>,
}

impl Object {
    pub(super) fn new(context: &Context, id: u32, needs: Vec<Needed>) -> Self {
        Self(Arc::new(Owned {
            context: context.clone(),
            id: ObjectId(id),
            _needs: needs,
        }))
    }

    /// The kernel's id of it.
    #[must_use]
    pub fn id(&self) -> ObjectId {
        self.0.id
    }

    pub(super) fn needed(&self) -> Needed {
        Arc::clone(&self.0) as Needed
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        // Refused only where something in the kernel still uses it; it goes with the
        // descriptor then.
        let _ = self.context.iommufd().destroy_iommu_object(self.id.0);
    }
}

impl fmt::Debug for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Object").field(&self.0.id.0).finish()
    }
}
