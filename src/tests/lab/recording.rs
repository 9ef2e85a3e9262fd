//! Recordings of what x86 drivers give to their hardware queues. Those of an SMMUv3 are held
//! against what its guest wrote: see `arm64`.

use serde_json::Value;

use super::guest::{Left, commands, run_with, total};

/// `drive` with a load of its own, recorded: `recorded FILE OPTIONS…` leaves the recording
/// in FILE and what was said of it in FILE.said, and prints under FILE how often the kernel
/// itself counted FUNCTION meanwhile.
const FUNCTIONS: &str = r#"
recorded() {
    file=$1
    shift
    before=$(hits $function)
    hwptop record --commands -o $file.csv.gz "$@" -- hwptop top --target vfio:$HWPTOP_LAB_VFIO_CDEV --once --passes 20 \
        >driven 2>$file.said
    echo $file $(($(hits $function) - before))
}
"#;

/// What the summary of a recording says, by the kernel's name of the instance.
#[derive(Debug)]
struct Said {
    commands: u64,
    submissions: u64,
    lost_commands: u64,
    lost_submissions: u64,
}

impl Said {
    /// Of `NAME: N commands and N appended syncs in N submissions, N commands in N submissions
    /// lost, in FILE`; no syncs are told where there are none.
    fn of(left: &Left, file: &str, instance: &str) -> Self {
        let said = left.file(&format!("{file}.said"));
        let prefix = format!("hwptop: {instance}: ");
        let line = said.lines().find_map(|line| line.strip_prefix(&prefix));
        let line = line.unwrap_or_else(|| panic!("no {instance} in {said}"));
        let (told, _) = line.split_once(" lost").expect("what was lost");
        let before = |word: &str, at: usize| {
            let words: Vec<&str> = told.split([' ', ',']).collect();
            let mut found = words.windows(2).filter(|pair| pair[1].starts_with(word));
            let number = found.nth(at).and_then(|pair| pair[0].parse().ok());
            number.unwrap_or_else(|| panic!("no {word} in {line}"))
        };
        Self {
            commands: before("commands", 0),
            submissions: before("submissions", 0),
            lost_commands: before("commands", 1),
            lost_submissions: before("submissions", 1),
        }
    }
}

/// Boots a profile and records `function` with a ring that holds everything, and with one
/// that does not; then replays the first on the model.
fn recordings(profile: &str, function: &str) -> Left {
    let script = format!(
        r"{FUNCTIONS}
        function={function}
        count $function
        recorded whole
        recorded small --ring 4K
        hwptop top --target model --capture whole.csv.gz --passes 1 --speed max --once --format json >replayed"
    );
    run_with(profile, &["--one-thread"], &[], &script)
}

/// Whether both recordings add up: what is recorded and what was lost is what was seen.
fn add_up(left: &Left, instance: &str) {
    let [whole, small] = ["whole", "small"].map(|file| {
        let said = Said::of(left, file, instance);
        println!("{file}: {said:?}");
        let seen = said.submissions + said.lost_submissions;
        assert_eq!(seen, left.printed(file), "{file}: {said:?}");
        said
    });
    assert_eq!((whole.lost_commands, whole.lost_submissions), (0, 0));
    assert!(whole.submissions > 300, "{whole:?}");
    assert!(small.lost_submissions > 0, "{small:?}");
    assert!(small.submissions > 0, "{small:?}");
    assert!(
        left.file("small.said").contains("a larger --ring"),
        "{small:?}"
    );
    for (file, said) in [("whole", &whole), ("small", &small)] {
        let written = commands(&left.path(&format!("{file}.csv.gz"))).len() as u64;
        // The syncs are in it, too.
        assert!(written >= said.commands, "{file}: {written}, {said:?}");
        assert!(
            written <= said.commands + said.submissions,
            "{file}: {written}, {said:?}"
        );
    }
}

#[test]
#[ignore = "needs the lab x86-intel: records its VT-d unit"]
fn what_a_vtd_unit_is_given_is_recorded_or_lost_and_can_be_replayed() {
    let left = recordings("x86-intel", "qi_submit_sync");
    add_up(&left, "dmar0");
    let replayed = left.snapshot("replayed").0;
    let faults = replayed["instances"].as_array().expect("instances");
    assert!(
        faults
            .iter()
            .all(|instance| instance["fault"] == Value::Null),
        "{replayed}"
    );
    let first = &faults[0];
    let [errors, seen] = ["errors", "seen"].map(|figure| total(first, "request", figure));
    assert_eq!(errors, 0, "{first}");
    assert!(seen > 0, "{first}");
}

#[test]
#[ignore = "needs the lab x86-amd: records its AMD IOMMU"]
fn what_an_amd_iommu_is_given_is_recorded_or_lost() {
    let left = recordings("x86-amd", "__iommu_queue_command_sync");
    add_up(&left, "ivhd0");
}
