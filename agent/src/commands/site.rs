use hwptop_abi::{COMMAND_BYTES, Vendor};

use super::error::CommandError;
use crate::kernel::btf::{BtfError, KernelTypes};

/// Where a driver hands commands over, and where what the program reads lies in this
/// kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Site {
    pub(super) function: &'static str,
    /// The program for fentry.
    pub(super) fentry: &'static str,
    /// The program for a kprobe.
    pub(super) kprobe: &'static str,
    /// The module that has the function; `None` is the kernel itself.
    pub(super) module: Option<String>,
    /// From the unit's structure to the pointer to its device, in bytes.
    pub(super) device_at: u32,
    /// From the device to the pointer to its name, in bytes.
    pub(super) name_at: u32,
    /// Bytes of a command.
    pub(super) command_bytes: u32,
}

/// What the programs know of a vendor's function.
struct Known {
    /// The names it has; one that is not the first has the same parameters.
    functions: &'static [&'static str],
    parameters: &'static [&'static str],
    /// Which of them points to the commands.
    commands: usize,
    fentry: &'static str,
    kprobe: &'static str,
}

impl Known {
    const fn of(vendor: Vendor) -> Self {
        match vendor {
            Vendor::Vtd => Self {
                functions: &["qi_submit_sync"],
                parameters: &["iommu", "desc", "count", "options"],
                commands: 1,
                fentry: "record_vtd",
                kprobe: "record_vtd_kp",
            },
            Vendor::SmmuV3 => Self {
                functions: &[
                    "__arm_smmu_cmdq_issue_cmdlist",
                    "arm_smmu_cmdq_issue_cmdlist",
                ],
                parameters: &["smmu", "cmdq", "cmds", "n", "sync"],
                commands: 2,
                fentry: "record_smmuv3",
                kprobe: "record_smmuv3_kp",
            },
            Vendor::AmdVi => Self {
                functions: &["__iommu_queue_command_sync"],
                parameters: &["iommu", "cmd", "sync"],
                commands: 1,
                fentry: "record_amdvi",
                kprobe: "record_amdvi_kp",
            },
        }
    }
}

impl Site {
    /// Finds the vendor's function and the structures that it is given by its own
    /// signature: their names are the kernel's, too.
    pub(super) fn find(vendor: Vendor, types: &KernelTypes) -> Result<Self, CommandError> {
        let known = Known::of(vendor);
        let found = known
            .functions
            .iter()
            .find_map(|function| Some((*function, types.function(function)?)));
        let (function, signature) = found.ok_or(CommandError::NoFunction {
            functions: known.functions,
        })?;
        let names: Vec<&str> = signature
            .parameters
            .iter()
            .map(|parameter| parameter.name.as_str())
            .collect();
        let other = || CommandError::Parameters {
            function,
            found: names.join(", "),
            expected: known.parameters.join(", "),
        };
        if names != known.parameters {
            return Err(other());
        }
        let pointed = |at: usize| {
            let name = &signature.parameters.get(at)?.type_name;
            name.strip_suffix(" *")
        };
        let unit = pointed(0).and_then(|name| name.strip_prefix("struct "));
        let unit = unit.ok_or_else(other)?;
        let command_bytes = pointed(known.commands).and_then(|name| command_bytes(name, types));
        Ok(Self {
            function,
            fentry: known.fentry,
            kprobe: known.kprobe,
            module: signature.module.clone(),
            device_at: types.member_offset(unit, "iommu.dev")?,
            name_at: types.member_offset("device", "kobj.name")?,
            command_bytes: command_bytes.ok_or_else(|| {
                BtfError::NoStruct(format!("of {function}'s commands with a size"))
            })?,
        })
    }
}

/// How wide a command of this type is, if commands can be as wide.
fn command_bytes(type_name: &str, types: &KernelTypes) -> Option<u32> {
    let bytes = match type_name.strip_prefix("struct ") {
        Some(structure) => types.size_of(structure)?,
        // CMDQ_ENT_DWORDS words each: the SMMUv3 driver before it had a struct for them.
        None if type_name == "u64" => 16,
        None => return None,
    };
    let width = usize::try_from(bytes).ok()?;
    (width.is_multiple_of(16) && (16..=COMMAND_BYTES).contains(&width)).then_some(bytes)
}
