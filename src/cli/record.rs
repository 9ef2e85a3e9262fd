use std::{ffi::OsString, path::PathBuf, time::Duration};

use clap::Args;

use super::{MeasureArgs, duration};

const AFTER_HELP: &str = concat!(
    "\
A recording is NAME.jsonl, a line of JSON per interval, and NAME.hlog beside it, an
HdrHistogram interval log with the latencies of every instance, object and stage.
Both are only appended to: what is there can be read at any time, and after a full
disk or SIGKILL up to the last whole interval:
  hwptop replay NAME.jsonl
With --hindsight, the minutes before something happened are kept, and nothing else;
a ring that was left by a killed hwptop has recordings in it, too.

With --commands, the commands are those that the kernel's driver gives to the
hardware queue, in qi_submit_sync (VT-d), __arm_smmu_cmdq_issue_cmdlist (SMMUv3) or
__iommu_queue_command_sync (AMD-Vi), in the order of the calls; commands of
several CPUs at the same time can be in another order in the queue. The sync that
the driver appends by itself is added; VT-d's status address in it is made up. Of
a 256-bit command the low 128 bits are kept.

With more than one IOMMU there is a file for each, with its name before the
extension, e.g. hwptop-commands.dmar1.csv.gz; one without commands gets none. The
files can be read by their owner only: they hold addresses that devices use. About
once a second everything until then is put into them, so that a recording that is
killed can be replayed up to there:
  hwptop top --target model --capture FILE

Without CMD, the recording lasts until Ctrl-C or --time. With it, the exit code is
CMD's as soon as it runs, and 2 where it cannot be started; a signal that ends the
recording is handed on to it as SIGTERM.

",
    exit_codes!()
);

#[derive(Args, Debug)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct RecordArgs {
    /// Record the raw commands that the kernel gives to its IOMMUs, as a capture that can
    /// be replayed (needs the right to load eBPF: root)
    #[arg(long, conflicts_with_all = ["target", "interval", "slow", "slow_rate", "slow_stacks", "capture", "policy", "passes", "speed", "keep"])]
    pub(crate) commands: bool,
    /// Write here. A recording is NAME.jsonl, and must not be there yet [default:
    /// hwptop-recording.jsonl]; commands are compressed where the name ends in .gz, and
    /// replace what was there as soon as one is recorded [default: hwptop-commands.csv.gz]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// End after this long: a number and ns, us, ms, s, m or h, e.g. 10s, 5m
    #[arg(long, value_name = "TIME", value_parser = length, conflicts_with = "program")]
    pub(crate) time: Option<Duration>,
    /// With --commands, room for commands between kernel and file, 4K to 1G, rounded up to a power of two;
    /// what finds it full is lost and counted
    #[arg(long, value_name = "SIZE", default_value = "16M", value_parser = ring_bytes)]
    #[arg(requires = "commands")]
    pub(crate) ring: u32,
    /// Record while this runs
    #[arg(last = true, value_name = "CMD")]
    pub(crate) program: Vec<OsString>,
    #[command(flatten)]
    pub(crate) hindsight: HindsightArgs,
    #[command(flatten)]
    pub(crate) measure: MeasureArgs,
}

/// To keep only what was before something that happened.
#[derive(Args, Debug)]
#[command(next_help_heading = "After the fact")]
pub(crate) struct HindsightArgs {
    /// Keep the last TIME only, in NAME.ring, and write it to NAME-1.jsonl, NAME-2.jsonl …
    /// when SIGUSR1 comes or a threshold is crossed; 1s to 24h
    #[arg(long = "hindsight", value_name = "TIME", value_parser = window)]
    pub(crate) keep: Option<Duration>,
    /// Dump when anything takes at least this long, e.g. 10ms
    #[arg(long, value_name = "TIME", value_parser = length, requires = "keep")]
    pub(crate) dump_on_latency: Option<Duration>,
    /// Dump when at least N things fail within an interval
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..), requires = "keep")]
    pub(crate) dump_on_errors: Option<u64>,
    /// Dumps at most, 1 to 1000; after one, thresholds wait until TIME has passed
    /// [default: 8]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000), requires = "keep")]
    pub(crate) dumps: Option<u32>,
}

/// Where nobody says how many dumps there may be.
const DUMPS: u32 = 8;

impl HindsightArgs {
    /// Dumps at most.
    pub(crate) fn dumps(&self) -> u32 {
        self.dumps.unwrap_or(DUMPS)
    }
}

impl RecordArgs {
    /// Where the lines of a recording go.
    pub(crate) fn recording(&self) -> PathBuf {
        self.output("hwptop-recording.jsonl")
    }

    /// Where commands go.
    pub(crate) fn captures(&self) -> PathBuf {
        self.output("hwptop-commands.csv.gz")
    }

    fn output(&self, default: &str) -> PathBuf {
        self.output.clone().unwrap_or_else(|| default.into())
    }
}

pub(crate) fn window(text: &str) -> Result<Duration, String> {
    let window = duration(text)?;
    if !(Duration::from_secs(1)..=Duration::from_hours(24)).contains(&window) {
        return Err(format!("{text:?} is out of range: 1s to 24h"));
    }
    Ok(window)
}

pub(crate) fn length(text: &str) -> Result<Duration, String> {
    let length = duration(text)?;
    if length.is_zero() {
        return Err(format!("{text:?} is no time to record in"));
    }
    Ok(length)
}

fn ring_bytes(text: &str) -> Result<u32, String> {
    let expected = || format!("{text:?} is no size: 4K to 1G, e.g. 512K, 16M");
    let number = text.trim_end_matches(['K', 'M', 'G']);
    let shift = match &text[number.len()..] {
        "" => 0,
        "K" => 10,
        "M" => 20,
        "G" => 30,
        _ => return Err(expected()),
    };
    let bytes = number.parse::<u32>().ok();
    let bytes = bytes.and_then(|number| number.checked_mul(1 << shift));
    bytes
        .filter(|bytes| (4 << 10..=1 << 30).contains(bytes))
        .ok_or_else(expected)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_with_their_unit() {
        for (text, bytes) in [
            ("4096", 4096),
            ("4K", 4096),
            ("16M", 16 << 20),
            ("1G", 1 << 30),
        ] {
            assert_eq!(ring_bytes(text), Ok(bytes));
        }
        for wrong in [
            "", "K", "4KK", "3K", "2G", "4096M", "1T", "-1M", "16 M", "16m",
        ] {
            assert!(ring_bytes(wrong).is_err(), "{wrong}");
        }
    }
}
