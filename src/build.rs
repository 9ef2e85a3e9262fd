//! Tells the program which revision of the source it is built from.

use std::process::Command;

fn main() {
    // A change of any source may make the tree a dirty one, or clean again.
    for path in [
        ".git/HEAD",
        ".git/index",
        "Cargo.toml",
        "agent",
        "bench",
        "driver",
        "ebpf/abi",
        "ebpf/object",
        "reports",
        "src",
        "tui",
    ] {
        println!("cargo::rerun-if-changed={path}");
    }
    // A source package is no repository, and that is no error; it may lie in another's.
    if git(&["rev-parse", "--show-prefix"]).is_none_or(|prefix| !prefix.is_empty()) {
        return;
    }
    if let Some(revision) = git(&["describe", "--always", "--dirty", "--match", "v*"]) {
        println!("cargo::rustc-env=HWPTOP_REVISION={revision}");
    }
}

fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok()?;
    let said = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| said.trim().to_owned())
}
