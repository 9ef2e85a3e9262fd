use std::{io, time::SystemTime};

use hwptop_bench::suite::{StagePoint, StagesConfig, StagesError, stages as run_stages};

use super::{
    Progress,
    on::{On, failure, timing_profile, whole},
    print,
    several::{Measured, draft, settings, several},
};
use crate::{cli::StagesArgs, command::signals::stop_flag, failure::Failure, target::Target};

pub(crate) fn stages(args: &StagesArgs) -> Result<(), Failure> {
    let on = On::of(&args.target)?;
    if args.runs.is_several() {
        return several(&args.runs);
    }
    let draft = draft(&args.runs)?;
    let started = SystemTime::now();
    let stop = stop_flag()?;
    let instances = match args.target {
        Target::Model { instances, .. } => instances.get(),
        _ => 1,
    };
    let config = StagesConfig {
        on: on.guests,
        vendor: on.vendor,
        instances,
        sizes: args.batch.clone(),
        time: args.time,
    };
    let progress = Progress::start();
    let mut all = 0;
    let stages = run_stages(&config, &stop, |what, point| {
        all = point.1;
        progress.point(point, what);
    })
    .map_err(failure(StagesError::is_the_machines))?;
    progress.clear();
    let measured = stages.points.len();
    let run = Measured {
        suite: "stages",
        // Each of the instances is measured.
        target: Some(args.target.to_string()),
        kind: on.kind,
        timing_profile: timing_profile(on.kind, [stages.vendor]),
        settings: settings([("timed by", stages.watching.name().to_owned())]),
        started,
        probes: stages.watching.probes(),
        points: stages.points.iter().map(StagePoint::point).collect(),
        is_complete: measured == all,
    }
    .write(draft, &args.runs)?;
    print::stages(&mut io::stdout().lock(), &run, &stages, args.runs.format)?;
    whole(measured, all)
}
