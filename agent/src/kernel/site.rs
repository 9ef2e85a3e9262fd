//! The kernel's functions that hwptop times, what they need, and the programs on them.

use hwptop_abi::{Stage, Vendor};

/// What is watched at a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Watch {
    /// A stage of the kernel's requests.
    Stage(Stage),
    /// What a submission will consist of.
    Commands,
    /// That user space destroys an object, or closes its context: its slot can be another's.
    ObjectEnd,
    /// That a nested HWPT goes away: another one may come to lie where it was.
    HwptEnd,
    /// That a hardware queue is given to a guest, which then submits without the kernel.
    HwQueue,
    /// The static probes of a process that embeds the driver.
    StaticProbes,
}

impl Watch {
    /// The name used in every view.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Stage(stage) => stage.name(),
            Self::Commands => "commands",
            Self::ObjectEnd => "object end",
            Self::HwptEnd => "hwpt end",
            Self::HwQueue => "hw queue",
            Self::StaticProbes => "static probes",
        }
    }
}

/// One function of the kernel that hwptop puts programs on.
#[derive(Debug, PartialEq, Eq)]
pub struct Site {
    /// What its calls are.
    pub watch: Watch,
    /// Whose it is: iommufd's, a vendor's, the mock's.
    pub owner: &'static str,
    /// Its name in the kernel's source.
    pub function: &'static str,
    /// The kernel's option that builds it.
    pub option: &'static str,
    /// The module it is in where that option is `m`.
    pub module: &'static str,
    /// The only architecture that has it, as Rust names it.
    pub architecture: Option<&'static str>,
    /// The types of its parameters, as BTF has them, or [`POINTER`] or [`NUMBER`] where the
    /// programs do not care.
    pub parameters: &'static [&'static str],
    /// The fentry program on its entry; those of other methods have a letter before it.
    pub(super) begin: Option<&'static str>,
    /// The fexit program on its exit.
    pub(super) end: Option<&'static str>,
}

/// Any pointer.
pub const POINTER: &str = "a pointer";

/// Anything that is no pointer: compilers differ in how they spell numbers.
pub const NUMBER: &str = "a number";

impl Site {
    /// The architecture of the IOMMUs that the function is for; `None` where it is for any, or
    /// for the mock.
    pub(super) fn vendor(&self) -> Option<Vendor> {
        let all = [Vendor::Vtd, Vendor::SmmuV3, Vendor::AmdVi];
        all.into_iter().find(|vendor| vendor.name() == self.owner)
    }

    /// Whether a function with parameters of these types is the one that the programs know.
    pub(crate) fn takes(&self, types: &[String]) -> bool {
        let fits = |(found, wanted): (&String, &&str)| match *wanted {
            POINTER => found.ends_with('*'),
            NUMBER => !found.ends_with('*'),
            exactly => found == exactly,
        };
        types.len() == self.parameters.len() && types.iter().zip(self.parameters).all(fits)
    }
}

const UCMD: &[&str] = &["struct iommufd_ucmd *"];
const OF_DOMAIN: &[&str] = &["struct iommu_domain *", "struct iommu_user_data_array *"];
const OF_VIOMMU: &[&str] = &["struct iommufd_viommu *", "struct iommu_user_data_array *"];

const IOMMUFD: Site = Site {
    watch: Watch::Stage(Stage::Request),
    owner: "iommufd",
    function: "",
    option: "CONFIG_IOMMUFD",
    module: "iommufd",
    architecture: None,
    parameters: UCMD,
    begin: None,
    end: None,
};
const MOCK: Site = Site {
    watch: Watch::Stage(Stage::DriverOp),
    owner: "mock",
    option: "CONFIG_IOMMUFD_TEST",
    ..IOMMUFD
};
const VTD: Site = Site {
    watch: Watch::Stage(Stage::Submission),
    owner: "vtd",
    option: "CONFIG_INTEL_IOMMU",
    module: "intel_iommu",
    architecture: Some("x86_64"),
    ..IOMMUFD
};
const AMD: Site = Site {
    owner: "amdvi",
    option: "CONFIG_AMD_IOMMU",
    module: "amd_iommu",
    ..VTD
};
const SMMU: Site = Site {
    owner: "smmuv3",
    option: "CONFIG_ARM_SMMU_V3",
    module: "arm_smmu_v3",
    architecture: Some("aarch64"),
    ..VTD
};

/// Every function, outermost stage first. Programs are attached in the opposite order, so
/// that the first request that is seen is seen whole.
pub static SITES: [Site; 13] = [
    Site {
        function: "iommufd_hwpt_invalidate",
        begin: Some("request_begin"),
        end: Some("request_end"),
        ..IOMMUFD
    },
    Site {
        watch: Watch::Stage(Stage::DriverOp),
        function: "intel_nested_cache_invalidate_user",
        parameters: OF_DOMAIN,
        begin: Some("intel_begin"),
        end: Some("intel_end"),
        ..VTD
    },
    Site {
        watch: Watch::Stage(Stage::DriverOp),
        function: "arm_vsmmu_cache_invalidate",
        option: "CONFIG_ARM_SMMU_V3_IOMMUFD",
        parameters: OF_VIOMMU,
        begin: Some("vsmmu_begin"),
        end: Some("vsmmu_end"),
        ..SMMU
    },
    Site {
        function: "mock_domain_cache_invalidate_user",
        parameters: OF_DOMAIN,
        begin: Some("mock_begin"),
        end: Some("mock_end"),
        ..MOCK
    },
    Site {
        function: "mock_viommu_cache_invalidate",
        parameters: OF_VIOMMU,
        begin: Some("mock_viommu_begin"),
        end: Some("mock_viommu_end"),
        ..MOCK
    },
    Site {
        function: "qi_submit_sync",
        parameters: &["struct intel_iommu *", POINTER, NUMBER, NUMBER],
        begin: Some("qi_begin"),
        end: Some("qi_end"),
        ..VTD
    },
    Site {
        function: "__arm_smmu_cmdq_issue_cmdlist",
        parameters: &["struct arm_smmu_device *", POINTER, POINTER, NUMBER, NUMBER],
        begin: Some("cmdq_begin"),
        end: Some("cmdq_end"),
        ..SMMU
    },
    Site {
        function: "iommu_completion_wait",
        parameters: &["struct amd_iommu *"],
        begin: Some("amd_wait_begin"),
        end: Some("amd_wait_end"),
        ..AMD
    },
    Site {
        watch: Watch::Commands,
        function: "__iommu_queue_command_sync",
        parameters: &["struct amd_iommu *", POINTER, NUMBER],
        begin: Some("amd_command"),
        ..AMD
    },
    Site {
        watch: Watch::HwQueue,
        function: "iommufd_hw_queue_alloc_ioctl",
        end: Some("hw_queue"),
        ..IOMMUFD
    },
    Site {
        watch: Watch::ObjectEnd,
        function: "iommufd_destroy",
        begin: Some("object_destroy"),
        ..IOMMUFD
    },
    Site {
        watch: Watch::ObjectEnd,
        function: "iommufd_fops_release",
        parameters: &[POINTER, "struct file *"],
        begin: Some("context_release"),
        ..IOMMUFD
    },
    Site {
        watch: Watch::HwptEnd,
        function: "iommufd_hwpt_nested_destroy",
        parameters: &["struct iommufd_object *"],
        begin: Some("hwpt_destroy"),
        ..IOMMUFD
    },
];

/// The modules that the functions and the structures they take may be in. VT-d and AMD-Vi
/// are always built in.
pub const MODULES: [&str; 3] = ["iommufd", "iommufd_driver", "arm_smmu_v3"];

/// A function that every kernel has: what the kernel says to a program on it, it says to
/// programs on any.
pub const ANY_FUNCTION: &str = "vfs_read";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_with_other_parameters_is_not_taken_for_the_known_one() {
        let qi = SITES.iter().find(|site| site.function == "qi_submit_sync");
        let takes = |types: &[&str]| {
            let types: Vec<String> = types.iter().map(|name| (*name).to_owned()).collect();
            qi.unwrap().takes(&types)
        };
        let known = [
            "struct intel_iommu *",
            "struct qi_desc *",
            "unsigned int",
            "long unsigned int",
        ];
        assert!(takes(&known));
        assert!(!takes(&known[..3]));
        assert!(!takes(&[
            "struct intel_iommu *",
            "u32",
            "struct qi_desc *",
            "int"
        ]));
        assert!(!takes(&[
            "struct iommu *",
            "struct qi_desc *",
            "u32",
            "u64"
        ]));
    }
}
