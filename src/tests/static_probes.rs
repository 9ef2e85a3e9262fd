//! The static probes are what other tools expect.

use std::process::Command;

use hwptop_agent::{PROVIDER, StaticProbe};

use crate::run::{Background, HWPTOP};

const PROBES: [&str; 6] = [
    "guest_doorbell",
    "guest_fault",
    "invalidate_begin",
    "invalidate_end",
    "queue_complete",
    "queue_submit",
];

#[test]
fn every_probe_sits_once_on_a_nop_that_crosses_no_page() {
    let mut probes = StaticProbe::list(HWPTOP.as_ref(), PROVIDER).expect("the program is ELF");
    probes.sort_by(|a, b| a.name.cmp(&b.name));
    let names: Vec<&str> = probes.iter().map(|probe| probe.name.as_str()).collect();
    assert_eq!(names, PROBES);
    let program = std::fs::read(HWPTOP).expect("the program can be read");
    for probe in probes {
        let at = usize::try_from(probe.offset).expect("an offset in a file");
        #[cfg(target_arch = "x86_64")]
        {
            assert_eq!(
                program[at..at + 5],
                [0x0f, 0x1f, 0x44, 0x00, 0x00],
                "{}",
                probe.name
            );
            assert!(at % 4096 <= 4096 - 5, "{} crosses a page", probe.name);
            assert!(
                probe.arguments.starts_with("8@%rdi 4@%esi 4@%edx"),
                "{}",
                probe.arguments
            );
        }
        #[cfg(target_arch = "aarch64")]
        assert_eq!(
            program[at..at + 4],
            [0x1f, 0x20, 0x03, 0xd5],
            "{}",
            probe.name
        );
    }
}

#[test]
#[ignore = "needs root: runs bpftrace"]
fn bpftrace_lists_them_and_reads_their_arguments() {
    let list = Command::new("bpftrace")
        .args(["-l", &format!("usdt:{HWPTOP}:*")])
        .output()
        .expect("bpftrace is installed");
    let listed = String::from_utf8_lossy(&list.stdout).into_owned();
    for probe in PROBES {
        assert!(listed.contains(&format!(":{PROVIDER}:{probe}")), "{listed}");
    }

    let driver = Background::driver(1);
    let script = format!(
        "usdt:{HWPTOP}:hwptop:invalidate_end {{ printf(\"%llx %d %d\\n\", arg1, arg3, arg4); exit(); }}"
    );
    let traced = Command::new("timeout")
        .args([
            "20",
            "bpftrace",
            "-p",
            &driver.pid().to_string(),
            "-e",
            &script,
        ])
        .output()
        .expect("bpftrace is installed");
    let printed = String::from_utf8_lossy(&traced.stdout).into_owned();
    // Modelled VT-d instance 0, one entry handled, no error.
    assert!(
        printed.lines().any(|line| line == "80000000 1 0"),
        "{printed}"
    );
}
