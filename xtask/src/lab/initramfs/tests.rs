use super::*;
use std::collections::BTreeSet;
use std::process::Command;

fn field(archive: &[u8], index: usize) -> u32 {
    let at = 6 + 8 * index;
    let text = std::str::from_utf8(&archive[at..at + 8]).unwrap();
    u32::from_str_radix(text, 16).unwrap()
}

#[test]
fn an_entry_is_laid_out_as_the_kernel_reads_it() {
    let mut archive = Archive::default();
    archive.add("bin/a", PROGRAM, b"hello").unwrap();
    let bytes = archive.finish().unwrap();
    assert!(bytes.starts_with(b"070701"));
    // Inode, mode, …, size, …, length of the name with its zero.
    let fields = [0, 1, 6, 11].map(|index| field(&bytes, index));
    assert_eq!(fields, [1, 0o100_755, 5, 6]);
    assert_eq!(&bytes[110..116], b"bin/a\0");
    assert_eq!(&bytes[116..124], b"hello\0\0\0");
    assert!(bytes[124..].starts_with(b"070701"));
    assert_eq!(bytes.len() % 4, 0);
}

#[test]
fn the_console_is_character_device_5_1() {
    let mut archive = Archive::default();
    archive.console().unwrap();
    let fields = [1, 9, 10].map(|index| field(&archive.bytes, index));
    assert_eq!(fields, [0o020_600, 5, 1]);
}

#[test]
fn a_table_comes_in_an_archive_of_its_own_in_front() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["init.sh", "lab-vfio-bind.sh", "busybox"] {
        fs::write(folder.path().join(name), name).unwrap();
    }
    let profile = profile();
    let userland = Userland {
        busybox: folder.path().join("busybox"),
        hwptop: None,
        programs: BTreeSet::new(),
    };
    let build = |table| build(&profile, folder.path(), &userland, Job::Shell, table).unwrap();
    let plain = build(None);
    let with_table = build(Some(b"IORT"));
    let early = with_table.strip_suffix(plain.as_slice()).unwrap();
    assert_eq!(&early[110..110 + iort::PATH.len()], iort::PATH.as_bytes());
    assert!(early.windows(10).any(|bytes| bytes == b"TRAILER!!!"));
}

#[test]
fn the_guest_learns_its_profile_and_function() {
    let text = environment(&profile());
    assert_eq!(
        text,
        "export HWPTOP_LAB_PROFILE=p\nexport HWPTOP_LAB_VFIO=0000:00:02.0\n"
    );
}

#[test]
fn a_shell_reads_every_word_as_it_was_given() {
    let words = ["printf", "%s|", "a b", "it's", "$HOME", "", "*", "\n", "é"];
    let script = command(&words.map(OsString::from));
    let output = Command::new("sh")
        .arg("-c")
        .arg(String::from_utf8(script).unwrap())
        .output()
        .unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(said, "a b|it's|$HOME||*|\n|é|");
}

fn profile() -> Profile {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("lab");
    let mut profile = Profile::read(&root, "x86-intel").unwrap();
    profile.name = "p".into();
    profile.vfio = Some("0000:00:02.0".into());
    profile
}
