use std::path::PathBuf;

use hwptop_driver::{Capture, Vendor};

use crate::{failure::Failure, target::Target};

/// The captures that were asked for, or else the built-in ones of the vendor that `target`
/// is of.
pub(super) fn captures(
    paths: &[PathBuf],
    vendor: Option<Vendor>,
    target: &Target,
) -> Result<Vec<Capture>, Failure> {
    if paths.is_empty() {
        let vendor = vendor.unwrap_or(Vendor::Vtd);
        return Capture::builtin_names()
            .map(|name| Capture::builtin(name).map_err(Failure::input))
            .filter(|capture| !matches!(capture, Ok(capture) if capture.vendor() != vendor))
            .collect();
    }
    let captures = open_as(paths, vendor)?;
    for capture in &captures {
        // A built-in one is what it is.
        if let Some(vendor) = vendor
            && capture.vendor() != vendor
        {
            return Err(Failure::input(anyhow::anyhow!(
                "{}: a stream of {} commands, but {}",
                capture.name(),
                capture.vendor().name(),
                wanted(vendor, target)
            )));
        }
    }
    Ok(captures)
}

/// What the target takes, and what to do about it.
fn wanted(vendor: Vendor, target: &Target) -> String {
    let its = match vendor {
        Vendor::Vtd => "a VT-d unit",
        Vendor::SmmuV3 => "an SMMUv3",
        Vendor::AmdVi => "an AMD-Vi unit",
    };
    match target {
        Target::Vfio { .. } => format!("the IOMMU of {target} is {its}: give a capture of one"),
        _ => format!("the target is {target}; leave the vendor out"),
    }
}

/// The captures of these files or built-in names.
pub(super) fn open_captures(paths: &[PathBuf]) -> Result<Vec<Capture>, Failure> {
    open_as(paths, None)
}

fn open_as(paths: &[PathBuf], vendor: Option<Vendor>) -> Result<Vec<Capture>, Failure> {
    paths
        .iter()
        .map(|path| {
            // A file of that name goes before a built-in capture; a bare name that is
            // neither is told the names there are.
            match path.to_str() {
                Some(name) if !path.exists() && !name.contains(['/', '.']) => {
                    Capture::builtin(name)
                }
                _ => Capture::open_as(path, vendor),
            }
            .map_err(Failure::input)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_capture_of_another_vendor_is_refused_with_what_the_target_takes() {
        let refused = |target: &str, vendor| {
            let target: Target = target.parse().unwrap();
            let paths = [PathBuf::from("smmuv3-nvme-strict")];
            captures(&paths, Some(vendor), &target)
                .unwrap_err()
                .to_string()
        };
        let name = "smmuv3-nvme-strict: a stream of smmuv3 commands, but";
        assert_eq!(
            refused("selftest:vtd", Vendor::Vtd),
            format!("{name} the target is selftest:vtd; leave the vendor out")
        );
        let device = "vfio:/dev/vfio/devices/vfio0";
        assert_eq!(
            refused(device, Vendor::Vtd),
            format!("{name} the IOMMU of {device} is a VT-d unit: give a capture of one")
        );
    }
}
