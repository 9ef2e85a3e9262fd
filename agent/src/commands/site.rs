use hwptop_abi::{COMMAND_BYTES, Vendor};

use super::error::CommandError;
use crate::kernel::{
    btf::{BtfError, KernelTypes},
    config::KernelConfig,
    reason::Reason,
    site::{SITES, Site as Function},
    symbols::Symbols,
};

/// Where a driver hands commands over, and where what the program reads lies in this
/// kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Site {
    /// The function as this kernel names it.
    pub(super) symbol: String,
    /// The function as BTF names it, or why fentry cannot be put on it.
    pub(super) by_fentry: Result<&'static str, Reason>,
    /// The program for fentry.
    pub(super) fentry: &'static str,
    /// The program for a kprobe.
    pub(super) kprobe: &'static str,
    /// From the unit's structure to the pointer to its device, in bytes.
    pub(super) device_at: u32,
    /// From the device to the pointer to its name, in bytes.
    pub(super) name_at: u32,
    /// Bytes of a command.
    pub(super) command_bytes: u32,
}

/// What the programs know of a vendor's function.
struct Known {
    /// The names it has; one that is not the first, which is in [`SITES`], has the same
    /// parameters.
    functions: &'static [&'static str],
    /// Which of its parameters points to the commands.
    commands: usize,
    /// What a command is where the kernel does not tell the function's parameters.
    command: &'static str,
    fentry: &'static str,
    kprobe: &'static str,
}

impl Known {
    const fn of(vendor: Vendor) -> Self {
        match vendor {
            Vendor::Vtd => Self {
                functions: &["qi_submit_sync"],
                commands: 1,
                command: "struct qi_desc",
                fentry: "record_vtd",
                kprobe: "record_vtd_kp",
            },
            Vendor::SmmuV3 => Self {
                functions: &[
                    "__arm_smmu_cmdq_issue_cmdlist",
                    "arm_smmu_cmdq_issue_cmdlist",
                ],
                commands: 2,
                command: "u64",
                fentry: "record_smmuv3",
                kprobe: "record_smmuv3_kp",
            },
            Vendor::AmdVi => Self {
                functions: &["__iommu_queue_command_sync"],
                commands: 1,
                command: "struct iommu_cmd",
                fentry: "record_amdvi",
                kprobe: "record_amdvi_kp",
            },
        }
    }

    /// The function as it is known.
    fn site(&self) -> Option<&'static Function> {
        let is_it = |site: &&Function| Some(&site.function) == self.functions.first();
        SITES.iter().find(is_it)
    }
}

/// The names that a vendor's function has in the kernels that are known.
pub(super) const fn functions(vendor: Vendor) -> &'static [&'static str] {
    Known::of(vendor).functions
}

impl Site {
    /// Finds the vendor's function by the name that the compiler left it, and the
    /// structures that it is given.
    pub(super) fn find(
        vendor: Vendor,
        (symbols, config): (&Symbols, &KernelConfig),
        types: &KernelTypes,
    ) -> Result<Self, CommandError> {
        let known = Known::of(vendor);
        let site = known.site().ok_or(CommandError::Foreign(known.fentry))?;
        let named = |&function: &&'static str| Some((function, symbols.find(function)?));
        let found = known.functions.iter().find_map(named);
        let refused = |reason| Err(CommandError::Site(reason));
        let Some((function, symbol)) = found else {
            return refused(if symbols.is_readable() {
                let setting = config.setting(site.option);
                Reason::NoFunction { site, setting }
            } else {
                Reason::NoSymbols
            });
        };
        if symbol.copies > 1 {
            return refused(Reason::Ambiguous {
                name: symbol.name.clone(),
                copies: symbol.copies,
            });
        }
        let signature = types.function(function);
        let parameters: Option<Vec<String>> = signature.map(|signature| {
            let all = signature.parameters.into_iter();
            all.map(|parameter| parameter.type_name).collect()
        });
        if let Some(found) = parameters.as_ref().filter(|found| !site.takes(found)) {
            return refused(Reason::OtherParameters {
                site,
                found: found.join(", "),
            });
        }
        let by_fentry = if symbol.name != function {
            Err(Reason::Renamed(symbol.name.clone()))
        } else if let Some(module) = &symbol.module {
            Err(Reason::InModule(module.clone()))
        } else if parameters.is_none() {
            Err(Reason::NotInBtf(function))
        } else {
            Ok(function)
        };
        let pointed = parameters.and_then(|mut all| {
            let pointer = (known.commands < all.len()).then(|| all.swap_remove(known.commands));
            Some(pointer?.strip_suffix(" *")?.to_owned())
        });
        let command = pointed.as_deref().unwrap_or(known.command);
        let no_command = || BtfError::NoStruct(format!("of {function}'s commands with a size"));
        let unit = site.parameters.first().copied().unwrap_or_default();
        let unit = unit.trim_start_matches("struct ").trim_end_matches(" *");
        Ok(Self {
            symbol: symbol.name.clone(),
            by_fentry,
            fentry: known.fentry,
            kprobe: known.kprobe,
            device_at: types.member_offset(unit, "iommu.dev")?,
            name_at: types.member_offset("device", "kobj.name")?,
            command_bytes: command_bytes(command, types).ok_or_else(no_command)?,
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

#[cfg(test)]
mod tests;
