//! Options of the suites that drive guests.

use std::{path::PathBuf, time::Duration};

use clap::Args;
use hwptop_bench::suite::{Load, Sizes};
use hwptop_driver::Policy;

use super::{
    super::{interval, policy},
    RunsArgs,
};
use crate::target::Target;

#[derive(Args, Debug)]
pub(crate) struct PoliciesArgs {
    /// Where the guests are: model[:vtd|smmuv3|amdvi], selftest[:vtd|smmuv3|amdvi] or
    /// vfio:/dev/vfio/devices/vfioN; one at a time, whatever instances=N says [default: model]
    #[arg(long, value_name = "T")]
    pub(crate) target: Option<Target>,
    /// Captured guest stream: a file (.csv or .csv.gz) or a built-in name; repeat it
    /// for more [default: all built-in ones]
    #[arg(long, value_name = "FILE")]
    pub(crate) capture: Vec<PathBuf>,
    /// Measure each stream, number of vCPUs and policy for this long, 10ms to 1h
    #[arg(long, value_name = "TIME", default_value = "200ms", value_parser = interval)]
    pub(crate) time: Duration,
    #[command(flatten)]
    pub(crate) runs: RunsArgs,
}

#[derive(Args, Debug)]
pub(crate) struct StagesArgs {
    /// What to measure: model[:vtd|smmuv3|amdvi][,instances=N] (1 to 64),
    /// selftest[:vtd|smmuv3|amdvi] or vfio:/dev/vfio/devices/vfioN
    #[arg(long, value_name = "T", default_value = "model,instances=1")]
    pub(crate) target: Target,
    /// Batch sizes to measure, in entries: 1 to 1024, ascending
    #[arg(long, value_name = "N[,N…]", default_value_t)]
    pub(crate) batch: Sizes,
    /// Measure each batch size for this long on each instance, 10ms to 1h
    #[arg(long, value_name = "TIME", default_value = "250ms", value_parser = interval)]
    pub(crate) time: Duration,
    #[command(flatten)]
    pub(crate) runs: RunsArgs,
}

#[derive(Args, Debug)]
pub(crate) struct ScalingArgs {
    /// Where the guests are: model[:vtd|smmuv3|amdvi], selftest[:vtd|smmuv3|amdvi] or
    /// vfio:/dev/vfio/devices/vfioN; how many instances, --instances says
    #[arg(long, value_name = "T", default_value = "model")]
    pub(crate) target: Target,
    /// Instances at once, 1 to 64 [default: 1,2,4,8 up to the CPUs, 1 on vfio]
    #[arg(long, value_name = "N[,N…]", value_delimiter = ',', value_parser = clap::value_parser!(u16).range(1..=64))]
    pub(crate) instances: Vec<u16>,
    /// Producers of each instance, 1 to 64; 256 of all at most [default: 1,2,4,8 up to the CPUs]
    #[arg(long, value_name = "N[,N…]", value_delimiter = ',', value_parser = clap::value_parser!(u16).range(1..=64))]
    pub(crate) producers: Vec<u16>,
    /// Pages that a producer unmaps before it waits, 1 to 1024
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub(crate) batch: u32,
    /// Batching policy: single, array or coalesce
    #[arg(long, value_name = "POLICY", value_parser = policy, default_value = "array")]
    pub(crate) policy: Policy,
    /// Measure each point for this long, 10ms to 1h; one producer alone beside it for as long
    #[arg(long, value_name = "TIME", default_value = "500ms", value_parser = interval)]
    pub(crate) time: Duration,
    #[command(flatten)]
    pub(crate) runs: RunsArgs,
}

#[derive(Args, Debug)]
pub(crate) struct BenchReplayArgs {
    /// Where the guests are: model[:vtd|smmuv3|amdvi], selftest[:vtd|smmuv3|amdvi] or
    /// vfio:/dev/vfio/devices/vfioN; one at a time, whatever instances=N says
    #[arg(long, value_name = "T", default_value = "model")]
    pub(crate) target: Target,
    /// Captured guest stream: a file (.csv or .csv.gz) or a built-in name; repeat it
    /// for more [default: all built-in ones that the target takes]
    #[arg(long, value_name = "FILE")]
    pub(crate) capture: Vec<PathBuf>,
    /// Batching policies: single, array, coalesce
    #[arg(long, value_name = "POLICY[,…]", value_delimiter = ',', value_parser = policy, default_value = "single,array,coalesce")]
    pub(crate) policy: Vec<Policy>,
    /// vCPUs that share the guest's queue, 1 to 64
    #[arg(long, value_name = "N[,N…]", value_delimiter = ',', default_value = "1", value_parser = clap::value_parser!(u16).range(1..=64))]
    pub(crate) vcpus: Vec<u16>,
    /// Rates of the open loops: entries (the guest's commands without its syncs) per second, all
    /// vCPUs together, or a percentage of what the closed loop got done
    #[arg(
        long,
        value_name = "RATE[,…]",
        value_delimiter = ',',
        default_value = "50%,80%"
    )]
    pub(crate) rate: Vec<Load>,
    /// Measure each stream, number of vCPUs, policy and rate for this long, 10ms to 1h
    #[arg(long, value_name = "TIME", default_value = "500ms", value_parser = interval)]
    pub(crate) time: Duration,
    #[command(flatten)]
    pub(crate) runs: RunsArgs,
}
