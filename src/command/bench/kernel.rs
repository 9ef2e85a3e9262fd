//! The suites that put probes on the kernel.

use std::{collections::BTreeMap, io, sync::atomic::Ordering, time::SystemTime};

use hwptop_bench::{
    load::LoadConfig,
    run_file::Kind,
    suite::{Finding, integrity as run_integrity, kernel_cost as run_kernel_cost},
};
use hwptop_driver::Vendor;

use super::{
    Progress, print,
    several::{Measured, draft, probes, several},
};
use crate::{
    cli::{IntegrityArgs, ProbeCostArgs},
    command::signals::stop_flag,
    failure::Failure,
    target::Target,
};

/// `bench probe-cost` on the selftest.
pub(super) fn kernel_cost(target: &Target, args: &ProbeCostArgs) -> Result<(), Failure> {
    let vendor = selftest(target)?;
    if args.runs.is_several() {
        return several(&args.runs);
    }
    let rounds = args.rounds;
    let draft = draft(&args.runs)?;
    let started = SystemTime::now();
    let stop = stop_flag()?;
    let progress = Progress::start();
    let costs = run_kernel_cost(vendor, rounds, &stop, |round, variant| {
        progress.of("round", (round as usize, rounds as usize), variant.name());
    })
    .map_err(Failure::cannot)?;
    progress.clear();
    let is_complete = !stop.load(Ordering::Relaxed);
    let measured = Measured {
        suite: "probe-cost",
        target: Some(target.to_string()),
        kind: Kind::Mock,
        timing_profile: None,
        settings: BTreeMap::new(),
        started,
        probes: probes(["none", "empty kernel probes", "kernel probes"]),
        points: costs.points(),
        is_complete,
    };
    measured.write(draft, &args.runs)?;
    print::kernel_cost(&mut io::stdout().lock(), &costs, args.runs.format)?;
    if !is_complete {
        return Err(Failure::Interrupted(anyhow::anyhow!(
            "stopped; the figures are of fewer rounds"
        )));
    }
    Ok(())
}

pub(crate) fn integrity(args: &IntegrityArgs) -> Result<(), Failure> {
    let config = LoadConfig {
        vendor: selftest(&args.target)?,
        threads: args.threads,
        requests: args.requests,
        batch: args.batch,
        migrate: true,
    };
    let stop = stop_flag()?;
    let progress = Progress::start();
    progress.show("attaching the kernel probes");
    let result = run_integrity(&config, &stop, |done| {
        progress.show(&format!("{done} of {} requests", args.requests));
    })
    .map_err(Failure::cannot)?;
    progress.clear();
    let Some(integrity) = result else {
        return Err(Failure::Interrupted(anyhow::anyhow!(
            "stopped before the end: there is nothing to judge"
        )));
    };
    print::integrity(&mut io::stdout().lock(), (&config, &integrity), args.format)?;
    match integrity.finding() {
        Finding::Holds => Ok(()),
        Finding::Fails => Err(Failure::Refuted(anyhow::anyhow!(
            "{} of {} checks do not hold",
            integrity.with_finding(Finding::Fails).count(),
            integrity.checks.len()
        ))),
        Finding::ProvesNothing => Err(Failure::cannot(anyhow::anyhow!(
            "proves nothing: {}",
            print::unproven(&integrity)
        ))),
    }
}

pub(super) fn selftest(target: &Target) -> Result<Vendor, Failure> {
    match target {
        Target::Selftest { vendor } => Ok(vendor.unwrap_or(Vendor::Vtd)),
        _ => Err(Failure::input(anyhow::anyhow!(
            "--target {target}: kernel probes are measured on selftest[:vtd|smmuv3|amdvi] only"
        ))),
    }
}
