//! A kernel with iommufd and without its selftest.

use hwptop_driver::iommufd::{Context, Selftest, Step};

#[test]
#[ignore = "needs a kernel without CONFIG_IOMMUFD_TEST, and root"]
fn a_kernel_without_the_selftest_is_told_so() {
    let error = Selftest::new(&Context::open().unwrap()).unwrap_err();
    println!("{error}");
    assert_eq!((error.step, error.errno), (Step::MockDevice, 25));
    assert!(error.to_string().contains("CONFIG_IOMMUFD_TEST"), "{error}");
}
