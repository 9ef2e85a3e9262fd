//! The lab itself, as a user calls it: what comes back from a guest, and how a hang ends.

mod agent;
mod amd;
mod arm64;
mod costs;
mod detach;
mod faults;
mod guest;
mod intel;
mod methods;
mod outliers;
mod recording;
mod refusals;
mod slots;
mod suites;

use std::env;
use std::fs;
use std::io::Read as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

/// `cargo xtask lab`, with as little output of its own as it can.
fn lab(profile: &str, output: &Path, options: &[&str], command: &[&str]) -> Output {
    let program = env::var_os("HWPTOP_LAB").expect("HWPTOP_LAB, which `cargo xtask test` sets");
    Command::new(program)
        .args(["lab", profile, "--quiet", "--no-install", "--output"])
        .arg(output)
        .args(options)
        .arg("--")
        .args(command)
        .output()
        .expect("cannot start the lab")
}

/// Boots `profile` once and looks at everything that a command leaves.
fn what_a_command_leaves_comes_back_from(profile: &str) {
    let folder = tempfile::tempdir().unwrap();
    let given = folder.path().join("given");
    fs::write(&given, "from here").unwrap();
    let share = folder.path().join("share");
    let script = "hwptop --version && cat given >taken && echo to-stderr >&2 \
                  && ls /dev/iommu $HWPTOP_LAB_VFIO_CDEV && hwptop top --once --target model >model; exit 42";
    let options = ["--file", given.to_str().unwrap()];
    let output = lab(profile, &share, &options, &["sh", "-c", script]);

    let stdout = String::from_utf8_lossy(&output.stdout);
    let stderr = String::from_utf8_lossy(&output.stderr);
    let version = format!("hwptop {}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!(output.status.code(), Some(42), "{stdout}{stderr}");
    assert_eq!(
        stdout,
        version + "/dev/iommu\n/dev/vfio/devices/vfio0\n",
        "{stderr}"
    );
    assert_eq!(stderr, "to-stderr\n");
    let left = |name: &str| fs::read_to_string(share.join(name)).unwrap();
    assert_eq!(left("taken"), "from here");
    assert!(left("model").contains("model"), "{}", left("model"));
    assert!(left("dmesg").contains("Linux version"), "{}", left("dmesg"));
    assert!(!left("dmesg").contains("WARNING:"), "{}", left("dmesg"));
}

#[test]
#[ignore = "needs the lab x86-intel: boots it"]
fn what_a_command_leaves_comes_back_from_x86_intel() {
    what_a_command_leaves_comes_back_from("x86-intel");
}

#[test]
#[ignore = "needs the lab x86-amd: boots it"]
fn what_a_command_leaves_comes_back_from_x86_amd() {
    what_a_command_leaves_comes_back_from("x86-amd");
}

#[test]
#[ignore = "needs the lab arm64-smmuv3: boots it"]
fn what_a_command_leaves_comes_back_from_arm64_smmuv3() {
    what_a_command_leaves_comes_back_from("arm64-smmuv3");
}

#[test]
#[ignore = "needs the lab x86-intel: boots it and waits for a time-out"]
fn a_guest_that_hangs_is_ended_and_named() {
    let folder = tempfile::tempdir().unwrap();
    let options = ["--timeout", "20s"];
    let output = lab("x86-intel", folder.path(), &options, &["sleep", "1000"]);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(124), "{stderr}");
    assert!(stderr.contains("x86-intel: ended after 20 s"), "{stderr}");
    assert!(stderr.contains("--timeout"), "{stderr}");
}

#[test]
#[ignore = "needs the lab x86-intel: boots it and does not read what it writes"]
fn a_reader_that_pauses_or_goes_does_not_hold_up_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let start = |timeout: &str| {
        let program = env::var_os("HWPTOP_LAB").expect("HWPTOP_LAB, which `cargo xtask test` sets");
        let mut lab = Command::new(program);
        lab.args(["lab", "x86-intel", "--quiet", "--no-install", "--output"])
            .arg(folder.path())
            .args(["--timeout", timeout, "--", "yes"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        lab.spawn().expect("cannot start the lab")
    };
    let begun = Instant::now();
    let mut paused = start("15s");
    assert_eq!(paused.wait().unwrap().code(), Some(124));
    let took = begun.elapsed();
    assert!(took < Duration::from_mins(1), "{took:?}");

    let mut gone = start("300s");
    let mut first = [0; 2];
    gone.stdout.take().unwrap().read_exact(&mut first).unwrap();
    assert_eq!(&first, b"y\n");
    let output = gone.wait_with_output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(141), "{stderr}");
    assert!(!stderr.contains("error: "), "{stderr}");
}

#[test]
#[ignore = "needs the lab x86-intel: boots it until it panics"]
fn a_guest_that_panics_is_reported_with_the_end_of_its_console() {
    let folder = tempfile::tempdir().unwrap();
    let options = ["--append", "rdinit=/none"];
    let output = lab("x86-intel", folder.path(), &options, &["true"]);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(125), "{stderr}");
    assert!(stderr.contains("Kernel panic"), "{stderr}");
}
