//! A machine that does not isolate interrupts.

use hwptop_driver::iommufd::{Context, Step, VfioDevice};

use crate::function::cdev;

#[test]
#[ignore = "needs a VFIO device without isolated interrupts, and root"]
fn a_device_whose_interrupts_are_not_isolated_is_refused_with_the_remedy() {
    let context = Context::open().unwrap();
    let error = VfioDevice::bind(&context, &cdev()).unwrap_err();
    println!("{error}");
    assert_eq!((error.step, error.errno), (Step::Bind, 1));
    assert!(
        error.to_string().contains("allow_unsafe_interrupts=1"),
        "{error}"
    );
}
