use super::{fixture::Builder, *};

/// `struct outer { u32 a; union { u32 *one; struct inner two; }; int bit:3; struct
/// inner inside; }`, `struct inner { u32 x; u32 y; }`, `int f(struct outer *, u32 n)`.
fn kernel() -> Builder {
    let mut b = Builder::new();
    let int = b.int("int", 4);
    let u32_type = b.add(kind::TYPEDEF, false, "u32", int, &[]);
    let inner = b.structure("inner", false, &[("x", u32_type, 0), ("y", u32_type, 32)]);
    let pointer = b.add(kind::PTR, false, "", u32_type, &[]);
    let (one, two) = (b.name("one"), b.name("two"));
    let union = b.add(
        kind::UNION,
        false,
        "",
        8,
        &[[one, pointer, 0], [two, inner, 0]],
    );
    let outer = b.structure(
        "outer",
        true,
        &[
            ("a", u32_type, 0),
            ("", union, 64),
            ("bit", int, 3 << 24 | 128),
            ("inside", inner, 160),
        ],
    );
    let constant = b.add(kind::CONST, false, "", outer, &[]);
    let pointer = b.add(kind::PTR, false, "", constant, &[]);
    let n = b.name("n");
    let prototype = b.add(
        kind::FUNC_PROTO,
        false,
        "",
        int,
        &[[0, pointer, 0], [n, u32_type, 0]],
    );
    b.add(kind::FUNC, false, "f", prototype, &[]);
    b
}

fn kernel_types() -> KernelTypes {
    KernelTypes::parse(kernel().bytes()).unwrap()
}

#[test]
fn members_are_found_through_embedded_and_unnamed_structures() {
    let types = kernel_types();
    for (path, offset) in [
        ("a", 0),
        ("one", 8),
        ("two", 8),
        ("two.y", 12),
        ("inside", 20),
        ("inside.y", 24),
    ] {
        assert_eq!(
            types.member_offset("outer", path).unwrap(),
            offset,
            "{path}"
        );
    }
    assert_eq!(types.size_of("outer"), Some(64));
}

#[test]
fn what_has_no_offset_is_refused_with_the_path_so_far() {
    let types = kernel_types();
    for (structure, path, message) in [
        (
            "outer",
            "inside.z",
            "this kernel's struct outer has no member inside.z",
        ),
        (
            "outer",
            "one.x",
            "this kernel's struct outer has no member one.x",
        ),
        (
            "outer",
            "a.x",
            "this kernel's struct outer has no member a.x",
        ),
        ("outer", "", "this kernel's struct outer has no member "),
        (
            "outer",
            "bit",
            "bit of this kernel's struct outer is a bitfield",
        ),
        ("absent", "x", "this kernel's BTF has no struct absent"),
        ("u32", "x", "this kernel's BTF has no struct u32"),
    ] {
        let error = types.member_offset(structure, path).unwrap_err();
        assert_eq!(error.to_string(), message);
    }
}

#[test]
fn a_function_is_told_in_the_words_of_c() {
    let signature = kernel_types().function("f").unwrap();
    assert_eq!(signature.module, None);
    assert_eq!(signature.returns, "int");
    let parameters: Vec<_> = signature
        .parameters
        .iter()
        .map(|one| (one.name.as_str(), one.type_name.as_str()))
        .collect();
    assert_eq!(parameters, [("", "struct outer *"), ("n", "u32")]);
    assert_eq!(kernel_types().function("outer"), None);
}

#[test]
fn a_module_refers_to_the_types_and_strings_of_the_kernel() {
    let kernel = kernel();
    let strings = u32::try_from(kernel.strings.len()).unwrap();
    let mut module = Builder::split(kernel.next, strings);
    // Type 2 is the kernel's u32, type 3 its struct inner.
    let own = module.structure("own", false, &[("head", 2, 0), ("body", 3, 32)]);
    let pointer = module.add(kind::PTR, false, "", own, &[]);
    let prototype = module.add(kind::FUNC_PROTO, false, "", 0, &[[0, pointer, 0]]);
    module.add(kind::FUNC, false, "g", prototype, &[]);
    let mut types = KernelTypes::parse(kernel.bytes()).unwrap();
    types.add_module("iommufd", module.bytes()).unwrap();
    assert_eq!(types.member_offset("own", "body.y").unwrap(), 8);
    assert_eq!(types.member_offset("outer", "a").unwrap(), 0);
    let signature = types.function("g").unwrap();
    assert_eq!(signature.module.as_deref(), Some("iommufd"));
    assert_eq!(signature.parameters[0].type_name, "struct own *");
    assert_eq!(signature.returns, "void");
    let id = module.next - 1;
    assert_eq!(types.function_id("g"), Some((id, Some("iommufd"))));
    assert_eq!(types.function_id("f"), Some((kernel.next - 1, None)));
}

#[test]
fn a_file_cut_off_anywhere_is_refused_or_read_without_a_panic() {
    let bytes = kernel().bytes();
    for length in 0..bytes.len() {
        let Ok(types) = KernelTypes::parse(bytes[..length].to_vec()) else {
            continue;
        };
        let _ = types.member_offset("outer", "inside.y");
        let _ = types.function("f");
        panic!("the header promises more than {length} bytes");
    }
}

#[test]
fn any_damaged_byte_is_survived() {
    let bytes = kernel().bytes();
    for at in 0..bytes.len() {
        for damage in [0x01, 0x80, 0xff] {
            let mut bytes = bytes.clone();
            bytes[at] ^= damage;
            if let Ok(types) = KernelTypes::parse(bytes) {
                let _ = types.member_offset("outer", "inside.y");
                let _ = types.function("f");
            }
        }
    }
}

#[test]
fn types_that_refer_to_themselves_end() {
    let mut b = Builder::new();
    // A typedef of itself, and a structure of unnamed members that are itself.
    b.add(kind::TYPEDEF, false, "loop", 1, &[]);
    b.structure(
        "many",
        false,
        &[("", 2, 0), ("", 2, 0), ("l", 1, 0), ("", 2, 0)],
    );
    let constant = b.next;
    b.add(kind::CONST, false, "", constant, &[]);
    let prototype = b.add(kind::FUNC_PROTO, false, "", constant, &[]);
    b.add(kind::FUNC, false, "f", prototype, &[]);
    let types = KernelTypes::parse(b.bytes()).unwrap();
    assert!(types.member_offset("many", "absent").is_err());
    assert!(types.member_offset("many", "l.x").is_err());
    assert_eq!(types.function("f").unwrap().returns, "?");
}

#[test]
fn kinds_of_a_later_kernel_are_skipped_by_the_layout_that_it_gives() {
    let mut b = Builder::new();
    let later = 20_u32;
    for word in [0, later << 24 | 2, 0, 0xdead, 0xbeef, 0xcafe] {
        b.types.extend(word.to_le_bytes());
    }
    b.next += 1;
    let int = b.int("int", 4);
    b.structure("s", false, &[("x", int, 32)]);
    assert!(KernelTypes::parse(b.bytes()).is_err());

    let plain = b.bytes();
    let word = |at: usize| u32::from_le_bytes(plain[at..at + 4].try_into().unwrap());
    let (types, strings) = (word(12), word(20));
    let mut bytes = plain[..24].to_vec();
    bytes[4] = 32;
    bytes.extend((types + strings).to_le_bytes());
    bytes.extend((21_u32 * 4).to_le_bytes());
    bytes.extend(&plain[24..]);
    bytes.extend([0; 80]);
    // 4 bytes, and 4 for each of two elements.
    bytes.extend([4, 4, 0, 0]);
    let types = KernelTypes::parse(bytes).unwrap();
    assert_eq!(types.member_offset("s", "x").unwrap(), 4);
}

#[test]
fn the_running_kernel_answers_where_it_has_btf() {
    let folder = Path::new("/sys/kernel/btf");
    if !folder.join("vmlinux").exists() {
        eprintln!("skipped, because this kernel has no BTF");
        return;
    }
    let types = KernelTypes::read(folder, &["no_such_module"]).unwrap();
    assert_eq!(types.member_offset("list_head", "next").unwrap(), 0);
    assert_eq!(types.member_offset("list_head", "prev").unwrap(), 8);
    let open = types.function("do_sys_openat2").unwrap();
    assert_eq!(open.parameters[0].type_name, "int");
}

#[test]
fn a_kernel_without_btf_is_told_what_it_lacks() {
    let error = KernelTypes::read(Path::new("/nowhere"), &[]).err().unwrap();
    assert!(
        error.to_string().contains("CONFIG_DEBUG_INFO_BTF=y"),
        "{error}"
    );
}
