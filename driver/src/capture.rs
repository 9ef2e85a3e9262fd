use std::fs::{self, File, FileType};
use std::io::{BufRead, BufReader, Cursor, Read};
use std::os::unix::fs::FileTypeExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use flate2::read::MultiGzDecoder;

mod error;
mod parse;
mod write;

pub use error::{CaptureError, CaptureFault};
pub use write::CaptureWriter;

use crate::Vendor;
use crate::replay::guess_vendor;
use parse::Header;

/// The most commands that a capture may have: a bound for what a small
/// compressed file can make of itself (240 MB in memory; see [`parse::parse`]
/// for what reading takes).
const COMMANDS_MAX: usize = 10_000_000;

/// The captures that are part of this crate, by name.
const BUILTIN: [(&str, &[u8]); 5] = [
    (
        "vtd-first-stage-nvme-strict",
        include_bytes!("../captures/vtd-first-stage-nvme-strict.csv.gz"),
    ),
    (
        "vtd-second-stage-nvme-net-strict",
        include_bytes!("../captures/vtd-second-stage-nvme-net-strict.csv.gz"),
    ),
    (
        "vtd-first-stage-nvme-buffered-lazy",
        include_bytes!("../captures/vtd-first-stage-nvme-buffered-lazy.csv.gz"),
    ),
    (
        "smmuv3-nvme-strict",
        include_bytes!("../captures/smmuv3-nvme-strict.csv.gz"),
    ),
    (
        "amdvi-iommufd-map-unmap",
        include_bytes!("../captures/amdvi-iommufd-map-unmap.csv.gz"),
    ),
];

/// One command of a captured stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CapturedCommand {
    /// When it was captured: microseconds since the first command.
    pub at_us: u64,
    /// The low 128 bits of the command, low word first.
    pub words: [u64; 2],
}

impl CapturedCommand {
    /// [`Self::at_us`] as a duration.
    #[must_use]
    pub const fn at(&self) -> Duration {
        Duration::from_micros(self.at_us)
    }
}

/// A guest's captured command stream: CSV, gzip'd or plain. The columns are
/// microseconds in decimal and two words in hexadecimal, low word first: `t_us`,
/// `lo` and `hi` for VT-d, `t_us`, `cmd0` and `cmd1` for SMMUv3 and AMD-Vi, which
/// are told apart by the specification under which more of the commands are valid.
/// A byte order mark before the header is skipped.
///
/// Whether the commands are valid is for whoever replays them.
/// Clones share the commands.
#[derive(Clone, Debug)]
pub struct Capture {
    name: Arc<str>,
    vendor: Vendor,
    /// Not `Arc<[_]>`, which would copy them to where their count is.
    commands: Arc<Vec<CapturedCommand>>,
}

impl Capture {
    /// Reads a capture from a regular file. Whether it is compressed is seen from
    /// its first bytes.
    ///
    /// # Errors
    /// Where the path names something else than a regular file (a pipe may never
    /// end, and a device neither), where the file cannot be read, or anything in
    /// it is not as described; the error names file and line.
    pub fn open(path: &Path) -> Result<Self, CaptureError> {
        Self::open_as(path, None)
    }

    /// [`Self::open`] of a stream that is known to be `vendor`'s: nothing is guessed.
    ///
    /// # Errors
    /// As [`Self::open`], and where the header is not that vendor's.
    pub fn open_as(path: &Path, vendor: Option<Vendor>) -> Result<Self, CaptureError> {
        let name = path.display().to_string();
        let file = open_regular(path).map_err(|fault| CaptureError::new(&name, 0, fault))?;
        Self::read(&name, BufReader::new(file), vendor)
    }

    /// A capture that is part of this crate.
    ///
    /// # Errors
    /// Where there is none of that name; the error lists the names.
    pub fn builtin(name: &str) -> Result<Self, CaptureError> {
        let found = BUILTIN.iter().find(|(known, _)| *known == name);
        let (name, bytes) = found.ok_or_else(|| {
            CaptureError::new(
                name,
                0,
                CaptureFault::NoSuchBuiltin(Self::builtin_names().collect()),
            )
        })?;
        Self::read(name, Cursor::new(*bytes), None)
    }

    /// The names that [`Self::builtin`] knows.
    pub fn builtin_names() -> impl Iterator<Item = &'static str> {
        BUILTIN.iter().map(|(name, _)| *name)
    }

    /// The file's path, or the builtin's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whose commands they are.
    #[must_use]
    pub const fn vendor(&self) -> Vendor {
        self.vendor
    }

    /// The commands, oldest first; never empty.
    #[must_use]
    pub fn commands(&self) -> &[CapturedCommand] {
        &self.commands
    }

    fn read(
        name: &str,
        mut input: impl BufRead,
        known: Option<Vendor>,
    ) -> Result<Self, CaptureError> {
        let start = input
            .fill_buf()
            .map_err(|error| CaptureError::new(name, 0, CaptureFault::Io(error)))?;
        // RFC 1952, 2.3.1: ID1 and ID2. No text begins with them.
        let (header, commands) = if start.starts_with(&[0x1f, 0x8b]) {
            let decoder: Box<dyn Read> = Box::new(MultiGzDecoder::new(input));
            parse::parse(name, BufReader::new(decoder), COMMANDS_MAX)
        } else {
            parse::parse(name, input, COMMANDS_MAX)
        }?;
        let words = commands.iter().map(|command| command.words);
        let vendor = match (header, known) {
            (Header::Vtd, None | Some(Vendor::Vtd)) => Ok(Vendor::Vtd),
            (Header::Other, Some(known @ (Vendor::SmmuV3 | Vendor::AmdVi))) => Ok(known),
            (Header::Other, None) => guess_vendor(&words).ok_or(CaptureFault::VendorUnclear),
            (_, Some(known)) => Err(CaptureFault::OtherVendor(known.name())),
        };
        let vendor = vendor.map_err(|fault| CaptureError::new(name, 1, fault))?;
        Ok(Self {
            name: name.into(),
            vendor,
            commands: Arc::new(commands),
        })
    }

    /// A capture of these commands, one a microsecond.
    #[cfg(test)]
    pub(crate) fn of(vendor: Vendor, commands: impl IntoIterator<Item = [u64; 2]>) -> Self {
        let commands = (0..).zip(commands);
        let commands = commands.map(|(at_us, words)| CapturedCommand { at_us, words });
        Self {
            name: "test".into(),
            vendor,
            commands: Arc::new(commands.collect()),
        }
    }

    pub(crate) fn shared_commands(&self) -> Arc<Vec<CapturedCommand>> {
        Arc::clone(&self.commands)
    }
}

/// Looks before it opens: opening a pipe waits for whoever writes to it.
fn open_regular(path: &Path) -> Result<File, CaptureFault> {
    let kind = fs::metadata(path).map_err(CaptureFault::Io)?.file_type();
    if !kind.is_file() {
        return Err(CaptureFault::NotAFile(what_is(kind)));
    }
    File::open(path).map_err(CaptureFault::Io)
}

fn what_is(kind: FileType) -> &'static str {
    if kind.is_dir() {
        "directory"
    } else if kind.is_fifo() {
        "pipe"
    } else if kind.is_socket() {
        "socket"
    } else {
        "device"
    }
}

#[cfg(test)]
mod tests;
