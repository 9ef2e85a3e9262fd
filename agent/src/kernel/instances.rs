//! The IOMMUs in `/sys/class/iommu`.

use std::{fs, path::Path};

use hwptop_abi::Vendor;

use super::{config::Setting, facts::Facts, host::Host};
use crate::{InstanceKind, natural_order};

/// One IOMMU of this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KernelInstance {
    /// The kernel's name for it, e.g. `dmar0`.
    pub name: String,
    /// Its architecture, where hwptop knows it. The selftest mock has none.
    pub vendor: Option<Vendor>,
    /// What stands behind it.
    pub kind: InstanceKind,
    /// The devices behind it, e.g. `0000:00:02.0`.
    pub devices: Vec<String>,
    /// Whether it translates twice, for a guest and for the host.
    pub nesting: Nesting,
}

/// Whether an IOMMU offers nesting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nesting {
    /// `None`: it cannot be told from here.
    pub offered: Option<bool>,
    /// What says so, or what would tell.
    pub why: String,
}

/// `ecap.NEST`, VT-d 11.4.3.
const ECAP_NEST: u32 = 26;
/// `ecap.SMTS`, VT-d 11.4.3.
const ECAP_SMTS: u32 = 43;
/// EFR `GTSup`, AMD-Vi 3.4.9.
const EFR_GT_SUP: u32 = 4;
/// EFR `GIoSup`, AMD-Vi 3.4.9.
const EFR_GIO_SUP: u32 = 48;
/// EFR2 `GCR3TRPMode`.
const EFR2_GCR3_TRP_MODE: u32 = 3;

/// The IOMMUs that the kernel shows, sorted by name.
pub(super) fn read(host: &Host, facts: &Facts) -> Vec<KernelInstance> {
    let one = |name: String| {
        let mock = is_mock(&name);
        let vendor = vendor_of(&name);
        let kind = match facts.virtual_machine {
            _ if mock => InstanceKind::Mock,
            Some(_) => InstanceKind::Emulated,
            None => InstanceKind::Hardware,
        };
        let nesting = match vendor {
            _ if mock => told(true, "the kernel's selftest mock"),
            Some(Vendor::Vtd) => vtd(host, &name, facts),
            Some(Vendor::AmdVi) => amdvi(host, &name),
            Some(Vendor::SmmuV3) => untold(
                "IDR0 tells (S1P and S2P), by IOMMU_GET_HW_INFO on a device bound to \
                 iommufd: hwptop top --target vfio:/dev/vfio/devices/vfioN",
            ),
            None => untold("hwptop does not know this IOMMU"),
        };
        KernelInstance {
            devices: host.names(&format!("sys/class/iommu/{name}/devices")),
            name,
            vendor,
            kind,
            nesting,
        }
    };
    let mut names = host.names("sys/class/iommu");
    names.sort_by(|one, other| natural_order(one, other));
    names.into_iter().map(one).collect()
}

/// Whether there is an IOMMU, the mock aside.
#[must_use]
pub fn has_iommu(host: &Host) -> bool {
    let names = host.names("sys/class/iommu");
    names.iter().any(|name| !is_mock(name))
}

fn is_mock(name: &str) -> bool {
    name.starts_with("iommufd_selftest_iommu")
}

/// Whose the instance of this name is, by the names that the drivers give in
/// `iommu_device_sysfs_add`.
pub(crate) fn vendor_of(name: &str) -> Option<Vendor> {
    [
        ("dmar", Vendor::Vtd),
        ("ivhd", Vendor::AmdVi),
        ("smmu3.", Vendor::SmmuV3),
    ]
    .into_iter()
    .find_map(|(prefix, vendor)| name.starts_with(prefix).then_some(vendor))
}

/// The VT-d driver nests where scalable mode is on and the unit has both capabilities.
fn vtd(host: &Host, name: &str, facts: &Facts) -> Nesting {
    let file = format!("sys/class/iommu/{name}/intel-iommu/ecap");
    let Some(ecap) = host.text(&file).and_then(|text| hexadecimal(&text)) else {
        return untold("the unit's ecap cannot be read");
    };
    let has = |bit: u32| ecap >> bit & 1 == 1;
    if !has(ECAP_SMTS) {
        return told(false, "ecap.SMTS = 0: no scalable mode");
    }
    if !has(ECAP_NEST) {
        return told(false, "ecap.NEST = 0");
    }
    let option = "CONFIG_INTEL_IOMMU_SCALABLE_MODE_DEFAULT_ON";
    let told_at_boot = |word| {
        let given = |one: &str| one.strip_prefix("intel_iommu=").map(str::to_owned);
        let words = facts
            .command_line
            .split_ascii_whitespace()
            .filter_map(given);
        words
            .flat_map(|one| one.split(',').map(str::to_owned).collect::<Vec<_>>())
            .any(|one| one == word)
    };
    if told_at_boot("sm_off") {
        return told(false, "ecap has it, but the kernel was booted with sm_off");
    }
    match facts.config.setting(option) {
        _ if told_at_boot("sm_on") => told(true, "ecap.NEST = 1, scalable mode on"),
        Setting::Yes | Setting::Module => told(true, "ecap.NEST = 1, scalable mode on"),
        Setting::No => told(false, "ecap has it: boot with intel_iommu=on,sm_on"),
        Setting::Unknown => untold("ecap has it; scalable mode must be on (intel_iommu=on,sm_on)"),
    }
}

/// The AMD driver takes a nest parent where the extended features have all three.
fn amdvi(host: &Host, name: &str) -> Nesting {
    let file = format!("sys/class/iommu/{name}/amd-iommu/features");
    let features = host.text(&file).and_then(|text| {
        let (first, second) = text.split_once(':')?;
        Some((hexadecimal(first)?, hexadecimal(second)?))
    });
    let Some((efr, efr2)) = features else {
        return untold("the extended features cannot be read");
    };
    let wanted = [
        ("GTSup", efr >> EFR_GT_SUP & 1),
        ("GIoSup", efr >> EFR_GIO_SUP & 1),
        ("GCR3TRPMode", efr2 >> EFR2_GCR3_TRP_MODE & 1),
    ];
    match wanted.iter().find(|(_, bit)| *bit == 0) {
        Some((feature, _)) => told(false, &format!("{feature} = 0 in its extended features")),
        None => told(
            true,
            "its extended features; Linux has no invalidation for it yet",
        ),
    }
}

fn told(offered: bool, why: &str) -> Nesting {
    Nesting {
        offered: Some(offered),
        why: why.to_owned(),
    }
}

fn untold(why: &str) -> Nesting {
    Nesting {
        offered: None,
        why: why.to_owned(),
    }
}

fn hexadecimal(text: &str) -> Option<u64> {
    u64::from_str_radix(text.trim().trim_start_matches("0x"), 16).ok()
}

/// The name of the running kernel's instance that a VFIO character device
/// (`/dev/vfio/devices/vfioN`) is behind.
#[must_use]
pub fn instance_behind(cdev: &Path) -> Option<String> {
    let device = Path::new("/sys/class/vfio-dev").join(cdev.file_name()?);
    let instance = fs::read_link(device.join("device/iommu")).ok()?;
    Some(instance.file_name()?.to_str()?.to_owned())
}

#[cfg(test)]
mod tests;
