//! Writes the inputs that fuzzing starts from: pieces of the captured streams, as programs (see `Op`), and what a hostile
//! guest would try.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

use hwptop_driver::Capture;

#[path = "seeds/amdvi.rs"]
mod amdvi;
#[path = "seeds/program.rs"]
mod program;
#[path = "seeds/smmuv3.rs"]
mod smmuv3;
#[path = "seeds/vtd.rs"]
mod vtd;

fn main() -> Result<(), Box<dyn Error>> {
    for name in Capture::builtin_names().filter(|name| name.starts_with("vtd")) {
        vtd::write(&folder("vtd")?, &Capture::builtin(name)?)?;
    }
    smmuv3::write(&folder("smmuv3")?, &Capture::builtin("smmuv3-nvme-strict")?)?;
    amdvi::write(
        &folder("amdvi")?,
        &Capture::builtin("amdvi-iommufd-map-unmap")?,
    )
}

fn folder(target: &str) -> std::io::Result<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("seeds")
        .join(target);
    fs::create_dir_all(&folder)?;
    Ok(folder)
}
