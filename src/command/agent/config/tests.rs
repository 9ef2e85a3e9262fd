use clap::Parser as _;

use super::*;
use crate::cli::{Cli, Command};

fn args(line: &[&str]) -> AgentArgs {
    let line = ["hwptop", "agent"].iter().chain(line);
    match Cli::try_parse_from(line).expect("it parses").command {
        Some(Command::Agent(args)) => args,
        other => panic!("{other:?}"),
    }
}

fn resolved(line: &[&str], file: &str) -> Settings {
    let file = ConfigFile::parse(file).expect("the file is right");
    Settings::resolve(args(line), file).expect("it is right")
}

#[test]
fn the_template_says_the_defaults() {
    let said = |file| {
        let mut settings = resolved(&[], file);
        let slow = settings.slow.options();
        settings.slow = SlowArgs::default();
        format!("{settings:?} {slow:?}")
    };
    assert_eq!(said(TEMPLATE), said(""));
}

#[test]
fn every_option_of_the_template_can_be_set_and_there_are_no_others() {
    let all: String = TEMPLATE
        .lines()
        .map(|line| match line.strip_prefix('#') {
            Some(option) if !option.starts_with(' ') => format!("{option}\n"),
            _ => format!("{line}\n"),
        })
        .collect();
    let file = ConfigFile::parse(&all).expect("every line is right");
    let text = format!("{file:?}");
    assert!(!text.contains("None") && !text.contains("[]"), "{text}");
}

#[test]
fn the_command_line_comes_before_the_file_and_the_file_before_the_defaults() {
    let file = "interval = \"5s\"\nlisten = \"none\"\nslow = \"2ms\"\ncapture = [\"a\"]\n";
    let settings = resolved(&["--interval", "10s", "--capture", "b"], file);
    assert_eq!(settings.interval, Duration::from_secs(10));
    let threshold = settings.slow.options().threshold;
    assert_eq!(threshold.fixed(), Some(Duration::from_millis(2)));
    assert_eq!(settings.listen, Listen::Nowhere);
    assert_eq!(settings.otlp, None);
    assert_eq!(settings.replay.capture, [PathBuf::from("b")]);
}

#[test]
fn a_push_is_every_10_seconds_or_every_interval_unless_told() {
    let file = "otlp = \"http://a:1\"\notlp-histograms = \"exponential\"\n";
    let pushed = |line: &[&str], file: &str| {
        let otlp = resolved(line, file).otlp.expect("it is pushed");
        (otlp.interval, otlp.histograms)
    };
    let exponential = OtlpHistograms::Exponential;
    assert_eq!(pushed(&[], file), (Duration::from_secs(10), exponential));
    let slower = pushed(&["--interval", "1m"], file);
    assert_eq!(slower, (Duration::from_mins(1), exponential));
    let file = format!("{file}otlp-interval = \"1s\"\n");
    let line = ["--interval", "1m", "--otlp-histograms", "explicit"];
    let told = pushed(&line, &file);
    assert_eq!(told, (Duration::from_secs(1), OtlpHistograms::Explicit));
    assert_eq!(resolved(&["--otlp", "none"], &file).otlp, None);
}

#[test]
fn what_is_wrong_in_a_file_is_told_with_its_line() {
    for (text, line, part) in [
        ("interval = \"1s\"\n\ncolour = \"red\"\n", 3, "colour"),
        ("interval = \"1d\"\n", 1, "is no time"),
        ("slow = \"p100\"\n", 1, "is no percentile"),
        ("slow-rate = 0\n", 1, "at least one"),
        ("slow = \"1ms\"\ninterval = \"1ms\"\n", 2, "out of range"),
        ("# \ntarget = \"venus\"\n", 2, "is no target"),
        ("listen = \"here\"\n", 1, "is no address"),
        ("\notlp = \"https://a\"\n", 2, "does not speak TLS"),
        ("otlp-interval = \"1ms\"\n", 1, "out of range"),
        ("otlp-histograms = \"round\"\n", 1, "expected `explicit` or"),
        ("policy = \"none\"\n", 1, "is no policy"),
        ("passes = 0\n", 1, "at least one"),
        ("speed = 4\n", 1, "expected a string"),
        ("slow = \"1ms\"\nslow = \"1ms\"\n", 2, "duplicate key"),
        ("\n\n[server\n", 3, ""),
        ("listen\n", 1, ""),
    ] {
        let (at, what) = ConfigFile::parse(text).expect_err(text);
        assert_eq!(at, line, "{text}: {what}");
        assert!(
            what.contains(part) && !what.contains('\n'),
            "{text}: {what}"
        );
    }
}
