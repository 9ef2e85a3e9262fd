/// Stands in [`KernelLayout`] for a member that the running kernel does not have.
pub const MISSING: u32 = u32::MAX;

/// What the programs must know of the running kernel, constant once they are loaded.
///
/// Offsets are in bytes from the start of the structure, taken from the kernel's BTF, or
/// [`MISSING`].
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KernelLayout {
    /// Only requests of this process; 0 for all.
    pub only_tgid: u32,
    /// log2 of the size and alignment of a thread's kernel stack, in bytes.
    pub stack_shift: u32,
    /// Slots in the maps; submissions outside requests are counted behind them, by
    /// instance.
    pub slots: u32,
    /// 1 where the end of a nested HWPT is noticed, so that its address may stand for it, else 0.
    pub ends_noticed: u32,
    /// 1 where driver ops are timed, else 0.
    pub driver_ops: u32,
    /// 1 where slow events are kept with the kernel's stack, else 0.
    pub stacks: u32,
    /// `task_struct.tgid`
    pub task_tgid: u32,
    /// `file.private_data`
    pub file_private_data: u32,
    /// `iommufd_ucmd.ictx`
    pub ucmd_ictx: u32,
    /// `iommufd_ucmd.cmd`
    pub ucmd_cmd: u32,
    /// `iommu_user_data_array.entry_num`
    pub array_entry_num: u32,
    /// `iommufd_viommu.obj.id`
    pub viommu_id: u32,
    /// `iommufd_viommu.iommu_dev`
    pub viommu_iommu_dev: u32,
    /// `intel_iommu.iommu`
    pub intel_iommu: u32,
    /// `arm_smmu_device.iommu`
    pub arm_smmu: u32,
    /// `amd_iommu.iommu`
    pub amd_iommu: u32,
    /// `iommu_device.dev`
    pub iommu_dev: u32,
    /// `device.kobj.name`
    pub device_name: u32,
}

impl KernelLayout {
    /// Nothing is known yet.
    pub const UNKNOWN: Self = Self {
        only_tgid: 0,
        stack_shift: 14,
        slots: 0,
        ends_noticed: 0,
        driver_ops: 0,
        stacks: 0,
        task_tgid: MISSING,
        file_private_data: MISSING,
        ucmd_ictx: MISSING,
        ucmd_cmd: MISSING,
        array_entry_num: MISSING,
        viommu_id: MISSING,
        viommu_iommu_dev: MISSING,
        intel_iommu: MISSING,
        arm_smmu: MISSING,
        amd_iommu: MISSING,
        iommu_dev: MISSING,
        device_name: MISSING,
    };
}

const _: () = assert!(size_of::<KernelLayout>() == 18 * 4);
