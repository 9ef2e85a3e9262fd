//! What a VMM's author sees first: the example runs, the documentation is whole, and nothing else of hwptop comes with it.

use std::process::{Command, Output};

fn cargo(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO"))
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env("RUSTDOCFLAGS", "--deny warnings")
        .output()
        .expect("cargo can be started")
}

fn said(output: &Output) -> String {
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn the_example_of_a_vmm_runs_through_completion_and_fault() {
    let told = said(&cargo(&[
        "run",
        "--quiet",
        "-p",
        "hwptop-driver",
        "--example",
        "vmm",
    ]));
    let lines: Vec<&str> = told.lines().collect();
    let expected = [
        "VMM: a PASID entry changed; domain 4 is HWPT 7 from now on",
        "guest: wait completed, status 1",
        "8 entries in one request",
        "guest: wait completed, status 1",
        "entry 2 fails",
        "VMM: the queue stopped at command 13",
        "guest: fault, FSTS 0x10, IQH 0xd0",
        "2 entries in one request",
        "guest: wait completed, status 1",
        "VMM: 3 requests, 1 failed; 12 entries handled",
    ];
    assert_eq!(lines.len(), expected.len(), "{told}");
    for (line, part) in lines.iter().zip(expected) {
        assert!(line.contains(part), "{part} is not in {line}");
    }
}

#[test]
fn its_documentation_is_made_without_a_warning() {
    said(&cargo(&[
        "doc",
        "--quiet",
        "-p",
        "hwptop-driver",
        "--no-deps",
    ]));
}

#[test]
fn it_depends_on_nothing_of_hwptop_but_the_numbers_that_probes_carry() {
    let tree = said(&cargo(&[
        "tree",
        "-p",
        "hwptop-driver",
        "--edges",
        "normal",
        "--prefix",
        "none",
    ]));
    let own = tree.lines().filter(|line| line.starts_with("hwptop"));
    let mut own: Vec<&str> = own.filter_map(|line| line.split(' ').next()).collect();
    own.sort_unstable();
    own.dedup();
    assert_eq!(own, ["hwptop-abi", "hwptop-driver"]);
}
