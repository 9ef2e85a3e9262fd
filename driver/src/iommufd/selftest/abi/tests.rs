use super::IOMMU_TEST_CMD;

#[test]
fn the_ioctl_has_the_kernels_number() {
    // _IO(';', 0x80 + 32)
    assert_eq!(IOMMU_TEST_CMD(), 0x3ba0);
}
