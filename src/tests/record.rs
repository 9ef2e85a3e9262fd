//! `hwptop record --commands` where nothing can be recorded, and what it says of itself. What
//! it records is tested where there is an IOMMU: in the lab.

use std::fs;

use crate::run::{hwptop, unprivileged};

#[test]
fn the_help_says_what_is_recorded_and_how_it_is_replayed() {
    let help = hwptop(&["record", "--help"]);
    assert_eq!(help.code, Some(0), "{}", help.stderr);
    for part in [
        "qi_submit_sync",
        "__arm_smmu_cmdq_issue_cmdlist",
        "__iommu_queue_command_sync",
        "--target model --capture FILE",
        "hwptop-commands.csv.gz",
        "hwptop replay NAME.jsonl",
    ] {
        assert!(help.stdout.contains(part), "{part}: {}", help.stdout);
    }
}

#[test]
fn where_commands_cannot_be_recorded_the_reason_is_named_and_nothing_is_touched() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let file = folder.path().join("c.csv.gz");
    let marker = folder.path().join("marker");
    fs::write(&file, "an older recording").expect("a file can be written");
    let paths = [&file, &marker].map(|path| path.to_str().expect("a plain name"));
    let refused = unprivileged(&[
        "record",
        "--commands",
        "-o",
        paths[0],
        "--",
        "touch",
        paths[1],
    ]);
    assert_eq!(refused.code, Some(3), "{}", refused.stderr);
    let has_iommu = fs::read_dir("/sys/class/iommu").is_ok_and(|folder| {
        let names = folder.flatten().map(|entry| entry.file_name());
        let mut names = names.map(|name| name.to_string_lossy().into_owned());
        names.any(|name| {
            ["dmar", "ivhd", "smmu3."]
                .iter()
                .any(|kind| name.starts_with(kind))
        })
    });
    let reason = if has_iommu {
        "no right to load eBPF"
    } else {
        "no IOMMU here whose commands can be recorded: /sys/class/iommu "
    };
    assert!(refused.stderr.contains(reason), "{}", refused.stderr);
    assert!(!marker.exists(), "the command was run for nothing");
    let kept = fs::read_to_string(&file).expect("the older recording is there");
    assert_eq!(kept, "an older recording");
}

#[test]
fn wrong_sizes_and_times_are_refused_with_what_they_may_be() {
    for (arguments, part) in [
        (["--ring", "3K"].as_slice(), "4K to 1G"),
        (&["--ring", "2G"], "4K to 1G"),
        (&["--ring", "16 MiB"], "4K to 1G"),
        (&["--time", "0s"], "no time to record in"),
        (&["--time", "5"], "a number and ns, us, ms, s, m or h"),
        (&["--time", "5s", "--", "true"], "cannot be used with"),
    ] {
        let refused = hwptop(&[["record", "--commands"].as_slice(), arguments].concat());
        assert_eq!(refused.code, Some(2), "{}", refused.stderr);
        assert!(refused.stderr.contains(part), "{}", refused.stderr);
    }
}
