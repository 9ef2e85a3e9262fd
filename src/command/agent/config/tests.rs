use clap::Parser as _;

use super::*;
use crate::{
    cli::{Cli, Command},
    toml_file::{Wrong, parse},
};

fn parsed(bytes: &[u8]) -> Result<ConfigFile, Wrong> {
    parse(bytes)
}

fn args(line: &[&str]) -> AgentArgs {
    let line = ["hwptop", "agent"].iter().chain(line);
    match Cli::try_parse_from(line).expect("it parses").command {
        Some(Command::Agent(args)) => args,
        other => panic!("{other:?}"),
    }
}

fn resolved(line: &[&str], file: &str) -> Settings {
    let file = parsed(file.as_bytes()).expect("the file is right");
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
    let file = parsed(all.as_bytes()).expect("every line is right");
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
fn what_is_wrong_in_a_file_is_told_with_its_line_and_column() {
    for (text, (line, column), part) in [
        ("interval = \"1s\"\n\ncolour = \"red\"\n", (3, 1), "colour"),
        ("interval = \"1d\"\n", (1, 12), "\"1d\" is no time"),
        ("slow = \"p100\"\n", (1, 8), "is no percentile"),
        ("slow-rate = 0\n", (1, 13), "0: at least one"),
        (
            "slow = \"1ms\"\ninterval = \"1ms\"\n",
            (2, 12),
            "out of range",
        ),
        (
            "# \ntarget = \"venus\"\n",
            (2, 10),
            "\"venus\" is no target",
        ),
        ("listen = \"here\"\n", (1, 10), "is no address"),
        ("\notlp = \"https://a\"\n", (2, 8), "does not speak TLS"),
        ("otlp-interval = \"1ms\"\n", (1, 17), "out of range"),
        (
            "otlp-histograms = \"round\"\n",
            (1, 19),
            "expected `explicit` or",
        ),
        ("perf = 1\n", (1, 8), "expected a boolean"),
        ("policy = \"none\"\n", (1, 10), "is no policy"),
        ("passes = 0\n", (1, 10), "0: at least one"),
        ("passes = \"1\"\n", (1, 10), "string \"1\", expected u64"),
        ("dumps = 1001\n", (1, 9), "1001: 1 to 1000"),
        ("speed = 4\n", (1, 9), "integer `4`, expected a string"),
        ("record = 5\n", (1, 10), "integer `5`, expected path string"),
        ("hindsight = \"1ms\"\n", (1, 13), "1s to 24h"),
        ("capture = \"a\"\n", (1, 11), "expected a sequence"),
        ("slow = \"1ms\"\nslow = \"1ms\"\n", (2, 1), "duplicate key"),
        ("\n\n[server\n", (3, 8), ""),
        ("listen\n", (1, 7), ""),
        ("# é\nlisten = é\n", (2, 10), ""),
    ] {
        let Wrong {
            line: at,
            column: across,
            what,
        } = parsed(text.as_bytes()).expect_err(text);
        assert_eq!((at, across), (line, column), "{text}: {what}");
        assert!(
            what.contains(part) && !what.contains('\n'),
            "{text}: {what}"
        );
    }
    let wrong = parsed(b"# \xc3\xa9\nslow = \"\xff\"").expect_err("not UTF-8");
    assert_eq!((wrong.line, wrong.column), (2, 9));
    assert!(wrong.what.contains("0xff"), "{wrong}");
}

#[test]
fn what_is_kept_needs_a_place_and_a_trigger_something_to_dump() {
    let refused = |line: &[&str], file: &str| {
        let file = parsed(file.as_bytes()).expect("the file is right");
        let settings = Settings::resolve(args(line), file).expect("it is right");
        settings.check_kept().map_err(|error| error.to_string())
    };
    let error = refused(&["--hindsight", "1m"], "").expect_err("no place");
    assert!(error.contains("needs --record"), "{error}");
    for option in [
        "dump-on-latency = \"1ms\"",
        "dump-on-errors = 1",
        "dumps = 1",
    ] {
        let error = refused(&["--record", "a.jsonl"], option).expect_err("nothing to dump");
        assert!(error.contains("needs --hindsight"), "{error}");
        // The one may be in the file, and the other on the command line.
        let line = ["--record", "a.jsonl", "--hindsight", "1m"];
        assert_eq!(refused(&line, option), Ok(()));
    }
}

#[test]
fn a_recording_is_played_as_it_was_made_and_not_recorded_again() {
    let refused = |line: &[&str], file: &str| {
        let file = parsed(file.as_bytes()).expect("the file is right");
        let settings = Settings::resolve(args(line), file).expect("it is right");
        settings
            .check_played(None)
            .map_err(|error| error.to_string())
    };
    for (line, file, part) in [
        (&["--record", "a.jsonl"] as &[&str], "", "--record"),
        (&[], "record = \"a.jsonl\"", "--record"),
        (&["--hindsight", "1m"], "", "--hindsight"),
        (&["--perf"], "", "--perf"),
        (&["--passes", "2"], "", "--passes"),
    ] {
        let error = refused(line, file).expect_err(part);
        assert!(error.contains(part), "{error}");
    }
    assert_eq!(refused(&["--speed", "2"], ""), Ok(()));
}
