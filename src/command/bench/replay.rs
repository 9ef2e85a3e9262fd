use std::{io, time::SystemTime};

use hwptop_bench::suite::{ReplayConfig, ReplayPoint, StreamsError, replay as run_replay};

use super::{
    Progress, captured,
    on::{On, failure, timing_profile, whole},
    print,
    several::{Measured, draft, keep_inputs, settings, several},
};
use crate::{
    cli::BenchReplayArgs,
    command::{captures::open_captures, signals::stop_flag},
    failure::Failure,
};

pub(crate) fn bench_replay(args: &BenchReplayArgs) -> Result<(), Failure> {
    keep_inputs(&args.runs, captured(&args.capture))?;
    let captures = open_captures(&args.capture)?;
    let on = On::of(&args.target)?;
    if args.runs.is_several() {
        return several(&args.runs);
    }
    let draft = draft(&args.runs)?;
    let started = SystemTime::now();
    let stop = stop_flag()?;
    let config = ReplayConfig {
        on: on.guests,
        vendor: on.vendor,
        captures,
        policies: once_each(&args.policy),
        vcpus: once_each(&args.vcpus),
        rates: once_each(&args.rate),
        time: args.time,
    };
    let progress = Progress::start();
    let mut all = 0;
    let points = run_replay(&config, &stop, |what, point| {
        all = point.1;
        progress.point(point, what);
    })
    .map_err(failure(StreamsError::is_the_machines))?;
    progress.clear();
    let run = Measured {
        suite: "replay",
        target: Some(on.target.clone()),
        kind: on.kind,
        timing_profile: timing_profile(on.kind, points.iter().map(|point| point.vendor)),
        settings: settings([("time", format!("{:?}", args.time))]),
        started,
        probes: Vec::new(),
        points: points.iter().map(ReplayPoint::point).collect(),
        is_complete: points.len() == all,
    }
    .write(draft, &args.runs)?;
    let place = (&run, on.target.as_str());
    print::replay(&mut io::stdout().lock(), place, &points, args.runs.format)?;
    whole(points.len(), all)
}

/// In their order, without those that are given again.
pub(super) fn once_each<T: PartialEq + Copy>(given: &[T]) -> Vec<T> {
    let mut each = Vec::new();
    for &one in given {
        if !each.contains(&one) {
            each.push(one);
        }
    }
    each
}
