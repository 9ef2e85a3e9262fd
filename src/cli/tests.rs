use clap::CommandFactory as _;

use super::*;

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
