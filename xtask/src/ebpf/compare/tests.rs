use super::*;
use crate::ebpf::elf::tests::sample;
use crate::ebpf::toolchain::Identity;

fn sidecar(object: &[u8], source: &str, rustc: &str) -> Sidecar {
    let toolchain = Identity {
        rustc: rustc.into(),
        llvm: "22".into(),
        linker: "0.13".into(),
        origin: "Debian".into(),
    };
    Sidecar {
        object: digest::of_bytes(object),
        size: object.len(),
        source: source.into(),
        toolchain,
    }
}

fn committed(object: &[u8], source: &str, rustc: &str) -> Committed {
    Committed {
        processor: Processor::X86_64,
        object: object.to_vec(),
        sidecar: sidecar(object, source, rustc),
    }
}

fn fresh(object: &[u8], source: &str, rustc: &str) -> Fresh {
    Fresh {
        object: object.to_vec(),
        sidecar: sidecar(object, source, rustc),
    }
}

fn object(code: &[u8]) -> Vec<u8> {
    sample("begin", b"map", code, false)
}

#[test]
fn the_recorded_toolchain_must_give_the_same_bytes() {
    let same = compare(
        &committed(&object(b"code"), "s", "1.96"),
        &fresh(&object(b"code"), "s", "1.96"),
    )
    .unwrap();
    assert!(matches!(same.method, Method::Bytes { .. }));
    assert!(same.differences.is_empty());

    let other = compare(
        &committed(&object(b"code"), "s", "1.96"),
        &fresh(&object(b"cod2"), "s", "1.96"),
    )
    .unwrap();
    assert!(
        other
            .differences
            .contains(&"section uprobe differs (4 bytes, built 4)".to_owned())
    );
}

#[test]
fn another_toolchain_may_give_other_code_for_the_same_sources() {
    let outcome = compare(
        &committed(&object(b"code"), "s", "1.96"),
        &fresh(&object(b"other"), "s", "1.97"),
    )
    .unwrap();
    assert!(matches!(outcome.method, Method::SourcesAndInterface { .. }));
    assert!(outcome.method.to_string().contains("not byte for byte"));
    assert!(outcome.differences.is_empty());
}

#[test]
fn changed_sources_are_seen_by_every_toolchain() {
    for rustc in ["1.96", "1.97"] {
        let outcome = compare(
            &committed(&object(b"code"), "old", "1.96"),
            &fresh(&object(b"code"), "new", rustc),
        )
        .unwrap();
        assert_eq!(outcome.differences.len(), 1);
        assert!(outcome.differences[0].starts_with("the sources have sha256 new"));
    }
}

#[test]
fn an_object_replaced_without_its_sidecar_is_seen_by_every_toolchain() {
    for rustc in ["1.96", "1.97"] {
        let mut committed = committed(&object(b"code"), "s", "1.96");
        committed.object = object(b"evil");
        let outcome = compare(&committed, &fresh(&object(b"code"), "s", rustc)).unwrap();
        assert!(outcome.differences[0].starts_with("ebpf/object/hwptop.x86_64.bpf.o has sha256"));
    }
}
