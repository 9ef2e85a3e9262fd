use std::{collections::BTreeMap, io, time::SystemTime};

use hwptop_agent::kernel::{can_watch_kernel, facts::Facts, plan::plan};
use hwptop_bench::{run_file::Kind, suite::attach_cost as run_attach_cost};

use super::{
    Progress, print,
    several::{Measured, draft, probes, several},
};
use crate::{cli::AttachCostArgs, command::signals::stop_flag, failure::Failure};

pub(crate) fn attach_cost(args: &AttachCostArgs) -> Result<(), Failure> {
    can_watch_kernel(&plan(&Facts::of_this_machine())).map_err(Failure::cannot)?;
    if args.runs.is_several() {
        return several(&args.runs);
    }
    let draft = draft(&args.runs)?;
    let started = SystemTime::now();
    let stop = stop_flag()?;
    let progress = Progress::start();
    let cost = run_attach_cost(args.rounds, &stop, |round| {
        // A line each would be many where nobody watches.
        if round % 50 == 0 {
            progress.of("round", (round as usize, args.rounds as usize), "");
        }
    })
    .map_err(Failure::cannot)?;
    progress.clear();
    if cost.rounds == 0 {
        return Err(Failure::Interrupted(anyhow::anyhow!(
            "stopped before there was a figure"
        )));
    }
    let measured = Measured {
        suite: "attach-cost",
        target: None,
        kind: Kind::Hardware,
        timing_profile: None,
        settings: BTreeMap::new(),
        started,
        probes: probes(["none", "kernel probes"]),
        points: vec![cost.point()],
        is_complete: cost.rounds == args.rounds,
    };
    measured.write(draft, &args.runs)?;
    print::attach_cost(&mut io::stdout().lock(), &cost, args.runs.format)?;
    if cost.rounds < args.rounds {
        return Err(Failure::Interrupted(anyhow::anyhow!(
            "stopped; the figures are of {} rounds",
            cost.rounds
        )));
    }
    Ok(())
}
