//! The workflow for GitHub Actions in docs/: no YAML parser is among the dependencies, so it is held to what can be seen.

use std::process::Command;

use crate::run::{Finished, HWPTOP};

const WORKFLOW: &str = include_str!("../../docs/gate.yml");

/// How far a line is indented, and what stands there; without comments and empty lines.
fn lines() -> impl Iterator<Item = (usize, &'static str)> {
    WORKFLOW.lines().filter_map(|line| {
        let text = line.trim_start_matches(' ');
        (!text.is_empty() && !text.starts_with('#')).then(|| (line.len() - text.len(), text))
    })
}

#[test]
fn the_workflow_has_the_shape_of_one() {
    let mut before = 0;
    for (indent, text) in lines() {
        assert!(!text.contains('\t') && text.trim_end() == text, "{text:?}");
        // Each level is two spaces; a list's item may open two of them at once.
        assert!(
            indent % 2 == 0 && indent <= before + 4,
            "{text:?} after {before} spaces"
        );
        before = indent;
    }
    let top: Vec<&str> = lines()
        .filter(|(indent, _)| *indent == 0)
        .map(|(_, text)| text)
        .collect();
    assert_eq!(top, ["name: hwptop gate", "on:", "permissions:", "jobs:"]);
}

#[test]
fn the_gate_of_the_workflow_is_one_that_hwptop_takes() {
    let command: Vec<&str> = lines()
        .map(|(_, text)| text)
        .skip_while(|text| !text.ends_with("hwptop gate batching"))
        .skip(1)
        .take_while(|text| text.starts_with("--"))
        .flat_map(str::split_whitespace)
        .collect();
    assert!(command.contains(&"--against"), "{command:?}");
    // Options are read before the base is looked for, and that is not here.
    let line = [&["gate", "batching"], &command[..]].concat();
    let directory = tempfile::tempdir().expect("a temporary directory");
    let run = Finished::of_command(
        Command::new(HWPTOP)
            .args(line)
            .current_dir(directory.path()),
    );
    let said = &run.stderr;
    assert!(said.contains("../base-target/release/hwptop"), "{said}");
    assert!(!said.contains("Usage"), "{said}");
}
