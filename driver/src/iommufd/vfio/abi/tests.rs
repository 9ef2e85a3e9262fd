use std::mem::offset_of;

use super::*;

#[test]
fn the_ioctls_have_the_kernels_numbers() {
    // _IO(';', 100 + 18) and what follows
    assert_eq!(VFIO_DEVICE_BIND_IOMMUFD(), 0x3b76);
    assert_eq!(VFIO_DEVICE_ATTACH_IOMMUFD_PT(), 0x3b77);
    assert_eq!(VFIO_DEVICE_DETACH_IOMMUFD_PT(), 0x3b78);
}

#[test]
fn what_is_sent_ends_in_front_of_what_older_kernels_do_not_know() {
    assert_eq!(offset_of!(vfio_device_bind_iommufd, token_uuid_ptr), 16);
    assert_eq!(offset_of!(vfio_device_attach_iommufd_pt, pasid), 12);
    assert_eq!(offset_of!(vfio_device_detach_iommufd_pt, pasid), 8);
}
