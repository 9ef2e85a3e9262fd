//! The documentation: its command lines are run, and its tables are what the code has.

use std::{collections::BTreeSet, env, fs, os::unix::fs::symlink, path::Path, process::Command};

use crate::{
    documented,
    run::{Finished, HWPTOP},
};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// What becomes of a command line in the test.
enum How {
    /// It is run as it stands.
    Runs,
    /// It is run with these arguments as well, which make it short, or keep it to its folder.
    With(&'static str),
    /// It runs until it is told to end, after some seconds; with these arguments as well.
    Service(&'static str),
    /// It is only read, by the parser of arguments (`src/cli/tests.rs`), because.
    Read(&'static str),
}
use How::{Read, Runs, Service, With};

const ROOT_ONLY: How = Read("needs root and eBPF");
const KERNEL: How = Read("needs root and an IOMMU of the kernel");
const MOCK: How = Read("needs the kernel's selftest mock");
const DEVICE: How = Read("needs a device that vfio-pci has");
const PROCESS: How = Read("needs a process that embeds the driver, and root");
const LONG: How = Read("takes minutes");
const SHORT: How = With("--batch 1,64 --requests 200");

/// Every line of the documentation that begins with `hwptop`.
const LINES: &[(&str, How)] = &[
    ("hwptop --once --format json", Runs),
    ("hwptop --capture my.csv.gz --speed max", Runs),
    (
        "hwptop --capture vtd-first-stage-nvme-strict --passes 1 --once",
        With("--speed max"),
    ),
    ("hwptop --target model:smmuv3 --policy coalesce", Runs),
    ("hwptop top --target pid:4242", PROCESS),
    ("hwptop top --target kernel", KERNEL),
    ("hwptop top --target selftest:smmuv3", MOCK),
    ("hwptop top --target vfio:/dev/vfio/devices/vfio0", DEVICE),
    (
        "hwptop top --target kernel --slow p99.9 --slow-stacks",
        KERNEL,
    ),
    ("hwptop doctor", Runs),
    ("hwptop record -o run.jsonl -- CMD", Runs),
    ("hwptop replay run.jsonl", Runs),
    ("hwptop record --commands -o my.csv.gz -- CMD", ROOT_ONLY),
    ("hwptop agent --target kernel", KERNEL),
    ("hwptop bench batching -o run.json", SHORT),
    ("hwptop report run.json run.jsonl -o report/", Runs),
    ("hwptop report new.json --base base.json -o report/", Runs),
    ("hwptop baseline add run.json", Runs),
    ("hwptop report --history .hwptop/baselines -o report/", Runs),
    ("hwptop baseline changes", Runs),
    (
        "hwptop bench policies",
        With("--capture smmuv3-nvme-strict --time 10ms"),
    ),
    ("hwptop bench stages --target selftest", MOCK),
    (
        "hwptop bench scaling",
        With("--instances 1 --producers 1 --time 20ms"),
    ),
    (
        "hwptop bench replay --rate 80%",
        With("--capture smmuv3-nvme-strict --vcpus 1 --policy array --time 20ms"),
    ),
    ("hwptop bench front-end", With("--rounds 2")),
    ("hwptop bench probe-cost", ROOT_ONLY),
    ("hwptop bench batching --target selftest", MOCK),
    ("hwptop bench probe-cost --target selftest", MOCK),
    ("hwptop bench integrity", MOCK),
    ("hwptop bench agent-cost", ROOT_ONLY),
    ("hwptop bench attach-cost", ROOT_ONLY),
    (
        "hwptop bench dashboard",
        With("--rounds 0 --frames 1 --rows 1 --size 40x10 --instances 1"),
    ),
    (
        "hwptop gate batching --against ./hwptop-before",
        With("--budget 1s"),
    ),
    ("hwptop compare base.json new.json", Runs),
    ("hwptop bench power", With("--budget 1s")),
    (
        "hwptop bench power --effect 0 --gates 200 -o same.json",
        LONG,
    ),
    (
        "hwptop bench power --effect 3 --gates 59 -o slower.json",
        LONG,
    ),
    ("hwptop bench power -o smallest.json", With("--budget 1s")),
    ("hwptop bench batching --runs 10 -o model.json", SHORT),
    (
        "hwptop bench batching --target selftest -o selftest.json",
        MOCK,
    ),
    (
        "hwptop --count 9 --format svg --screen health",
        With("--interval 50ms"),
    ),
    ("hwptop man -o DIR", Runs),
    ("hwptop completions bash", Runs),
    (
        "hwptop agent",
        Service("--target model --listen 127.0.0.1:0 --socket agent.sock"),
    ),
    (
        "hwptop top --target agent:/run/hwptop/agent.sock",
        Read("needs the running service"),
    ),
    (
        "hwptop agent --otlp http://127.0.0.1:4318",
        Service("--target model --listen 127.0.0.1:0 --socket none"),
    ),
    (
        "hwptop agent --target file:run.jsonl --speed 10",
        Service("--listen 127.0.0.1:0 --socket none"),
    ),
    (
        "hwptop record --target agent:/run/hwptop/agent.sock",
        Read("needs the running service"),
    ),
    (
        "hwptop agent --record /var/lib/hwptop/agent.jsonl --hindsight 5m --dump-on-latency 10ms",
        Read("writes below /var/lib, where the service's user may"),
    ),
    ("hwptop agent --print-config", Runs),
    ("hwptop agent --print-unit", Runs),
    ("hwptop bench batching --runs 20 -o base.json", SHORT),
    ("hwptop gate batching --base base.json", With("--budget 1s")),
    (
        "hwptop gate batching --base .hwptop/baselines",
        Read("needs a store of many runs; src/tests/gate/bases.rs makes one"),
    ),
    (
        "hwptop bench batching --runs 20 --against ./hwptop-before -o both.json",
        With("--batch 64 --time 10ms"),
    ),
    ("hwptop compare both.json", Runs),
    ("hwptop doctor --require-kernel", Runs),
    ("hwptop top --target kernel --once --format csv", KERNEL),
    (
        "hwptop record --target kernel --time 10m -o host.jsonl",
        KERNEL,
    ),
    ("hwptop replay host.jsonl", Runs),
    ("hwptop replay docs/kernel.jsonl --format text", Runs),
    (
        "hwptop record --commands --time 10s -o vm.csv.gz",
        ROOT_ONLY,
    ),
    (
        "hwptop --capture vm.csv.gz --policy single --passes 1 --once",
        With("--speed max"),
    ),
    (
        "hwptop --capture vm.csv.gz --policy coalesce --passes 1 --once",
        With("--speed max"),
    ),
    (
        "hwptop bench policies --capture vm.csv.gz",
        With("--time 10ms"),
    ),
    ("hwptop bench batching --target selftest -o run.json", MOCK),
    (
        "hwptop bench batching --target vfio:/dev/vfio/devices/vfio0 -o vfio.json",
        DEVICE,
    ),
    ("hwptop bench batching -o model.json", SHORT),
    ("hwptop report model.json -o report/", Runs),
    (
        "hwptop gate batching --against ./hwptop-main --budget 2m --junit gate.xml",
        LONG,
    ),
    (
        "hwptop gate batching --against ./hwptop-before --budget 2m --junit gate.xml",
        LONG,
    ),
    (
        "hwptop bench batching --target selftest --runs 20 -o base.json",
        MOCK,
    ),
    (
        "hwptop gate batching --base base.json --force --budget 2m --junit gate.xml",
        LONG,
    ),
    ("hwptop gate --print-rules > rules.toml", Runs),
    ("hwptop baseline add base.json", Runs),
    ("hwptop agent --print-unit > hwptop-agent.service", Runs),
    ("hwptop agent --print-config > agent.toml", Runs),
    (
        "hwptop agent --config agent.toml --listen 0.0.0.0:9469",
        Read("listens on every address of the machine"),
    ),
    (
        "hwptop agent --otlp http://127.0.0.1:4318 --listen none",
        Service("--target model --socket agent.sock"),
    ),
];

/// Those that begin with `cargo`, and what else runs them; xtask's are read by its own test (`xtask/src/main.rs`).
const CARGO: &[(&str, &str)] = &[
    (
        "cargo run --release",
        "builds all of it anew; every other test runs what it builds",
    ),
    (
        "cargo install --path .",
        "builds all of it anew; `cargo xtask package --check` installs what it installs",
    ),
    (
        "cargo run -p hwptop-driver --example vmm",
        "run by driver/tests/embedding.rs",
    ),
    (
        "cargo doc -p hwptop-driver --no-deps --open",
        "run, but for the browser, by driver/tests/embedding.rs",
    ),
];

/// What is given in the documentation's folder: recordings, captures, run files, an older binary.
fn furnish(folder: &Path) {
    for (from, to) in [
        ("docs/kernel.jsonl", "host.jsonl"),
        ("docs/kernel.hlog", "host.hlog"),
        (
            "driver/captures/vtd-first-stage-nvme-strict.csv.gz",
            "my.csv.gz",
        ),
        (
            "driver/captures/vtd-first-stage-nvme-strict.csv.gz",
            "vm.csv.gz",
        ),
        ("bench/baselines/batching.json", "base.json"),
        ("bench/baselines/batching.json", "new.json"),
    ] {
        fs::copy(Path::new(ROOT).join(from), folder.join(to)).expect("it is there");
    }
    symlink(Path::new(ROOT).join("docs"), folder.join("docs")).expect("a link");
    symlink(HWPTOP, folder.join("hwptop-before")).expect("a link");
}

/// Runs a line as a shell does, without any right: nothing here may depend on who runs the tests.
fn run(line: &str, folder: &Path) -> Finished {
    let programs = Path::new(HWPTOP).parent().expect("it is in a folder");
    let others = env::var("PATH").unwrap_or_default();
    let status = fs::read_to_string("/proc/self/status").expect("a process has a status");
    let drop = [
        "setpriv",
        "--inh-caps=-all",
        "--bounding-set=-all",
        "--no-new-privs",
        "--",
    ];
    let drop = if status.contains("CapEff:\t0000000000000000") {
        &["env"][..]
    } else {
        &drop
    };
    let mut command = Command::new(drop[0]);
    command
        .args(&drop[1..])
        .args(["sh", "-c", line])
        .env("PATH", format!("{}:{others}", programs.display()))
        .env("HOME", folder)
        .env("XDG_RUNTIME_DIR", folder)
        .current_dir(folder);
    Finished::of_command(&mut command)
}

#[test]
fn every_command_line_of_the_documentation_runs() {
    let folder = tempfile::tempdir().expect("a folder");
    furnish(folder.path());
    for (line, how) in LINES {
        // What the documentation lets the reader fill in.
        let filled = line.replace("CMD", "sleep 0.2");
        let whole = match how {
            Runs => filled,
            With(more) => format!("{filled} {more}"),
            // In the foreground it tells the service once: twice would end it at once.
            Service(more) => format!("timeout --foreground --preserve-status 3 {filled} {more}"),
            Read(why) => {
                assert!(!why.is_empty());
                continue;
            }
        };
        let told = run(&whole, folder.path());
        let allowed: &[i32] = match *line {
            // A machine that is busy with other tests has a verdict of its own.
            _ if line.starts_with("hwptop gate batching") => &[0, 1],
            "hwptop doctor --require-kernel" => &[0, 3],
            _ => &[0],
        };
        let code = told.code.expect("no signal ends it");
        assert!(
            allowed.contains(&code),
            "{whole}: {code}\n{}\n{}",
            told.stderr,
            told.stdout
        );
    }
}

#[test]
fn every_command_line_of_the_documentation_is_in_the_tables_and_the_other_way_round() {
    let hwptop = documented::lines("hwptop");
    let cargo = documented::lines("cargo")
        .into_iter()
        .filter(|line| !line.starts_with("cargo xtask"));
    let found: BTreeSet<String> = hwptop.into_iter().chain(cargo).collect();
    let known = LINES
        .iter()
        .map(|(line, _)| *line)
        .chain(CARGO.iter().map(|(line, _)| *line));
    let known: BTreeSet<String> = known.map(str::to_owned).collect();
    let new: Vec<_> = found.difference(&known).collect();
    assert!(new.is_empty(), "say how the test runs: {new:#?}");
    let old: Vec<_> = known.difference(&found).collect();
    assert!(old.is_empty(), "no longer in the documentation: {old:#?}");
    assert!(CARGO.iter().all(|(_, why)| !why.is_empty()));
}
