use std::{ffi::OsString, path::PathBuf, time::Duration};

use clap::{ArgAction, Args, CommandFactory as _, Subcommand};
use hwptop_bench::suite::Sizes;
use hwptop_driver::Policy;

use super::{Cli, Format, interval, policy, show::size};
use crate::target::Target;

mod guests;

pub(crate) use guests::{BenchReplayArgs, PoliciesArgs, ScalingArgs, StagesArgs};

/// What the help of a suite ends with.
macro_rules! example {
    ($arguments:literal) => {
        concat!(
            "Example:\n  hwptop bench ",
            $arguments,
            "\n\n",
            exit_codes!()
        )
    };
}

#[derive(Debug, Subcommand)]
pub(crate) enum BenchCommand {
    /// List the suites
    #[command(after_help = example!("list"))]
    List,
    /// What a batch of 1 to 1024 entries costs, per entry
    #[command(after_help = example!("batching --target selftest -o run.json"))]
    Batching(BatchingArgs),
    /// What single, array and coalesce make of captured streams, with 1, 2, 4 and 8
    /// vCPUs that share one guest queue
    ///
    /// Beside each capture a guest is measured that unmaps 2 MiB page by page before each
    /// sync; on a modelled SMMUv3, for comparison, also a queue of hardware's that the guest fills
    /// itself, without requests (hw-queue). On selftest and vfio the real /dev/iommu takes the
    /// requests; what its hardware's queue gets is not counted then.
    #[command(after_help = example!("policies --capture smmuv3-nvme-strict"))]
    Policies(PoliciesArgs),
    /// Where a request's time goes, by batch size: driver op, submissions, and what is in neither
    ///
    /// A guest unmaps pages and waits. On the selftest and on vfio the kernel's functions are timed
    /// by eBPF, which needs root (`hwptop doctor` says what is missing); only this process' requests
    /// count. On the model the driver's static probes are, or, without the right to eBPF, the calls
    /// themselves by this process' clock. The split is of sums over all requests, so that the parts
    /// add up to the whole exactly; percentiles are of each stage's own ends.
    #[command(after_help = example!("stages --target selftest --batch 1,16,64"))]
    Stages(StagesArgs),
    /// Whether more instances, and more producers for each, get more done
    ///
    /// Guests unmap pages and wait, each on an instance of its own, with one or more vCPUs
    /// (producers), each a thread. On the model the producers of an instance share their guest's
    /// queue, and so they do on vfio, where there is one instance. On the selftest, where the mock is
    /// one instance and its devices stand for several, each producer has a queue to a nested HWPT or
    /// vIOMMU of its own. Efficiency is what a producer gets done among the others, as a ratio of
    /// what one alone does, in turns with them on the same queues: 1 is perfect scaling.
    #[command(after_help = example!("scaling --instances 1,2,4 --producers 1,2 --batch 64"))]
    Scaling(ScalingArgs),
    /// How long guests wait for their invalidations when captured streams are replayed: as fast as
    /// they can, and at fixed rates
    ///
    /// Each point is first a closed loop: a vCPU submits the next group of commands when the sync of
    /// the last one completed. Then open loops: a group is due at a fixed rate, whether or not the
    /// one before has completed, and its response is timed from when it was due. So what a stall
    /// delays is seen to wait (no coordinated omission); the time from when it was really submitted
    /// stands beside it. What was due and never came to its turn, because the rate is more than can
    /// be done, counts with how long it had waited.
    #[command(after_help = example!("replay --capture smmuv3-nvme-strict --rate 80%,100% --policy array"))]
    Replay(BenchReplayArgs),
    /// What the driver's front end takes per guest command, without a backend
    #[command(after_help = example!("front-end --rounds 101 --format csv"))]
    FrontEnd(FrontEndArgs),
    /// What an attached probe pair costs, beside empty probes and bpftrace; with
    /// --target selftest, what kernel probes cost a request
    #[command(after_help = example!("probe-cost --target selftest"))]
    ProbeCost(ProbeCostArgs),
    /// Whether the kernel probes' intervals can be true: threads make requests to the
    /// selftest's mock while they are moved between CPUs all the time
    ///
    /// Held against what the threads saw: requests, entries and driver ops are counted
    /// exactly; at least 0.9999 of the intervals are matched; none is 0 ns or longer than
    /// the longest request that a thread saw; the sums add up. Where one of that is not so,
    /// the exit code is 1; where no thread was moved within a request, nothing is proven,
    /// and it is 3.
    #[command(after_help = example!("integrity --requests 10000000 --threads 8"))]
    Integrity(IntegrityArgs),
    /// What the agent costs: CPU time by event, beside bpftrace; CPU and memory to have it;
    /// time to start, scrape and end it; what a second producer adds
    ///
    /// A million begin/end pairs are made under each in turn; what counts is the CPU time of
    /// the programs and of the process that reads them, without that of the pairs themselves.
    #[command(after_help = example!("agent-cost --instances 64 --time 1m"))]
    AgentCost(AgentCostArgs),
    /// What putting the kernel probes on and taking them off costs
    ///
    /// Beside the times: what eBPF the kernel held before and after, of every process.
    #[command(after_help = example!("attach-cost --rounds 100"))]
    AttachCost(AttachCostArgs),
    /// How small a change the gate catches on this machine, and whether it cries wolf
    ///
    /// Without --effect, pairs of processes of this binary are measured for as long as a gate may
    /// take; gates are then played on them, drawn with replacement, with slow-downs of every size:
    /// the smallest that 95 % of them catch is printed. With --effect, gates are run for real,
    /// against this same binary, whose requests are made slower by that much; with 0, each FAIL is
    /// a false alarm.
    #[command(after_help = example!("power --effect 3 --gates 59 -o power.json"))]
    Power(PowerArgs),
    /// What the dashboard costs: a frame of each screen beside ratatui's bare diff, bytes
    /// written, a long table that scrolls, CPU time of a process with and without it
    ///
    /// A frame is drawn from a new snapshot, and what has changed since the one before is found;
    /// the bare diff is the second part alone, in two such buffers, in turns with it. CPU time is that of
    /// processes with ten snapshots a second: one with the dashboard on a pseudo-terminal, one
    /// that prints JSON, and one that prints nothing; where eBPF can be loaded both watch modelled guests of
    /// this process, else they have them within themselves.
    #[command(after_help = example!("dashboard --recording docs/kernel.jsonl --rounds 0"))]
    Dashboard(DashboardArgs),
}

/// How often a suite is measured, beside what, and where its figures go.
#[derive(Args, Debug)]
#[command(next_help_heading = "Runs and figures")]
pub(crate) struct RunsArgs {
    /// Measure in N processes, one after the other: their medians, with intervals, tell more
    /// than one long process
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) runs: u32,
    /// Measure another binary of hwptop in turns with this one (ABBA), and compare it, as the
    /// base, with this one; take --runs 10 or more
    #[arg(long, value_name = "BINARY")]
    pub(crate) against: Option<PathBuf>,
    /// Write the run file here
    #[arg(short, long, value_name = "RUN.json")]
    pub(crate) output: Option<PathBuf>,
    /// How to print the figures
    #[arg(long, value_enum, value_name = "F", default_value_t)]
    pub(crate) format: Format,
}

impl RunsArgs {
    /// Whether it takes more than the process that it was given to.
    pub(crate) const fn is_several(&self) -> bool {
        self.runs > 1 || self.against.is_some()
    }
}

/// Suite and options of a `hwptop bench` command line, without [`RunsArgs`]: what each of several
/// processes is given.
pub(crate) fn of_one_process(
    line: impl IntoIterator<Item = OsString>,
) -> Result<Vec<OsString>, clap::Error> {
    let mut all = Cli::command();
    let matches = all.try_get_matches_from_mut(line)?;
    let suite = || {
        let (_, bench) = matches.subcommand()?;
        let (name, options) = bench.subcommand()?;
        let command = all.find_subcommand("bench")?.find_subcommand(name)?;
        Some((name, options, command))
    };
    let Some((name, options, command)) = suite() else {
        return Ok(Vec::new());
    };
    // Processes of a suite are told where to write.
    if !command.get_arguments().any(|arg| arg.get_id() == "runs") {
        let why = "it is measured in one process only: it has no --runs";
        return Err(clap::Error::raw(
            clap::error::ErrorKind::InvalidSubcommand,
            why,
        ));
    }
    let several = RunsArgs::augment_args(clap::Command::new(""));
    let is_several = |id| several.get_arguments().any(|arg| arg.get_id() == id);
    let mut arguments = vec![OsString::from(name)];
    for arg in command.get_arguments() {
        let (id, Some(long)) = (arg.get_id(), arg.get_long()) else {
            continue;
        };
        let given = options.value_source(id.as_str());
        if is_several(id) || given != Some(clap::parser::ValueSource::CommandLine) {
            continue;
        }
        for value in options.get_raw(id.as_str()).into_iter().flatten() {
            arguments.push(format!("--{long}").into());
            if !matches!(arg.get_action(), ArgAction::SetTrue) {
                arguments.push(value.to_owned());
            }
        }
    }
    Ok(arguments)
}

#[derive(Args, Debug)]
pub(crate) struct BatchingArgs {
    /// What to measure: model[:vtd|smmuv3|amdvi][,instances=N] (1 to 64),
    /// selftest[:vtd|smmuv3|amdvi] (with smmuv3 the mock's vIOMMU, else its nested HWPT)
    /// or vfio:/dev/vfio/devices/vfioN (host unmaps where its IOMMU offers no nesting)
    #[arg(long, value_name = "T", default_value_t)]
    pub(crate) target: Target,
    /// Measure each batch size for this long on each instance, 10ms to 1h
    #[arg(long, value_name = "TIME", default_value = "250ms", value_parser = interval)]
    pub(crate) time: Duration,
    /// Measure exactly N requests of each batch size instead: no warm-up, no bare loop
    /// and no guest beside them
    #[arg(long, value_name = "N", conflicts_with = "time", value_parser = clap::value_parser!(u64).range(1..=1_000_000_000))]
    pub(crate) requests: Option<u64>,
    /// Batch sizes to measure, in entries: 1 to 1024, ascending
    #[arg(long, value_name = "N[,N…]", default_value_t)]
    pub(crate) batch: Sizes,
    /// Make the requests slower than they are, by busy waiting, 0 to 100: to see whether a gate
    /// catches it
    #[arg(long, value_name = "PERCENT", default_value_t = 0.0, value_parser = percent)]
    pub(crate) inject_delay: f64,
    #[command(flatten)]
    pub(crate) runs: RunsArgs,
}

#[derive(Args, Debug)]
pub(crate) struct PowerArgs {
    /// Options of the batching suite that its processes measure [default: those of `hwptop gate
    /// batching`]
    #[arg(last = true, value_name = "OPTION")]
    pub(crate) options: Vec<OsString>,
    /// Run gates with this slow-down, 0 to 100
    #[arg(long, value_name = "PERCENT", value_parser = percent)]
    pub(crate) effect: Option<f64>,
    /// How many gates
    #[arg(long, value_name = "N", default_value_t = 59, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) gates: u32,
    /// What is held, and how surely [default: those of `hwptop gate --print-rules`]
    #[arg(long, value_name = "RULES.toml")]
    pub(crate) rules: Option<PathBuf>,
    /// How long one gate may measure, 1s to 24h [default: what the rules say, 60s]
    #[arg(long, value_name = "TIME", value_parser = super::gate::budget)]
    pub(crate) budget: Option<Duration>,
    /// Write the run file here: a point of each gate, or of each slow-down that was played
    #[arg(short, long, value_name = "RUN.json")]
    pub(crate) output: Option<PathBuf>,
    /// How to print the figures
    #[arg(long, value_enum, value_name = "F", default_value_t)]
    pub(crate) format: Format,
}

fn percent(text: &str) -> Result<f64, String> {
    let percent = text.strip_suffix('%').unwrap_or(text).parse().ok();
    percent
        .filter(|percent| (0.0..=100.0).contains(percent))
        .ok_or_else(|| format!("{text:?} is no percentage from 0 to 100"))
}

#[derive(Args, Debug)]
pub(crate) struct FrontEndArgs {
    /// Captured guest stream: a file (.csv or .csv.gz) or a built-in name; repeat it
    /// for more [default: all built-in ones]
    #[arg(long, value_name = "FILE")]
    pub(crate) capture: Vec<PathBuf>,
    /// Batching policy: single, array or coalesce [default: all]
    #[arg(long, value_name = "POLICY", value_parser = policy)]
    pub(crate) policy: Option<Policy>,
    /// Interleaved rounds; each replays every capture under every policy
    #[arg(long, value_name = "N", default_value_t = 31, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) rounds: u32,
    #[command(flatten)]
    pub(crate) runs: RunsArgs,
}

#[derive(Args, Debug)]
pub(crate) struct ProbeCostArgs {
    /// selftest[:vtd|smmuv3|amdvi]: measure the kernel probes on requests to its mock
    /// [default: the static probes of this process]
    #[arg(long, value_name = "T")]
    pub(crate) target: Option<Target>,
    /// Interleaved rounds; each measures every variant
    #[arg(long, value_name = "N", default_value_t = 7, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) rounds: u32,
    #[command(flatten)]
    pub(crate) runs: RunsArgs,
}

#[derive(Args, Debug)]
pub(crate) struct IntegrityArgs {
    /// selftest[:vtd|smmuv3|amdvi]: with smmuv3 the mock's vIOMMU, else its nested HWPTs
    #[arg(long, value_name = "T", default_value = "selftest")]
    pub(crate) target: Target,
    /// Requests of all threads together
    #[arg(long, value_name = "N", default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(1..=1_000_000_000))]
    pub(crate) requests: u64,
    /// Threads that make them, each to an object of its own
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub(crate) threads: u16,
    /// Entries per request
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub(crate) batch: u32,
    /// How to print the result
    #[arg(long, value_enum, value_name = "F", default_value_t)]
    pub(crate) format: Format,
}

#[derive(Args, Debug)]
pub(crate) struct AgentCostArgs {
    /// selftest[:vtd|smmuv3|amdvi]: the cost of events in the kernel, on its mock, and nothing
    /// else [default: the static probes of this process, and everything]
    #[arg(long, value_name = "T")]
    pub(crate) target: Option<Target>,
    /// Interleaved rounds of the comparisons; each measures every variant
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) rounds: u32,
    /// Modelled instances that the agent watches, 1 to 64
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub(crate) instances: u16,
    /// Watch for this long, idle and busy, 10ms to 1h each
    #[arg(long, value_name = "TIME", default_value = "20s", value_parser = interval)]
    pub(crate) time: Duration,
    #[command(flatten)]
    pub(crate) runs: RunsArgs,
}

#[derive(Args, Debug)]
pub(crate) struct AttachCostArgs {
    /// How often they are put on and taken off
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) rounds: u32,
    #[command(flatten)]
    pub(crate) runs: RunsArgs,
}

#[derive(Args, Debug)]
pub(crate) struct DashboardArgs {
    /// Draw what is in a recording: it may have processes and outliers
    /// [default: modelled instances, live]
    #[arg(long, value_name = "NAME.jsonl")]
    pub(crate) recording: Option<PathBuf>,
    /// Modelled instances, 1 to 64
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub(crate) instances: u16,
    /// Columns and rows of the screen, 1x1 to 500x200
    #[arg(long, value_name = "CxR", allow_hyphen_values = true, default_value = "200x50", value_parser = size)]
    pub(crate) size: (u16, u16),
    /// Frames of each screen
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) frames: u32,
    /// Rows of the table that scrolls
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    pub(crate) rows: u16,
    /// Rounds of the processes, each in turn; 0 leaves them out
    #[arg(long, value_name = "N", default_value_t = 6, value_parser = clap::value_parser!(u32).range(0..=1000))]
    pub(crate) rounds: u32,
    /// Watch each process for this long in each round, 10ms to 1h
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = interval)]
    pub(crate) time: Duration,
    #[command(flatten)]
    pub(crate) runs: RunsArgs,
}
