//! The suite that starts agents.

use std::{io, path::PathBuf};

use hwptop_bench::suite::{AgentCostConfig, Events, agent_cost as run_agent_cost};

use super::{Progress, kernel::selftest, print};
use crate::{cli::AgentCostArgs, command::signals::stop_flag, failure::Failure};

pub(crate) fn agent_cost(args: &AgentCostArgs) -> Result<(), Failure> {
    hwptop_agent::can_load_ebpf().map_err(|missing| {
        Failure::cannot(anyhow::Error::new(missing).context("the agent watches another process"))
    })?;
    let config = AgentCostConfig {
        events: match &args.target {
            Some(target) => Events::Selftest(selftest(target)?),
            None => Events::Static,
        },
        instances: args.instances,
        time: args.time,
        rounds: args.rounds,
    };
    let stop = stop_flag()?;
    let program: PathBuf = std::env::current_exe()?;
    let progress = Progress::start();
    let cost = run_agent_cost(&program, &config, &stop, |what| progress.show(what))
        .map_err(Failure::cannot)?;
    progress.clear();
    print::agent_cost(&mut io::stdout().lock(), &cost, args.format)?;
    if cost.is_whole {
        return Ok(());
    }
    Err(Failure::Interrupted(anyhow::anyhow!(
        "stopped; what is printed was measured until then"
    )))
}
