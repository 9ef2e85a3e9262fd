//! The suite that starts agents.

use std::{io, path::PathBuf, time::SystemTime};

use hwptop_bench::{
    run_file::Kind,
    suite::{AgentCostConfig, Events, agent_cost as run_agent_cost},
};

use super::{
    Progress,
    kernel::selftest,
    print,
    several::{Measured, draft, probes, settings, several},
};
use crate::{cli::AgentCostArgs, command::signals::stop_flag, failure::Failure, target::Target};

pub(crate) fn agent_cost(args: &AgentCostArgs) -> Result<(), Failure> {
    hwptop_agent::can_load_ebpf().map_err(|missing| {
        Failure::cannot(anyhow::Error::new(missing).context("the agent watches another process"))
    })?;
    let events = match &args.target {
        Some(target) => Events::Selftest(selftest(target)?),
        None => Events::Static,
    };
    if args.runs.is_several() {
        return several(&args.runs);
    }
    let draft = draft(&args.runs)?;
    let started = SystemTime::now();
    let config = AgentCostConfig {
        events,
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
    let measured = Measured {
        suite: "agent-cost",
        target: args.target.as_ref().map(Target::to_string),
        kind: match events {
            Events::Static => Kind::Hardware,
            Events::Selftest(_) => Kind::Mock,
        },
        timing_profile: None,
        settings: settings([("instances", args.instances.to_string())]),
        started,
        probes: probes(["none", "static probes", "bpftrace"]),
        points: cost.points(),
        is_complete: cost.is_whole,
    };
    measured.write(draft, &args.runs)?;
    print::agent_cost(&mut io::stdout().lock(), &cost, args.runs.format)?;
    if cost.is_whole {
        return Ok(());
    }
    Err(Failure::Interrupted(anyhow::anyhow!(
        "stopped; what is printed was measured until then"
    )))
}
