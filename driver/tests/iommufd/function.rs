//! The PCI function that tests may take.

use std::path::{Path, PathBuf};
use std::{env, fs};

use hwptop_driver::iommufd::{Context, VfioDevice};

const VARIABLE: &str = "HWPTOP_VFIO_FUNCTION";

/// Gives the function to vfio-pci, and says what its cdev is.
pub(crate) fn cdev() -> PathBuf {
    let name = env::var(VARIABLE).unwrap_or_else(|_| panic!("{VARIABLE} is not set"));
    let function = Path::new("/sys/bus/pci/devices").join(&name);
    let is_vfio =
        fs::read_link(function.join("driver")).is_ok_and(|driver| driver.ends_with("vfio-pci"));
    if !is_vfio {
        fs::write(function.join("driver_override"), "vfio-pci").unwrap();
        if function.join("driver").exists() {
            fs::write(function.join("driver/unbind"), &name).unwrap();
        }
        fs::write("/sys/bus/pci/drivers_probe", &name).unwrap();
    }
    let mut found = fs::read_dir(function.join("vfio-dev")).unwrap();
    let found = found.next().unwrap().unwrap();
    Path::new("/dev/vfio/devices").join(found.file_name())
}

/// The function, bound to a context of its own.
pub(crate) fn device() -> (Context, VfioDevice) {
    let context = Context::open().unwrap();
    let device = VfioDevice::bind(&context, &cdev()).unwrap();
    (context, device)
}
