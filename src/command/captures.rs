use std::path::PathBuf;

use hwptop_driver::{Capture, Vendor};

use crate::failure::Failure;

/// The captures that were asked for, or else the built-in ones of the vendor.
pub(super) fn captures(paths: &[PathBuf], vendor: Option<Vendor>) -> Result<Vec<Capture>, Failure> {
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
                "{}: a stream of {} commands, but the target is model:{}; leave the vendor out",
                capture.name(),
                capture.vendor().name(),
                vendor.name()
            )));
        }
    }
    Ok(captures)
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
