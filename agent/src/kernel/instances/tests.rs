use std::fs;

use super::*;

/// A machine with the IOMMUs of every vendor; `files` come on top.
fn instances(files: &[(&str, &str)]) -> Vec<KernelInstance> {
    let folder = tempfile::tempdir().unwrap();
    let always = [
        ("sys/class/iommu/dmar0/intel-iommu/ecap", "9a4000f0505f\n"),
        ("sys/class/iommu/dmar0/devices/0000:00:02.0/x", ""),
        ("sys/class/iommu/ivhd0/amd-iommu/features", "29d3:0\n"),
        ("sys/class/iommu/smmu3.0x0000000009050000/x", ""),
        ("sys/class/iommu/iommufd_selftest_iommu.0/x", ""),
    ];
    for (name, text) in always.iter().chain(files) {
        let file = folder.path().join(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    }
    Facts::read(&Host::at(folder.path())).instances
}

fn named<'a>(all: &'a [KernelInstance], name: &str) -> &'a KernelInstance {
    all.iter().find(|one| one.name.starts_with(name)).unwrap()
}

const ECAP: &str = "sys/class/iommu/dmar0/intel-iommu/ecap";
/// SMTS and NEST.
const NESTING: &str = "80004000000";

#[test]
fn instances_are_known_by_the_names_their_drivers_give() {
    let all = instances(&[]);
    let vendors: Vec<_> = all
        .iter()
        .map(|one| (one.vendor, one.kind, one.devices.len()))
        .collect();
    assert_eq!(
        vendors,
        [
            (Some(Vendor::Vtd), InstanceKind::Hardware, 1),
            (None, InstanceKind::Mock, 0),
            (Some(Vendor::AmdVi), InstanceKind::Hardware, 0),
            (Some(Vendor::SmmuV3), InstanceKind::Hardware, 0),
        ]
    );
}

#[test]
fn what_a_virtual_machine_shows_is_emulated_except_the_mock() {
    let flags = (
        "proc/cpuinfo",
        "processor\t: 0\nflags\t\t: fpu hypervisor x\n",
    );
    let arm = ("sys/class/dmi/id/sys_vendor", "QEMU\n");
    for sign in [flags, arm] {
        let all = instances(&[sign]);
        assert_eq!(named(&all, "dmar").kind, InstanceKind::Emulated);
        assert_eq!(named(&all, "smmu3").kind, InstanceKind::Emulated);
        assert_eq!(named(&all, "iommufd").kind, InstanceKind::Mock);
    }
    let metal = instances(&[
        ("sys/class/dmi/id/sys_vendor", "Amazon EC2\n"),
        ("sys/class/dmi/id/product_name", "m7i.metal-24xl\n"),
    ]);
    assert_eq!(named(&metal, "dmar").kind, InstanceKind::Hardware);
}

#[test]
fn vtd_nests_with_both_capabilities_in_scalable_mode() {
    for (ecap, command_line, offered) in [
        ("480080000f42", "intel_iommu=on,sm_on", Some(false)),
        ("4000000", "intel_iommu=on,sm_on", Some(false)),
        (NESTING, "quiet intel_iommu=on,sm_on", Some(true)),
        (NESTING, "intel_iommu=sm_off", Some(false)),
        (NESTING, "quiet", None),
        ("garbage", "intel_iommu=sm_on", None),
    ] {
        let all = instances(&[(ECAP, ecap), ("proc/cmdline", command_line)]);
        let nesting = &named(&all, "dmar0").nesting;
        assert_eq!(nesting.offered, offered, "{ecap} {command_line}");
    }
}

#[test]
fn the_kernel_s_default_decides_scalable_mode_where_it_can_be_read() {
    let option = "CONFIG_INTEL_IOMMU_SCALABLE_MODE_DEFAULT_ON=y\n";
    for (config, offered) in [(option, true), ("CONFIG_X=y\n", false)] {
        let all = instances(&[
            (ECAP, NESTING),
            ("proc/sys/kernel/osrelease", "1\n"),
            ("boot/config-1", config),
        ]);
        assert_eq!(named(&all, "dmar0").nesting.offered, Some(offered));
    }
}

#[test]
fn amdvi_names_the_feature_that_it_lacks() {
    let all = instances(&[]);
    let nesting = &named(&all, "ivhd0").nesting;
    assert_eq!(nesting.offered, Some(false));
    assert!(nesting.why.starts_with("GIoSup = 0"), "{}", nesting.why);
    let features = "sys/class/iommu/ivhd0/amd-iommu/features";
    let all = instances(&[(features, "1000000000010:8")]);
    assert_eq!(named(&all, "ivhd0").nesting.offered, Some(true));
}

#[test]
fn smmuv3_says_how_to_find_out() {
    let nesting = named(&instances(&[]), "smmu3").nesting.clone();
    assert_eq!(nesting.offered, None);
    assert!(nesting.why.contains("IOMMU_GET_HW_INFO"));
}

#[test]
fn the_vendor_is_told_by_the_name() {
    assert_eq!(vendor_of("dmar12"), Some(Vendor::Vtd));
    assert_eq!(vendor_of("ivhd0"), Some(Vendor::AmdVi));
    assert_eq!(vendor_of("smmu3.0x0000000009050000"), Some(Vendor::SmmuV3));
    for other in ["iommufd_selftest_iommu.0", "smmu.0x1", "gart", ""] {
        assert_eq!(vendor_of(other), None, "{other}");
    }
}
