use std::{collections::BTreeMap, io, time::SystemTime};

use hwptop_bench::suite::{PoliciesConfig, PolicyPoint, StreamsError, policies as run_policies};
use hwptop_driver::Policy;

use super::{
    Progress, captured,
    on::{On, failure, whole},
    print,
    several::{Measured, draft, keep_inputs, several},
};
use crate::{
    cli::PoliciesArgs,
    command::{captures::open_captures, signals::stop_flag},
    failure::Failure,
    target::Target,
};

pub(crate) fn policies(args: &PoliciesArgs) -> Result<(), Failure> {
    keep_inputs(&args.runs, captured(&args.capture))?;
    let captures = open_captures(&args.capture)?;
    let on = On::of(args.target.as_ref().unwrap_or(&Target::default()))?;
    if args.runs.is_several() {
        return several(&args.runs);
    }
    let draft = draft(&args.runs)?;
    let started = SystemTime::now();
    let stop = stop_flag()?;
    let config = PoliciesConfig {
        on: on.guests,
        vendor: on.vendor,
        captures,
        policies: Policy::ALL.to_vec(),
        time: args.time,
    };
    let progress = Progress::start();
    let mut all = 0;
    let points = run_policies(&config, &stop, |stream, vcpus, point| {
        all = point.1;
        progress.point(point, &format!("{stream}, {vcpus} vCPUs"));
    })
    .map_err(failure(StreamsError::is_the_machines))?;
    progress.clear();
    let is_complete = points.len() == all;
    let measured = Measured {
        suite: "policies",
        // As it always was where none is given.
        target: args.target.as_ref().map(|_| on.target.clone()),
        kind: on.kind,
        timing_profile: None,
        settings: BTreeMap::new(),
        started,
        probes: Vec::new(),
        points: points.iter().map(PolicyPoint::point).collect(),
        is_complete,
    };
    measured.write(draft, &args.runs)?;
    let place = (on.kind, on.target.as_str());
    print::policies(&mut io::stdout().lock(), place, &points, args.runs.format)?;
    whole(points.len(), all)
}
