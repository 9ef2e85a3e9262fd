//! The command line of `cargo xtask lab`.

use clap::Args;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::qemu::Threads;

/// What a user says about one run.
#[derive(Args)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a switch of the command line, and any may be with any other"
)]
pub(crate) struct Options {
    /// The machine: x86-intel, x86-amd, arm64-smmuv3, or another file in xtask/lab
    #[arg(required_unless_present = "list")]
    pub(super) profile: Option<String>,
    /// List the profiles, with what can be seen in each
    #[arg(long, exclusive = true)]
    pub(super) list: bool,
    /// A kernel image of your own in place of the lab's: a bzImage, or arm64's Image
    #[arg(long, value_name = "IMAGE")]
    pub(super) kernel: Option<PathBuf>,
    /// Add TEXT to the kernel command line
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    append: Vec<String>,
    /// Run the guest's processors in turns on one thread of this machine: slower, and safe from QEMU's stale
    /// translations where programs are attached to functions while others call them (x86: `Oops: int3`)
    #[arg(long)]
    one_thread: bool,
    /// Copy a file into CMD's working directory first; may be given more than once
    #[arg(long = "file", value_name = "PATH")]
    pub(super) files: Vec<PathBuf>,
    /// Give the guest a program of this machine, with its shared libraries; may be given more than once
    #[arg(long = "program", value_name = "NAME")]
    pub(super) programs: Vec<String>,
    /// CMD's working directory; what CMD leaves there stays, with `dmesg` and `console` [default: a new folder in
    /// target/xtask/lab/output]
    #[arg(long, value_name = "DIR")]
    pub(super) output: Option<PathBuf>,
    /// How long boot and CMD may take: 300s, 5m, 1h; does not end a shell
    #[arg(long, value_name = "TIME", default_value = "300s", value_parser = duration)]
    pub(super) timeout: Duration,
    /// Say nothing but what CMD says, and errors
    #[arg(long)]
    pub(super) quiet: bool,
    /// Never install anything: print the command that would and fail
    #[arg(long)]
    pub(super) no_install: bool,
    /// What to run in the guest, after `--`; without it, a shell on this terminal
    #[arg(last = true, value_name = "CMD")]
    pub(super) command: Vec<OsString>,
}

impl Options {
    /// What is added to the kernel command line.
    pub(super) fn append(&self) -> String {
        self.append.join(" ")
    }

    /// What QEMU runs the guest's processors on.
    pub(super) fn threads(&self) -> Threads {
        if self.one_thread {
            Threads::One
        } else {
            Threads::PerProcessor
        }
    }

    /// The first of the user's files that is none.
    pub(super) fn missing_file(&self) -> Option<&Path> {
        let mut files = self.files.iter().chain(&self.kernel).map(PathBuf::as_path);
        files.find(|file| !file.is_file())
    }
}

/// `90s`, `5m` or `1h`, at least a second and at most a day.
fn duration(text: &str) -> Result<Duration, String> {
    let (number, unit) =
        text.split_at(text.len() - text.chars().next_back().map_or(0, char::len_utf8));
    let scale = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        _ => return Err("a time is a number with s, m or h, as in 300s".into()),
    };
    let seconds = number
        .parse::<u64>()
        .ok()
        .and_then(|number| number.checked_mul(scale));
    match seconds {
        Some(seconds @ 1..=86_400) => Ok(Duration::from_secs(seconds)),
        _ => Err("a time is from 1s to 24h".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        options: Options,
    }

    fn parse(line: &[&str]) -> Result<Options, clap::Error> {
        Line::try_parse_from([&["lab"], line].concat()).map(|line| line.options)
    }

    #[test]
    fn a_time_has_a_unit_and_an_end() {
        assert_eq!(duration("300s"), Ok(Duration::from_mins(5)));
        assert_eq!(duration("5m"), Ok(Duration::from_mins(5)));
        assert_eq!(duration("24h"), Ok(Duration::from_hours(24)));
        for bad in [
            "",
            "s",
            "5",
            "0s",
            "-1s",
            "25h",
            "1.5s",
            "99999999999999999999h",
            "5é",
        ] {
            assert!(duration(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_follows_two_dashes_is_the_command() {
        let options = parse(&[
            "x86-intel",
            "--append",
            "a=1",
            "--append",
            "-b",
            "--",
            "sh",
            "-c",
            "ls",
        ])
        .unwrap();
        assert_eq!(options.append(), "a=1 -b");
        assert_eq!(options.command, ["sh", "-c", "ls"]);
        assert_eq!(options.timeout, Duration::from_mins(5));
    }

    #[test]
    fn a_profile_is_needed_unless_they_are_listed() {
        assert!(parse(&[]).is_err());
        assert!(parse(&["--list"]).unwrap().list);
        assert!(parse(&["x86-intel", "ls"]).is_err());
    }

    #[test]
    fn a_file_that_is_not_there_is_found_before_anything_is_built() {
        let options = parse(&["x86-intel", "--file", "/dev/null/none"]).unwrap();
        assert_eq!(options.missing_file(), Some(Path::new("/dev/null/none")));
    }
}
