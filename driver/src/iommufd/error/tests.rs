use std::path::Path;

use iommufd_ioctls::IommufdError;

use super::{Error, Step, errno_of};

#[test]
fn a_refusal_names_the_file_the_step_the_call_the_errno_and_the_remedy() {
    let error = Error::new(Step::Bind, 1).at(Path::new("/dev/vfio/devices/vfio0"));
    assert_eq!(
        error.to_string(),
        "/dev/vfio/devices/vfio0: cannot bind it to iommufd: VFIO_DEVICE_BIND_IOMMUFD answered EPERM \
         (1); interrupts are not isolated: enable interrupt remapping, or boot with \
         iommufd.allow_unsafe_interrupts=1 if every device may be trusted"
    );
}

#[test]
fn an_errno_without_a_remedy_is_told_without_one() {
    let error = Error::new(Step::Ioas, 12);
    assert_eq!(
        error.to_string(),
        "cannot allocate an IOAS: IOMMU_IOAS_ALLOC answered ENOMEM (12)"
    );
    assert_eq!(error.remedy(), None);
    let error = Error::new(Step::Ioas, 523);
    assert!(error.to_string().ends_with("answered errno 523"), "{error}");
}

#[test]
fn each_known_reason_has_its_remedy() {
    let known = [
        (Step::OpenIommu, 13, "run as root"),
        (Step::OpenDevice, 2, "driver_override"),
        (Step::OpenDevice, 13, "run as root"),
        (Step::Bind, 16, "in use"),
        (Step::Bind, 22, "in use"),
        (Step::NestParent, 95, "no nesting"),
        (Step::NestParent, 22, "no nesting"),
        (Step::Viommu, 95, "CANWBS"),
        (Step::MockDevice, 25, "CONFIG_IOMMUFD_TEST"),
    ];
    for (step, errno, word) in known {
        let remedy = Error::new(step, errno).remedy();
        assert!(
            remedy.is_some_and(|it| it.contains(word)),
            "{step:?} {errno}"
        );
    }
}

#[test]
fn the_errno_of_an_ioctl_is_kept() {
    let source = vmm_sys_util::errno::Error::new(95);
    assert_eq!(errno_of(&IommufdError::IommuHwptAlloc(source)), 95);
    assert_eq!(errno_of(&IommufdError::HwQueueUnsupported), 5);
}
