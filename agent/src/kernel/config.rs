//! The options the running kernel was built with.

use std::{collections::BTreeMap, io::Read as _};

use flate2::read::GzDecoder;

use super::host::Host;

/// The most that a kernel's configuration may unpack to; real ones have 300 KB.
const BYTES_MAX: u64 = 16 << 20;

/// How one option of the kernel is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Setting {
    /// Built in.
    Yes,
    /// Built as a module.
    Module,
    /// Not there.
    No,
    /// The kernel's configuration cannot be read.
    Unknown,
}

impl Setting {
    /// As `.config` has it; `?` where nobody knows.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Yes => "y",
            Self::Module => "m",
            Self::No => "n",
            Self::Unknown => "?",
        }
    }
}

/// The kernel's configuration, where it can be read.
#[derive(Clone, Debug, Default)]
pub struct KernelConfig(Option<BTreeMap<String, bool>>);

impl KernelConfig {
    /// Reads `/proc/config.gz`, else `/boot/config-RELEASE`, else the copy beside the
    /// modules.
    pub(super) fn read(host: &Host, release: &str) -> Self {
        let packed = host.bytes("proc/config.gz").ok().and_then(|packed| {
            let mut text = Vec::new();
            let mut unpacked = GzDecoder::new(packed.as_slice()).take(BYTES_MAX);
            unpacked.read_to_end(&mut text).ok()?;
            Some(String::from_utf8_lossy(&text).into_owned())
        });
        let text = packed
            .or_else(|| host.text(&format!("boot/config-{release}")))
            .or_else(|| host.text(&format!("lib/modules/{release}/config")));
        Self(text.map(|text| text.lines().filter_map(tristate).collect()))
    }

    /// How `CONFIG_…` is set.
    #[must_use]
    pub fn setting(&self, option: &str) -> Setting {
        match &self.0 {
            None => Setting::Unknown,
            Some(options) => match options.get(option) {
                None => Setting::No,
                Some(true) => Setting::Yes,
                Some(false) => Setting::Module,
            },
        }
    }
}

/// `CONFIG_X=y` or `=m`; whether it is built in.
fn tristate(line: &str) -> Option<(String, bool)> {
    let (option, value) = line.split_once('=')?;
    match value.trim() {
        "y" => Some((option.to_owned(), true)),
        "m" => Some((option.to_owned(), false)),
        _ => None,
    }
}
