//! Finds a program's static probes: SDT notes as SystemTap defines them
//! (`.note.stapsdt`, type 3: location, base, semaphore, provider, name, arguments).

use std::{fs::File, io, path::Path};

use object::{
    Endianness, Object as _, ObjectSection as _, ObjectSegment as _, ReadCache,
    read::elf::{ElfFile64, SectionHeader as _},
};

/// The provider of the driver's static probes.
pub const PROVIDER: &str = "hwptop";

const NOTE_SECTION: &str = ".note.stapsdt";
const NOTE_OWNER: &[u8] = b"stapsdt";
const NOTE_TYPE: u32 = 3;

/// The most notes that are looked at, in bytes: the driver's take less than 1 KiB.
const NOTES_BYTES_MAX: u64 = 16 << 20;

/// One place in a program where a static probe sits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StaticProbe {
    /// The probe's name, e.g. `invalidate_begin`.
    pub name: String,
    /// File offset of its instruction: what the kernel wants for a uprobe.
    pub offset: u64,
    /// Where its arguments are, in SystemTap's notation, e.g. `8@%rdi 4@%esi`.
    pub arguments: String,
}

/// Why a program's static probes could not be listed.
#[derive(Debug, thiserror::Error)]
pub enum StaticProbeError {
    /// The file cannot be read.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: String,
        /// The reason.
        source: std::io::Error,
    },
    /// The file is no 64-bit ELF program, or a damaged one.
    #[error("{path}: not a readable 64-bit ELF file: {source}")]
    Elf {
        /// The file.
        path: String,
        /// What is wrong.
        source: object::Error,
    },
}

impl StaticProbe {
    /// The static probes of `provider` in the program at `path`; none where it
    /// has none.
    ///
    /// # Errors
    /// [`StaticProbeError`] where the file is no readable ELF file.
    pub fn list(path: &Path, provider: &str) -> Result<Vec<Self>, StaticProbeError> {
        let io = |source| StaticProbeError::Io {
            path: path.display().to_string(),
            source,
        };
        // Asked before it is opened: opening a FIFO would wait for its writer.
        if !path.metadata().map_err(io)?.is_file() {
            return Err(io(io::Error::other("not a regular file")));
        }
        // Reads the parts that are asked for, not a program of hundreds of MB.
        let cache = ReadCache::new(File::open(path).map_err(io)?);
        list(&cache, provider).map_err(|source| StaticProbeError::Elf {
            path: path.display().to_string(),
            source,
        })
    }
}

type Elf<'a> = ElfFile64<'a, Endianness, &'a ReadCache<File>>;

fn list(cache: &ReadCache<File>, provider: &str) -> object::Result<Vec<StaticProbe>> {
    let file = Elf::parse(cache)?;
    let Some(section) = file.section_by_name(NOTE_SECTION) else {
        return Ok(Vec::new());
    };
    if section.size() > NOTES_BYTES_MAX {
        return Ok(Vec::new());
    }
    let header = section.elf_section_header();
    let Some(mut notes) = header.notes(file.endian(), cache)? else {
        return Ok(Vec::new());
    };
    let base = file
        .section_by_name(".stapsdt.base")
        .map(|section| section.address());
    let mut probes = Vec::new();
    while let Some(note) = notes.next()? {
        if note.name() != NOTE_OWNER || note.n_type(file.endian()) != NOTE_TYPE {
            continue;
        }
        if let Some(found) = parse(note.desc(), file.is_little_endian(), base)
            && found.provider == provider
            && let Some(offset) = file_offset(&file, found.location)
        {
            probes.push(StaticProbe {
                name: found.name,
                offset,
                arguments: found.arguments,
            });
        }
    }
    Ok(probes)
}

struct Note {
    location: u64,
    provider: String,
    name: String,
    arguments: String,
}

fn parse(description: &[u8], little_endian: bool, base: Option<u64>) -> Option<Note> {
    let mut rest = description;
    let mut address = || {
        let (word, after) = rest.split_first_chunk::<8>()?;
        rest = after;
        Some(if little_endian {
            u64::from_le_bytes(*word)
        } else {
            u64::from_be_bytes(*word)
        })
    };
    let (location, noted_base, _semaphore) = (address()?, address()?, address()?);
    // Where a tool moved the program (prelink), the base moved along.
    let moved = base.map_or(0, |base| base.wrapping_sub(noted_base));
    let mut texts = rest
        .split(|byte| *byte == 0)
        .map(|text| String::from_utf8_lossy(text).into());
    Some(Note {
        location: location.wrapping_add(moved),
        provider: texts.next()?,
        name: texts.next()?,
        arguments: texts.next()?,
    })
}

/// `None` where no loaded part of the file holds the address: the linker drops
/// unused code, but keeps its notes with an address of 0.
fn file_offset(file: &Elf<'_>, address: u64) -> Option<u64> {
    file.segments().find_map(|segment| {
        let (offset, size) = segment.file_range();
        let within = address.checked_sub(segment.address())?;
        (address != 0 && within < size).then_some(offset + within)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn description(words: [u64; 3], texts: &[u8]) -> Vec<u8> {
        let mut bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        bytes.extend_from_slice(texts);
        bytes
    }

    #[test]
    fn a_note_is_read_as_systemtap_lays_it_out() {
        let bytes = description([0x1000, 0x2000, 0], b"hwptop\0queue_submit\08@%rdi\0");
        let note = parse(&bytes, true, Some(0x2010)).expect("the note is whole");
        assert_eq!(note.location, 0x1010);
        assert_eq!(
            (note.provider.as_str(), note.name.as_str()),
            ("hwptop", "queue_submit")
        );
        assert_eq!(note.arguments, "8@%rdi");
    }

    #[test]
    fn a_cut_note_is_no_probe() {
        let bytes = description([0x1000, 0x2000, 0], b"hwptop\0queue");
        assert!(parse(&bytes, true, None).is_none());
        assert!(parse(&bytes[..20], true, None).is_none());
    }

    #[test]
    fn a_device_is_not_read() {
        let error = StaticProbe::list(Path::new("/dev/zero"), PROVIDER)
            .expect_err("a device is no program");
        assert_eq!(error.to_string(), "/dev/zero: not a regular file");
    }

    #[test]
    fn a_file_that_is_no_program_is_named() {
        let error = StaticProbe::list(Path::new("/proc/self/status"), PROVIDER)
            .expect_err("a text file has no probes");
        assert!(
            error
                .to_string()
                .starts_with("/proc/self/status: not a readable"),
            "{error}"
        );
    }
}
