use std::{io, thread, time::SystemTime};

use hwptop_bench::suite::{
    GuestsOn, ScalingConfig, ScalingError, ScalingPoint, scaling as run_scaling, up_to_the_cpus,
};

use super::{
    Progress,
    on::{On, failure, timing_profile, whole},
    print,
    replay::once_each,
    several::{Measured, draft, settings, several},
};
use crate::{cli::ScalingArgs, command::signals::stop_flag, failure::Failure};

pub(crate) fn scaling(args: &ScalingArgs) -> Result<(), Failure> {
    let on = On::of(&args.target)?;
    if args.runs.is_several() {
        return several(&args.runs);
    }
    let draft = draft(&args.runs)?;
    let started = SystemTime::now();
    let stop = stop_flag()?;
    let cpus = thread::available_parallelism().map_or(1, usize::from);
    let is_one = matches!(on.guests, GuestsOn::Vfio { .. });
    let given = |given: &[u16], is_one: bool| match given {
        [] if is_one => vec![1],
        [] => up_to_the_cpus(cpus),
        given => once_each(given),
    };
    let config = ScalingConfig {
        on: on.guests,
        vendor: on.vendor,
        instances: given(&args.instances, is_one),
        producers: given(&args.producers, false),
        batch: args.batch,
        policy: args.policy,
        time: args.time,
    };
    let progress = Progress::start();
    let all = config.instances.len() * config.producers.len();
    let points = run_scaling(&config, &stop, |instances, producers, point| {
        progress.point(
            point,
            &format!("{instances} instances, {producers} producers"),
        );
    })
    .map_err(failure(ScalingError::is_the_machines))?;
    progress.clear();
    let run = Measured {
        suite: "scaling",
        target: Some(on.target.clone()),
        kind: on.kind,
        timing_profile: timing_profile(on.kind, points.iter().map(|point| point.vendor)),
        settings: settings([
            ("batch", args.batch.to_string()),
            ("policy", args.policy.name().to_owned()),
        ]),
        started,
        probes: Vec::new(),
        points: points.iter().map(ScalingPoint::point).collect(),
        is_complete: points.len() == all,
    }
    .write(draft, &args.runs)?;
    let place = (&run, on.target.as_str());
    print::scaling(&mut io::stdout().lock(), place, &points, args.runs.format)?;
    whole(points.len(), all)
}
