use super::*;
use object::build::ByteString;

/// A BPF object with one program, one map, one global, a licence and, if asked, debug information.
pub(in crate::ebpf) fn sample(program: &str, map: &[u8], code: &[u8], debug: bool) -> Vec<u8> {
    let mut builder = Builder::new(Endianness::Little, true);
    builder.header.e_type = elf::ET_REL;
    builder.header.e_machine = elf::EM_BPF;
    let executable = elf::SHF_ALLOC | elf::SHF_EXECINSTR;
    let mut parts = vec![
        ("uprobe", code, executable, Some((program, elf::STT_FUNC))),
        (
            "maps",
            map,
            elf::SHF_ALLOC,
            Some(("CELLS", elf::STT_OBJECT)),
        ),
        (
            ".rodata",
            &[0u8; 4],
            elf::SHF_ALLOC,
            Some(("LEVEL", elf::STT_OBJECT)),
        ),
        ("license", b"GPL\0", elf::SHF_ALLOC, None),
        (".BTF", b"btf", 0, None),
    ];
    if debug {
        parts.push((".debug_info", b"dwarf", 0, Some(("unit", elf::STT_SECTION))));
    }
    for (name, data, flags, symbol) in parts {
        let section = builder.sections.add();
        section.name = ByteString::from(name.as_bytes().to_vec());
        section.sh_type = elf::SHT_PROGBITS;
        section.sh_flags = u64::from(flags);
        section.sh_addralign = 1;
        section.data = SectionData::Data(data.to_vec().into());
        let id = section.id();
        let Some((name, kind)) = symbol else { continue };
        let symbol = builder.symbols.add();
        symbol.name = ByteString::from(name.as_bytes().to_vec());
        symbol.section = Some(id);
        symbol.set_st_info(
            if kind == elf::STT_SECTION {
                elf::STB_LOCAL
            } else {
                elf::STB_GLOBAL
            },
            kind,
        );
        symbol.st_size = data.len() as u64;
    }
    for (name, data) in [
        (".strtab", SectionData::String),
        (".shstrtab", SectionData::SectionString),
        (".symtab", SectionData::Symbol),
    ] {
        let section = builder.sections.add();
        section.name = ByteString::from(name.as_bytes().to_vec());
        section.sh_type = if name == ".symtab" {
            elf::SHT_SYMTAB
        } else {
            elf::SHT_STRTAB
        };
        section.sh_addralign = 8;
        section.data = data;
    }
    builder.set_section_sizes();
    let mut bytes = Vec::new();
    builder.write(&mut bytes).unwrap();
    bytes
}

fn interface(program: &str, map: &[u8], code: &[u8]) -> Interface {
    Interface::of(&sample(program, map, code, false)).unwrap()
}

#[test]
fn an_interface_lists_programs_maps_globals_licence_and_btf() {
    let interface = interface("invalidate_begin", b"definition", b"code");
    assert_eq!(
        interface.programs,
        BTreeSet::from(["uprobe/invalidate_begin".to_owned()])
    );
    assert_eq!(
        interface.maps,
        BTreeMap::from([("CELLS".to_owned(), b"definition".to_vec())])
    );
    assert_eq!(
        interface.globals,
        BTreeMap::from([(".rodata/LEVEL".to_owned(), 4)])
    );
    assert_eq!(interface.license, b"GPL\0");
    assert_eq!(interface.btf, (true, false));
}

#[test]
fn other_machine_code_is_the_same_interface() {
    let (before, after) = (
        interface("begin", b"map", b"one way"),
        interface("begin", b"map", b"another way"),
    );
    assert_eq!(before.differences(&after), Vec::<String>::new());
}

#[test]
fn a_renamed_program_and_a_changed_map_are_named() {
    let (before, after) = (
        interface("begin", b"map1", b"code"),
        interface("start", b"map2", b"code"),
    );
    let wanted = [
        "program uprobe/begin is only in the committed object",
        "program uprobe/start is only in the fresh build",
        "map CELLS is defined differently",
    ];
    assert_eq!(before.differences(&after), wanted);
}

#[test]
fn stripping_drops_dwarf_and_its_symbols_and_nothing_else() {
    let (with, without) = (
        sample("begin", b"map", b"code", true),
        sample("begin", b"map", b"code", false),
    );
    let stripped = without_dwarf(&with).unwrap();
    let names = |bytes: &[u8]| {
        sections(bytes)
            .unwrap()
            .into_iter()
            .map(|(name, _)| name)
            .collect::<Vec<_>>()
    };
    assert!(names(&with).contains(&".debug_info".to_owned()));
    assert_eq!(names(&stripped), names(&without));
    assert_eq!(
        Interface::of(&stripped).unwrap(),
        Interface::of(&without).unwrap()
    );
    assert_eq!(without_dwarf(&stripped).unwrap(), stripped);
}

#[test]
fn what_is_no_bpf_object_is_refused() {
    assert!(Interface::of(b"not an object").is_err());
    let mut foreign = sample("begin", b"map", b"code", false);
    foreign[18] = 62; // e_machine: x86-64
    assert_eq!(
        Interface::of(&foreign).unwrap_err().to_string(),
        "an object for ELF machine 62, not for BPF"
    );
}
