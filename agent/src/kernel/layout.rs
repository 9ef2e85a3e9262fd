use hwptop_abi::{KernelLayout, MISSING};

use super::btf::KernelTypes;

/// The offsets that the programs need, as the running kernel has them. What is missing is
/// named when a program needs it: see [`missing_for`].
pub(super) fn of_kernel(types: &KernelTypes) -> KernelLayout {
    let at = |structure, path| types.member_offset(structure, path).unwrap_or(MISSING);
    KernelLayout {
        task_tgid: at("task_struct", "tgid"),
        file_private_data: at("file", "private_data"),
        ucmd_ictx: at("iommufd_ucmd", "ictx"),
        ucmd_cmd: at("iommufd_ucmd", "cmd"),
        array_entry_num: at("iommu_user_data_array", "entry_num"),
        viommu_id: at("iommufd_viommu", "obj.id"),
        viommu_iommu_dev: at("iommufd_viommu", "iommu_dev"),
        intel_iommu: at("intel_iommu", "iommu"),
        arm_smmu: at("arm_smmu_device", "iommu"),
        amd_iommu: at("amd_iommu", "iommu"),
        iommu_dev: at("iommu_device", "dev"),
        device_name: at("device", "kobj.name"),
        ..KernelLayout::UNKNOWN
    }
}

/// The first member that a program of `function` reads and this kernel does not have.
pub(super) fn missing_for(layout: &KernelLayout, function: &str) -> Option<&'static str> {
    let needed: &[(&'static str, u32)] = match function {
        "iommufd_hwpt_invalidate" => &[
            ("task_struct.tgid", layout.task_tgid),
            ("iommufd_ucmd.ictx", layout.ucmd_ictx),
            ("iommufd_ucmd.cmd", layout.ucmd_cmd),
        ],
        "iommufd_destroy" => &[
            ("iommufd_ucmd.ictx", layout.ucmd_ictx),
            ("iommufd_ucmd.cmd", layout.ucmd_cmd),
        ],
        "iommufd_fops_release" => &[("file.private_data", layout.file_private_data)],
        "intel_nested_cache_invalidate_user" | "mock_domain_cache_invalidate_user" => {
            &[("iommu_user_data_array.entry_num", layout.array_entry_num)]
        }
        "mock_viommu_cache_invalidate" => &[
            ("iommu_user_data_array.entry_num", layout.array_entry_num),
            ("iommufd_viommu.obj.id", layout.viommu_id),
        ],
        "arm_vsmmu_cache_invalidate" => &[
            ("iommu_user_data_array.entry_num", layout.array_entry_num),
            ("iommufd_viommu.obj.id", layout.viommu_id),
            ("iommufd_viommu.iommu_dev", layout.viommu_iommu_dev),
        ],
        "qi_submit_sync" => &[("intel_iommu.iommu", layout.intel_iommu)],
        "__arm_smmu_cmdq_issue_cmdlist" => &[("arm_smmu_device.iommu", layout.arm_smmu)],
        "__iommu_queue_command_sync" | "iommu_completion_wait" => {
            &[("amd_iommu.iommu", layout.amd_iommu)]
        }
        _ => &[],
    };
    needed
        .iter()
        .find(|(_, offset)| *offset == MISSING)
        .map(|(member, _)| *member)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_that_the_kernel_does_not_have_is_named() {
        let mut layout = KernelLayout {
            array_entry_num: 24,
            viommu_id: 12,
            ..KernelLayout::UNKNOWN
        };
        assert_eq!(missing_for(&layout, "mock_viommu_cache_invalidate"), None);
        assert_eq!(
            missing_for(&layout, "arm_vsmmu_cache_invalidate"),
            Some("iommufd_viommu.iommu_dev")
        );
        layout.array_entry_num = MISSING;
        assert_eq!(
            missing_for(&layout, "mock_domain_cache_invalidate_user"),
            Some("iommu_user_data_array.entry_num")
        );
    }
}
