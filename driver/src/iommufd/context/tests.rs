use std::path::Path;

use super::{Context, Error, Step};

#[test]
fn a_kernel_without_iommufd_is_named_with_the_option_that_it_lacks() {
    let error = Context::open_at(Path::new("/nowhere/iommu")).unwrap_err();
    let path = Some(Path::new("/nowhere/iommu").to_owned());
    assert_eq!(
        error,
        Error {
            step: Step::OpenIommu,
            errno: 2,
            path
        }
    );
    assert_eq!(
        error.to_string(),
        "/nowhere/iommu: cannot open it: open answered ENOENT (2); this kernel has no iommufd: load the \
         module iommufd, or use a kernel with CONFIG_IOMMUFD"
    );
}
