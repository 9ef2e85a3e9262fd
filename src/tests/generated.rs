//! `hwptop man` and `hwptop completions`.

use std::{fs, process::Command};

use crate::run::{Finished, HWPTOP, hwptop};

/// What bash proposes for the last of `words`, with the script that hwptop prints.
fn proposed(words: &str) -> String {
    let script = "eval \"$($1 completions bash)\"
        COMP_WORDS=($2); COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
        set +e; _hwptop hwptop \"${COMP_WORDS[COMP_CWORD]}\" \"${COMP_WORDS[COMP_CWORD - 1]}\"
        printf '%s\\n' \"${COMPREPLY[@]}\"";
    let mut bash = Command::new("bash");
    bash.args(["--norc", "-euc", script, "bash", HWPTOP, words]);
    let told = Finished::of_command(&mut bash);
    assert_eq!((told.code, told.stderr.as_str()), (Some(0), ""));
    told.stdout
}

#[test]
fn bash_completes_commands_options_and_values() {
    assert_eq!(proposed("hwptop ga"), "gate\n");
    assert_eq!(proposed("hwptop bench ba"), "batching\n");
    assert_eq!(proposed("hwptop top --inter"), "--interval\n");
    assert_eq!(proposed("hwptop doctor --format j"), "json\n");
    assert_eq!(proposed("hwptop nonsense"), "\n");
}

#[test]
fn every_shell_has_a_script_that_names_the_commands() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let told = hwptop(&["completions", shell]);
        assert_eq!(told.code, Some(0), "{shell}: {}", told.stderr);
        for name in ["hwptop", "completions", "hindsight", "integrity"] {
            assert!(told.stdout.contains(name), "{shell}: no {name}");
        }
    }
    let unknown = hwptop(&["completions", "tcsh"]);
    assert_eq!(unknown.code, Some(2));
    assert!(unknown.stderr.contains("zsh"), "{}", unknown.stderr);
}

#[test]
fn there_is_a_page_of_each_command_and_it_has_the_options_tables_and_exit_codes() {
    let folder = tempfile::tempdir().expect("a folder");
    let pages = folder.path().join("man1");
    let told = hwptop(&["man", "-o", pages.to_str().expect("a name")]);
    assert_eq!(told.code, Some(0), "{}", told.stderr);
    let mut names: Vec<String> = fs::read_dir(&pages)
        .expect("it is there")
        .map(|entry| {
            entry
                .expect("a file")
                .file_name()
                .into_string()
                .expect("a name")
        })
        .collect();
    names.sort();
    let mut printed: Vec<&str> = told
        .stdout
        .lines()
        .map(|line| line.rsplit_once('/').expect("a path").1)
        .collect();
    printed.sort_unstable();
    assert_eq!(printed, names);
    for name in [
        "hwptop.1",
        "hwptop-top.1",
        "hwptop-bench-batching.1",
        "hwptop-man.1",
    ] {
        assert!(names.iter().any(|one| one == name), "{name}: {names:?}");
    }
    assert!(!names.iter().any(|name| name.contains("help")), "{names:?}");

    let main = fs::read_to_string(pages.join("hwptop.1")).expect("a page");
    assert_eq!(main, hwptop(&["man"]).stdout);
    for part in [
        ".TH HWPTOP 1",
        ".SH TARGETS\n.nf\n",
        ".SH \"EXIT STATUS\"\n0 done",
        "hwptop\\-bench(1)",
    ] {
        assert!(main.contains(part), "{part}: {main}");
    }
    let bench = fs::read_to_string(pages.join("hwptop-bench-batching.1")).expect("a page");
    for part in ["\\-\\-runs", ".SH \"SEE ALSO\"\nhwptop\\-bench(1)"] {
        assert!(bench.contains(part), "{part}: {bench}");
    }
}

#[test]
fn pages_that_cannot_be_written_are_named_with_exit_code_2() {
    let told = hwptop(&["man", "-o", "/dev/null/man1"]);
    assert_eq!(told.code, Some(2));
    assert!(told.stderr.contains("/dev/null/man1"), "{}", told.stderr);
}

#[test]
#[ignore = "needs man: formats the pages"]
fn man_formats_every_page_without_a_warning() {
    let folder = tempfile::tempdir().expect("a folder");
    let told = hwptop(&["man", "-o", folder.path().to_str().expect("a name")]);
    for page in told.stdout.lines() {
        let mut man = Command::new("man");
        man.args(["--warnings", "--local-file", "-E", "UTF-8", "-Tutf8", page])
            .env("LC_ALL", "C.UTF-8")
            .env("MANWIDTH", "80")
            // No bold or underlined letters, which are several.
            .env("MANROFFOPT", "-P-cbu");
        let formatted = Finished::of_command(&mut man);
        assert_eq!(
            (formatted.code, formatted.stderr.as_str()),
            (Some(0), ""),
            "{page}"
        );
        assert!(
            formatted.stdout.contains("EXIT STATUS"),
            "{page}: {}",
            formatted.stdout
        );
    }
}
