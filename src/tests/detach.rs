//! Nothing stays behind, however the observer ends.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    os::unix::fs::FileExt as _,
    process::Command,
};

use aya::{programs::loaded_programs, util::KernelVersion};
use hwptop_agent::{PROVIDER, StaticProbe};

use crate::{
    run::{Background, HWPTOP, hwptop},
    tmux::eventually,
};

/// The instruction at every probe of a running process.
fn sites(pid: u32) -> Vec<[u8; 4]> {
    let maps = fs::read_to_string(format!("/proc/{pid}/maps")).expect("its maps can be read");
    let base = maps.lines().next().and_then(|line| line.split('-').next());
    let base = u64::from_str_radix(base.expect("a first mapping"), 16).expect("an address");
    let memory = File::open(format!("/proc/{pid}/mem")).expect("its memory can be read");
    let mut probes = StaticProbe::list(HWPTOP.as_ref(), PROVIDER).expect("the program is ELF");
    probes.sort_by(|a, b| a.name.cmp(&b.name));
    probes
        .iter()
        .map(|probe| {
            let mut bytes = [0; 4];
            let address = base + address_of(&maps, probe.offset, base);
            memory
                .read_exact_at(&mut bytes, address)
                .expect("the site is mapped");
            bytes
        })
        .collect()
}

/// How far from the first mapping the file's `offset` is mapped.
fn address_of(maps: &str, offset: u64, base: u64) -> u64 {
    for line in maps.lines().filter(|line| line.ends_with(HWPTOP)) {
        let mut fields = line.split_whitespace();
        let range = fields
            .next()
            .and_then(|range| range.split_once('-'))
            .expect("a range");
        let (start, end) = (hex(range.0), hex(range.1));
        let begin = hex(fields.nth(1).expect("an offset"));
        if (begin..begin + (end - start)).contains(&offset) {
            return start + (offset - begin) - base;
        }
    }
    panic!("offset {offset:#x} is not mapped");
}

fn hex(text: &str) -> u64 {
    u64::from_str_radix(text, 16).expect("a hexadecimal number")
}

/// The names of the programs, as long as the kernel keeps them (15 bytes).
const PROBES: [&str; 6] = [
    "invalidate_begi",
    "invalidate_end",
    "queue_submit",
    "queue_complete",
    "guest_doorbell",
    "guest_fault",
];

/// What the kernel tells of a process' file descriptors.
fn descriptors(pid: u32) -> Vec<String> {
    let held = fs::read_dir(format!("/proc/{pid}/fdinfo")).expect("its descriptors are listed");
    let told = held.filter_map(|entry| fs::read_to_string(entry.ok()?.path()).ok());
    told.collect()
}

/// The program that a descriptor is of, or the link of which.
fn program(told: &str) -> Option<u32> {
    let id = told.lines().find_map(|line| line.strip_prefix("prog_id:"));
    id?.trim().parse().ok()
}

/// Those of hwptop's programs that a process holds, itself or by their links.
fn programs(pid: u32) -> BTreeSet<u32> {
    let told = descriptors(pid);
    let held: BTreeSet<u32> = told.iter().filter_map(|told| program(told)).collect();
    let ours = loaded_programs().filter_map(Result::ok).filter(|program| {
        let name = program.name_as_str();
        name.is_some_and(|name| PROBES.contains(&name))
    });
    ours.map(|program| program.id())
        .filter(|id| held.contains(id))
        .collect()
}

/// Whether the kernel has forgotten these programs.
fn are_gone(programs: &BTreeSet<u32>) -> bool {
    !loaded_programs()
        .filter_map(Result::ok)
        .any(|program| programs.contains(&program.id()))
}

/// The kernel's list of the uprobes that were made through tracefs, mounted for the
/// test where it is not. Uprobes that belong to a file descriptor, as hwptop's do, are
/// never in it: it shows that nothing was registered that could outlive its owner.
fn uprobe_profile() -> String {
    const PROFILE: &str = "/sys/kernel/tracing/uprobe_profile";
    if fs::metadata(PROFILE).is_err() {
        let mounted = Command::new("mount")
            .args(["-t", "tracefs", "tracefs", "/sys/kernel/tracing"])
            .status()
            .expect("mount can be started");
        assert!(mounted.success(), "tracefs cannot be mounted");
    }
    fs::read_to_string(PROFILE).expect("the kernel lists its uprobes")
}

#[test]
#[ignore = "needs root: loads eBPF"]
fn each_program_has_one_link_where_the_kernel_has_such_links() {
    let driver = Background::driver(1);
    let mut command = Command::new(HWPTOP);
    command
        .args(["top", "--target", &format!("pid:{}", driver.pid())])
        .args(["--count", "100000", "--format", "csv"])
        .stdin(std::process::Stdio::null());
    let observer = Background::start(command);
    let programs = programs(observer.pid());
    let told = descriptors(observer.pid());
    let links = told.iter().filter(|told| {
        told.contains("link_type:\tuprobe_multi\n")
            && program(told).is_some_and(|id| programs.contains(&id))
    });
    let version = KernelVersion::current().expect("the kernel has a version");
    let has_such_links = version >= KernelVersion::new(6, 10, 0);
    assert_eq!(links.count(), if has_such_links { PROBES.len() } else { 0 });
}

#[test]
#[ignore = "needs root: loads eBPF"]
fn a_killed_observer_leaves_no_probe_behind() {
    let driver = Background::driver(1);
    let untouched = sites(driver.pid());
    let target = format!("pid:{}", driver.pid());
    let observe = || {
        let mut command = Command::new(HWPTOP);
        command.args([
            "top", "--target", &target, "--count", "100000", "--format", "csv",
        ]);
        command
            .args(["--interval", "100ms"])
            .stdin(std::process::Stdio::null());
        Background::start(command)
    };

    let mut observer = observe();
    let programs = programs(observer.pid());
    assert_eq!(programs.len(), PROBES.len());
    assert!(!uprobe_profile().contains(HWPTOP), "{}", uprobe_profile());
    // The probes are hit by a working driver: the kernel has changed their sites.
    assert_ne!(sites(driver.pid()), untouched, "no probe is attached");
    observer.kill();
    eventually("the programs are gone", || are_gone(&programs));
    eventually("the sites are nops again", || {
        sites(driver.pid()) == untouched
    });
    assert!(!uprobe_profile().contains(HWPTOP), "{}", uprobe_profile());

    // A second run finds everything as the first one did.
    let second = hwptop(&["top", "--target", &target, "--once", "--format", "json"]).json();
    assert_eq!(second["probes"].as_array().map(Vec::len), Some(6));
    let count = |name: &str| second["events"][name].as_u64().expect("a count");
    assert!(count("seen") > 10);
    assert_eq!(count("seen"), count("recorded") + count("lost"));
    eventually("the sites are nops again", || {
        sites(driver.pid()) == untouched
    });
}

#[test]
#[ignore = "needs root: loads eBPF"]
fn a_process_killed_while_it_measures_itself_leaves_no_probe_behind() {
    let mut command = Command::new(HWPTOP);
    command.args([
        "top",
        "--count",
        "100000",
        "--interval",
        "100ms",
        "--format",
        "csv",
    ]);
    command.stdin(std::process::Stdio::null());
    let mut own = Background::start(command);
    let programs = programs(own.pid());
    assert_eq!(programs.len(), PROBES.len());
    own.kill();
    eventually("the programs are gone", || are_gone(&programs));
    assert!(!uprobe_profile().contains(HWPTOP), "{}", uprobe_profile());
    let again = hwptop(&[
        "top", "--once", "--passes", "1", "--speed", "max", "--format", "json",
    ])
    .json();
    assert_eq!(again["measured_by"], "ebpf");
    assert_eq!(again["events"]["lost"], 0);
}
