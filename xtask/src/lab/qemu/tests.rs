use super::*;

fn words(channel: Channel<'_>) -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("lab");
    let profile = Profile::read(&root, "x86-intel").unwrap();
    arguments(
        &profile,
        &Wiring {
            kernel: Path::new("/k"),
            initramfs: Path::new("/i"),
            append: "lockdown=integrity",
            threads: Threads::One,
            share: Path::new("/a,b"),
            console: Path::new("/c"),
            channel,
        },
    )
}

fn files() -> Channel<'static> {
    Channel::Files {
        stdout: Path::new("/o"),
        stderr: Path::new("/e"),
        status: Path::new("/s"),
    }
}

#[test]
fn the_profiles_machine_and_the_users_append_are_in_the_command_line() {
    let words = words(files());
    let after = |name: &str| &words[words.iter().position(|word| word == name).unwrap() + 1];
    assert_eq!(after("-machine"), "q35");
    assert_eq!(after("-accel"), "tcg,thread=single");
    assert!(after("-append").starts_with("console=ttyS0 panic=-1 quiet intel_iommu=on"));
    assert!(after("-append").ends_with(" lockdown=integrity"));
    assert!(words.iter().any(|word| word == "e1000e,addr=2.0"));
}

#[test]
fn the_streams_of_a_command_are_ports_and_a_shells_is_the_terminal() {
    let of_files = words(files()).join(" ");
    for port in [
        "nr=1,chardev=stdout",
        "nr=2,chardev=stderr",
        "nr=3,chardev=status",
    ] {
        assert!(of_files.contains(port), "{of_files}");
    }
    assert!(!of_files.contains("stdio"));
    let of_terminal = words(Channel::Terminal).join(" ");
    assert!(of_terminal.contains("stdio,id=terminal,signal=off"));
    assert!(!of_terminal.contains("virtserialport"));
}

#[test]
fn a_comma_in_a_path_stays_in_the_path() {
    assert!(
        words(files())
            .iter()
            .any(|word| word == "local,id=lab,path=/a,,b,security_model=none")
    );
}

#[test]
fn the_version_is_read_from_what_qemu_says() {
    assert_eq!(
        major("QEMU emulator version 10.0.2 (Debian 1:10.0.2+ds-2)"),
        Some(10)
    );
    assert_eq!(major("QEMU emulator version 7.2.15"), Some(7));
    assert_eq!(major("qemu"), None);
}

#[test]
fn only_what_qemu_is_released_with_comes_from_backports() {
    let typed = |architecture| typed(architecture, "bookworm-backports");
    let x86 = typed(Architecture::X86_64);
    assert!(
        x86.split(' ')
            .all(|word| word.ends_with("/bookworm-backports")),
        "{x86}"
    );
    // Backports have no firmware of arm64's own.
    let arm64 = typed(Architecture::Aarch64);
    assert!(
        arm64.ends_with("qemu-system-data/bookworm-backports qemu-efi-aarch64"),
        "{arm64}"
    );
}
