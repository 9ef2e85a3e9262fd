use clap::CommandFactory as _;

use super::*;

#[path = "../tests/documented.rs"]
mod documented;
#[path = "../tests/documented/words.rs"]
mod split;

#[test]
fn every_command_line_of_the_documentation_and_of_the_helps_is_accepted() {
    fn examples(command: &clap::Command, lines: &mut Vec<String>) {
        let help = command
            .get_after_help()
            .map(ToString::to_string)
            .unwrap_or_default();
        let example = |line: &str| {
            let line = line.strip_prefix("  ")?.split("  ").next()?;
            line.starts_with("hwptop").then(|| line.to_owned())
        };
        let blocks = help.split("\n\n");
        let blocks = blocks.filter(|block| block.starts_with("Example"));
        lines.extend(blocks.flat_map(str::lines).filter_map(example));
        for below in command.get_subcommands() {
            examples(below, lines);
        }
    }
    let mut lines = documented::lines("hwptop");
    assert!(lines.len() > 50, "{lines:#?}");
    examples(&Cli::command(), &mut lines);
    for line in lines {
        let words = split::words(&line);
        if let Err(error) = Cli::try_parse_from(&words) {
            panic!("{line}\n{words:?}\n{error}");
        }
    }
}

#[test]
fn a_command_line_is_split_as_a_shell_does() {
    let words = split::words("hwptop a 'b c' \"d\"e > f; g");
    assert_eq!(words, ["hwptop", "a", "b c", "de"]);
}

#[test]
fn the_definition_of_the_command_line_is_sound() {
    Cli::command().debug_assert();
}

#[test]
fn every_help_and_the_readme_tell_the_exit_codes_alike() {
    fn check(mut command: clap::Command, path: &str) {
        let help = command.render_long_help().to_string();
        let path = format!("{path} {}", command.get_name());
        assert!(help.contains(EXIT_CODES), "{path}: {help}");
        let own = |one: &&clap::Command| one.get_name() != "help";
        for command in command.get_subcommands().filter(own) {
            check(command.clone(), &path);
        }
    }
    check(Cli::command(), "");
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let readme = words(include_str!("../../README.md"));
    assert!(readme.contains(&words(EXIT_CODES)));
}

#[test]
fn the_help_names_every_built_in_capture() {
    let help = Cli::command().render_long_help().to_string();
    for name in hwptop_driver::Capture::builtin_names() {
        assert!(help.contains(name), "{name} is not in: {help}");
    }
}

#[test]
fn top_is_the_default_and_takes_its_options_either_way() {
    let bare = Cli::try_parse_from(["hwptop", "--once"]).unwrap();
    assert!(bare.command.is_none() && bare.top.show.once);
    let named = Cli::try_parse_from(["hwptop", "top", "--once"]).unwrap();
    assert!(matches!(named.command, Some(Command::Top(top)) if top.show.once));
}

#[test]
fn times_are_read_with_their_unit() {
    assert_eq!(duration("500ms"), Ok(Duration::from_millis(500)));
    assert_eq!(duration("1.5s"), Ok(Duration::from_millis(1500)));
    assert_eq!(duration("20us"), Ok(Duration::from_micros(20)));
    for wrong in ["", "5", "s", "1d", "-1s", "1e400s", "..s"] {
        assert!(duration(wrong).is_err(), "{wrong}");
    }
    assert!(interval("0s").is_err() && interval("2000m").is_err());
}

#[test]
fn a_pace_is_a_factor_or_max() {
    assert_eq!(speed("max"), Ok(Pace::Max));
    assert_eq!(speed("10"), Ok(Pace::Captured(10.0)));
    for wrong in ["0", "-1", "nan", "inf", "fast"] {
        assert!(speed(wrong).is_err(), "{wrong}");
    }
}
