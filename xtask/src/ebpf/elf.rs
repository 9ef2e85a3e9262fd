//! The object as an ELF file: dropping what no loader reads, and what the loader does read.

use anyhow::{Context, Result, bail, ensure};
use object::build::elf::{Builder, SectionData};
use object::read::elf::{ElfFile64, FileHeader as _};
use object::{Endianness, Object as _, ObjectSection as _, ObjectSymbol as _, SymbolKind, elf};
use std::collections::{BTreeMap, BTreeSet};

const DWARF: &[&str] = &[".debug_", ".rel.debug_", ".rela.debug_"];
const MAPS: &[&str] = &["maps", ".maps"];
const GLOBALS: &[&str] = &[".rodata", ".data", ".bss"];

/// `linked` without DWARF, which the compiler needed for BTF and nobody reads afterwards.
///
/// # Errors
/// Where the file cannot be parsed, or something that stays refers to what goes.
pub(super) fn without_dwarf(linked: &[u8]) -> Result<Vec<u8>> {
    let mut builder = Builder::read(linked)?;
    for section in &mut builder.sections {
        section.delete = DWARF
            .iter()
            .any(|prefix| section.name.starts_with(prefix.as_bytes()));
    }
    builder.delete_orphan_symbols();
    for section in &builder.sections {
        let SectionData::Relocation(relocations) = &section.data else {
            continue;
        };
        for relocation in relocations {
            let Some(symbol) = relocation.symbol else {
                continue;
            };
            ensure!(
                !builder.symbols.get(symbol).delete,
                "{} needs debug information to be relocated",
                section.name
            );
        }
    }
    ensure_section_names(&mut builder);
    let mut stripped = Vec::new();
    builder.write(&mut stripped)?;
    Ok(stripped)
}

/// LLVM keeps the names of sections in the table of the symbols' names, which the writer cannot.
fn ensure_section_names(builder: &mut Builder<'_>) {
    let is_there = |data: &SectionData<'_>| matches!(data, SectionData::SectionString);
    if builder
        .sections
        .iter()
        .any(|section| is_there(&section.data))
    {
        return;
    }
    let section = builder.sections.add();
    section.name = b".shstrtab"[..].into();
    section.sh_type = elf::SHT_STRTAB;
    section.sh_addralign = 1;
    section.data = SectionData::SectionString;
}

/// What the loader sees of an object, and so what two builds of the same sources have in common whatever
/// compiler made them.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Interface {
    /// `section/function` of every program.
    programs: BTreeSet<String>,
    /// Definition of every map, by name: the bytes of its `bpf_map_def` (for a map defined in BTF, their number).
    maps: BTreeMap<String, Vec<u8>>,
    /// Size of every global that user space may set, by `section/name`.
    globals: BTreeMap<String, u64>,
    license: Vec<u8>,
    /// Whether .BTF and .BTF.ext are there.
    btf: (bool, bool),
}

impl Interface {
    /// # Errors
    /// Where `bytes` are not a BPF object with at least one program and a licence.
    pub(super) fn of(bytes: &[u8]) -> Result<Self> {
        let file = ElfFile64::<Endianness>::parse(bytes)?;
        let machine = file.elf_header().e_machine(file.endian());
        ensure!(
            machine == elf::EM_BPF,
            "an object for ELF machine {machine}, not for BPF"
        );

        let mut interface = Self {
            programs: BTreeSet::new(),
            maps: BTreeMap::new(),
            globals: BTreeMap::new(),
            license: section(&file, "license")?,
            btf: (
                file.section_by_name(".BTF").is_some(),
                file.section_by_name(".BTF.ext").is_some(),
            ),
        };
        for symbol in file.symbols().filter(object::ObjectSymbol::is_global) {
            let Some(index) = symbol.section_index() else {
                continue;
            };
            let section = file.section_by_index(index)?;
            let (place, name) = (section.name()?, symbol.name()?.to_owned());
            // Functions in .text are called by programs, and come and go with the inliner.
            if symbol.kind() == SymbolKind::Text && place != ".text" {
                interface.programs.insert(format!("{place}/{name}"));
            } else if MAPS.contains(&place) {
                let definition = section.data_range(symbol.address(), symbol.size())?;
                interface.maps.insert(
                    name,
                    definition.context("a map outside its section")?.to_vec(),
                );
            } else if GLOBALS.iter().any(|prefix| place.starts_with(prefix)) {
                interface
                    .globals
                    .insert(format!("{place}/{name}"), symbol.size());
            }
        }
        if interface.programs.is_empty() {
            bail!("an object without programs");
        }
        Ok(interface)
    }

    /// One line for every respect in which `fresh` is not as `self`.
    pub(super) fn differences(&self, fresh: &Self) -> Vec<String> {
        let mut lines = Vec::new();
        let mut one_sided = |what: &str, committed: BTreeSet<&String>, built: BTreeSet<&String>| {
            lines.extend(
                committed
                    .difference(&built)
                    .map(|name| format!("{what} {name} is only in the committed object")),
            );
            lines.extend(
                built
                    .difference(&committed)
                    .map(|name| format!("{what} {name} is only in the fresh build")),
            );
        };
        one_sided(
            "program",
            self.programs.iter().collect(),
            fresh.programs.iter().collect(),
        );
        one_sided(
            "map",
            self.maps.keys().collect(),
            fresh.maps.keys().collect(),
        );
        one_sided(
            "global",
            self.globals.keys().collect(),
            fresh.globals.keys().collect(),
        );
        for (name, definition) in &self.maps {
            if fresh
                .maps
                .get(name)
                .is_some_and(|other| other != definition)
            {
                lines.push(format!("map {name} is defined differently"));
            }
        }
        for (name, size) in &self.globals {
            if let Some(other) = fresh.globals.get(name).filter(|&other| other != size) {
                lines.push(format!("global {name} has {size} bytes, built {other}"));
            }
        }
        if self.license != fresh.license {
            lines.push("the licences differ".into());
        }
        if self.btf != fresh.btf {
            lines.push(format!(
                ".BTF and .BTF.ext present: {:?}, built {:?}",
                self.btf, fresh.btf
            ));
        }
        lines
    }
}

/// Name and content of every section, in order, for telling where two objects differ.
pub(super) fn sections(bytes: &[u8]) -> Result<Vec<(String, Vec<u8>)>> {
    let file = ElfFile64::<Endianness>::parse(bytes)?;
    let named = file
        .sections()
        .map(|section| Ok((section.name()?.to_owned(), section.data()?.to_vec())));
    named.collect()
}

fn section(file: &ElfFile64<'_>, name: &str) -> Result<Vec<u8>> {
    let section = file
        .section_by_name(name)
        .with_context(|| format!("an object without a section `{name}`"))?;
    Ok(section.data()?.to_vec())
}

#[cfg(test)]
pub(super) mod tests;
