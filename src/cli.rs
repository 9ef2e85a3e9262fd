use std::{path::PathBuf, time::Duration};

use clap::{Args, Parser, Subcommand, ValueEnum};
use hwptop_bench::fleet::Pace;
use hwptop_driver::Policy;

use crate::target::Target;

/// Said in every help and in the README.
macro_rules! exit_codes {
    () => {
        "\
Exit codes: 0 done, 1 a check does not hold, 2 usage or bad input, 3 cannot run
here or proves nothing (the message says what is missing), 130 stopped by a
signal before it was done."
    };
}

mod agent;
mod bench;
mod gate;
mod generated;
mod look;
mod record;
mod replay;
mod report;
mod show;
mod slow;
mod store;

pub(crate) use agent::{AgentArgs, Histograms, Listen, Otlp, Socket, listen, otlp, socket};
pub(crate) use bench::{
    AgentCostArgs, AttachCostArgs, BatchingArgs, BenchCommand, BenchReplayArgs, DashboardArgs,
    FrontEndArgs, IntegrityArgs, PoliciesArgs, PowerArgs, ProbeCostArgs, RunsArgs, ScalingArgs,
    StagesArgs, of_one_process,
};
pub(crate) use gate::{CompareArgs, GateArgs, GateFormat};
pub(crate) use generated::{CompletionsArgs, ManArgs};
pub(crate) use look::LookArgs;
pub(crate) use record::{HindsightArgs, RecordArgs, length, window};
pub(crate) use replay::ReplayFileArgs;
pub(crate) use report::ReportArgs;
pub(crate) use show::{ShowArgs, TopFormat};
pub(crate) use slow::{SlowArgs, threshold};
pub(crate) use store::{BaselineAddArgs, BaselineChangesArgs, BaselineCommand, BaselineListArgs};

const EXIT_CODES: &str = exit_codes!();

const AFTER_HELP: &str = concat!(
    "\
Targets:
  model[:VENDOR][,instances=N]  a nesting driver in this process on N modelled
                                instances (1 to 64, default 2), fed from captured
                                guest streams; VENDOR: vtd, smmuv3 or amdvi
                                (default: that of the captures, or vtd)
  pid:N                         a process that embeds hwptop-driver (needs the
                                right to load eBPF: root)
  kernel                        the IOMMUs of this machine: what its kernel does
                                for every VMM and for itself; drives nothing (root)
  selftest[:VENDOR]             a nesting driver in this process on the kernel's
                                mock (CONFIG_IOMMUFD_TEST), fed as the model is
  vfio:/dev/vfio/devices/vfioN  the same on the IOMMU of a device that vfio-pci has
  agent:PATH                    what the agent that serves this socket measures, at the
                                agent's own interval (top and record only); the
                                dashboard waits for an agent that is restarted
  file:NAME.jsonl               a recording, for those who ask an agent (agent only)

Batching policies, for --policy:
  single    one entry per request, as QEMU and Cloud Hypervisor send them
  array     everything up to a sync in one request per target
  coalesce  array, and ranges that touch become one, many become everything, and
            syncs that are already queued complete together

Built-in captures of Linux guests, for --capture:
  vtd-first-stage-nvme-strict, vtd-second-stage-nvme-net-strict,
  vtd-first-stage-nvme-buffered-lazy, smmuv3-nvme-strict,
  amdvi-iommufd-map-unmap

",
    exit_codes!(),
    "

Examples:
  hwptop                                 the dashboard on the embedded model
  hwptop --once --format json            one snapshot, for a script
  hwptop top --target pid:4242           watch a VMM that embeds the driver
  hwptop doctor                          what can be observed here, what cannot
  hwptop bench batching -o run.json      what is batching worth?
  hwptop report run.json -o report/      draw it
  hwptop baseline add run.json           keep it, to compare later runs with
  hwptop gate batching --against OTHER   is it slower than another hwptop?
  hwptop record -- CMD                   keep what happened while CMD ran
  hwptop replay hwptop-recording.jsonl   look at it again
  hwptop record --commands -- CMD        what IOMMUs are told while CMD runs
  hwptop agent --target kernel           keep measuring, for Prometheus and for top"
);

/// Shows and measures what nested IOMMU translation costs: the latency of every
/// HWPT invalidation and hardware-queue submission, per IOMMU instance.
#[derive(Debug, Parser)]
#[command(name = "hwptop", version, after_help = AFTER_HELP, args_conflicts_with_subcommands = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    #[command(flatten)]
    pub(crate) top: TopArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Live view (the default); headless with --once, --count, or without a terminal
    #[command(after_help = AFTER_HELP)]
    Top(TopArgs),
    /// What can be observed on this machine, what cannot, why, and what would help
    ///
    /// For every stage of an invalidation: what hwptop would attach here, why not something
    /// better, and the remedy; the IOMMUs that are there, and whether they offer nesting.
    /// Programs that do nothing are loaded to hear the kernel's own answer; none is attached.
    ///
    /// A kernel without BTF is watched in part: its requests by the tracepoints of ioctl,
    /// which tell neither their instance nor their driver ops and submissions, see none of
    /// 32-bit processes, and make every system call of the machine a little dearer.
    #[command(after_help = EXIT_CODES)]
    Doctor(DoctorArgs),
    /// Measure; `hwptop bench list` tells what
    #[command(subcommand, after_help = EXIT_CODES)]
    Bench(BenchCommand),
    /// Compare run files: effect, interval and verdict of each metric
    #[command(after_help = gate::COMPARE_HELP)]
    Compare(CompareArgs),
    /// Measure a change against what was before it, and judge: for CI
    #[command(after_help = gate::GATE_HELP)]
    Gate(GateArgs),
    /// Draw a report from run files, recordings and a store's history: one HTML file, Markdown, SVG
    /// and PNG
    #[command(after_help = EXIT_CODES)]
    Report(ReportArgs),
    /// Record what `top` would show, or with --commands the raw commands that this kernel
    /// gives to its IOMMUs
    Record(RecordArgs),
    /// Show a recording as `top` would have shown it live
    Replay(ReplayFileArgs),
    /// Keep measuring: metrics for Prometheus and by OTLP, snapshots for `top --target
    /// agent:PATH`
    Agent(AgentArgs),
    /// Keep run files to compare with, by branch and suite, and look at their history
    #[command(subcommand, after_help = EXIT_CODES)]
    Baseline(BaselineCommand),
    /// Write the manual pages: that of hwptop to standard output, or those of all commands as files
    #[command(after_help = generated::MAN_HELP)]
    Man(ManArgs),
    /// Print what lets a shell complete hwptop's command line
    #[command(after_help = generated::COMPLETIONS_HELP)]
    Completions(CompletionsArgs),
}

#[derive(Args, Debug)]
pub(crate) struct TopArgs {
    #[command(flatten)]
    pub(crate) measure: MeasureArgs,
    #[command(flatten)]
    pub(crate) show: ShowArgs,
    #[command(flatten)]
    pub(crate) look: LookArgs,
    /// Print the settings of the dashboard with their defaults, as
    /// $XDG_CONFIG_HOME/hwptop/top.toml (or ~/.config/hwptop/top.toml) may have them, and end
    #[arg(long)]
    pub(crate) print_config: bool,
}

/// What is measured, and how.
#[derive(Args, Debug)]
pub(crate) struct MeasureArgs {
    /// What to observe: model[:vtd|smmuv3|amdvi][,instances=N] (1 to 64), pid:N, kernel,
    /// selftest[:vtd|smmuv3|amdvi], vfio:/dev/vfio/devices/vfioN or agent:PATH [default:
    /// kernel where this machine has an IOMMU and this user may look into the kernel, else
    /// model]
    #[arg(long, value_name = "T")]
    pub(crate) target: Option<Target>,
    /// Time between two snapshots, e.g. 500ms, 1s; 10ms to 1h; not with agent:PATH, which has
    /// its own [default: 1s]
    #[arg(long, value_name = "TIME", value_parser = interval)]
    pub(crate) interval: Option<Duration>,
    #[command(flatten)]
    pub(crate) slow: SlowArgs,
    /// Count what the process does on its CPUs as well, per request and entry: cycles,
    /// instructions, cache and dTLB misses where there is a PMU, CPU time, context switches,
    /// page faults and migrations. With pid:N that process, else this one, hwptop's own part
    /// included; not with kernel and agent:PATH. Off by default: it makes each context switch of
    /// the process dearer
    #[arg(long)]
    pub(crate) perf: bool,
    /// The best way to put programs on the kernel's functions that may be used
    #[arg(long, value_enum, value_name = "METHOD", default_value_t, hide = true)]
    pub(crate) kernel_probes_at_best: KernelMethod,
    /// For how long processes that are gone, and objects that were destroyed, are kept apart
    /// [default: 1m]
    #[arg(long, value_name = "TIME", value_parser = duration, hide = true)]
    pub(crate) forget_after: Option<Duration>,
    /// Whether every capability goes once everything is attached; not for the user to say.
    #[arg(skip)]
    pub(crate) drops_privileges: bool,
    #[command(flatten)]
    pub(crate) replay: ReplayArgs,
}

const INTERVAL: Duration = Duration::from_secs(1);

impl MeasureArgs {
    /// The time between two snapshots.
    pub(crate) fn interval(&self) -> Duration {
        self.interval.unwrap_or(INTERVAL)
    }
}

/// Ways to watch the kernel, the best first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum KernelMethod {
    #[default]
    Fentry,
    /// Requests under kprobes and the rest under fentry, as where iommufd is a module and the
    /// IOMMU's driver is none.
    Mixed,
    Kprobe,
    Tracepoint,
}

/// What the guests do that this process drives.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "With model, selftest and vfio")]
pub(crate) struct ReplayArgs {
    /// Captured guest stream to replay: a file (.csv or .csv.gz) or a built-in
    /// name; repeat it to give the instances different ones
    #[arg(long, value_name = "FILE")]
    pub(crate) capture: Vec<PathBuf>,
    /// How guests' invalidations become requests: single, array or coalesce
    /// [default: array]
    #[arg(long, value_name = "POLICY", value_parser = policy)]
    pub(crate) policy: Option<Policy>,
    /// Replay each stream N times; headless, then end (the dashboard keeps the last
    /// picture) [default: until told to stop]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) passes: Option<u64>,
    /// Pace: a factor of the captured one, e.g. 1, 10, 0.5, or `max`; where the
    /// guest was idle, 100 ms of it
    /// [default: 1]
    #[arg(long, value_name = "FACTOR", value_parser = speed)]
    pub(crate) speed: Option<Pace>,
}

impl ReplayArgs {
    /// The first of these options that was given, if any was.
    pub(crate) fn first_given(&self) -> Option<&'static str> {
        [
            ("--capture", !self.capture.is_empty()),
            ("--policy", self.policy.is_some()),
            ("--passes", self.passes.is_some()),
            ("--speed", self.speed.is_some()),
        ]
        .into_iter()
        .find_map(|(option, given)| given.then_some(option))
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    #[default]
    Text,
    Json,
    Csv,
}

#[derive(Args, Debug)]
pub(crate) struct DoctorArgs {
    /// How to print the findings
    #[arg(long, value_enum, value_name = "F", default_value_t)]
    pub(crate) format: DoctorFormat,
    /// End with exit code 3, and not 0, where the kernel's requests cannot be watched
    #[arg(long)]
    pub(crate) require_kernel: bool,
}

/// How `doctor` prints its findings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum DoctorFormat {
    /// Text, 80 columns wide
    #[default]
    Text,
    /// One JSON document
    Json,
}

pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let expected =
        || format!("{text:?} is no time: a number and ns, us, ms, s, m or h, e.g. 500ms");
    let digits = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .ok_or_else(expected)?;
    let (number, unit) = text.split_at(digits);
    let number: f64 = number.parse().map_err(|_| expected())?;
    let seconds = match unit {
        "ns" => 1e-9,
        "us" | "µs" => 1e-6,
        "ms" => 1e-3,
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        _ => return Err(expected()),
    };
    Duration::try_from_secs_f64(number * seconds).map_err(|_| expected())
}

pub(crate) fn interval(text: &str) -> Result<Duration, String> {
    let interval = duration(text)?;
    let allowed = Duration::from_millis(10)..=Duration::from_hours(1);
    if allowed.contains(&interval) {
        return Ok(interval);
    }
    Err(format!("{text:?} is out of range: 10ms to 1h"))
}

pub(crate) fn policy(text: &str) -> Result<Policy, String> {
    Policy::from_name(text)
        .ok_or_else(|| format!("{text:?} is no policy: single, array or coalesce"))
}

pub(crate) fn speed(text: &str) -> Result<Pace, String> {
    if text == "max" {
        return Ok(Pace::Max);
    }
    match text.parse::<f64>() {
        Ok(factor) if factor.is_finite() && (0.001..=1e6).contains(&factor) => {
            Ok(Pace::Captured(factor))
        }
        _ => Err(format!(
            "{text:?} is no pace: a factor from 0.001 to 1000000, or max"
        )),
    }
}

#[cfg(test)]
mod tests;
