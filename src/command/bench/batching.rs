use std::{
    io,
    path::Path,
    time::{SystemTime, UNIX_EPOCH},
};

use hwptop_agent::kernel::{facts::virtual_machine, host::Host, instances::instance_behind};
use hwptop_bench::{
    run_file::{BatchingRun, Environment, Kind, RunFile},
    suite::{Amount, Driven, Sweep, batching as run_batching},
};
use hwptop_driver::{TimingProfile, Vendor};

use super::{
    Progress, REVISION, print,
    several::{draft, several, write},
};
use crate::{
    cli::BatchingArgs, command::signals::stop_flag, failure::Failure, output::remark,
    target::Target,
};

pub(crate) fn batching(args: &BatchingArgs) -> Result<(), Failure> {
    let driven = driven(&args.target)?;
    if args.runs.is_several() {
        return several(&args.runs);
    }
    let draft = draft(&args.runs)?;
    let stop = stop_flag()?;
    let started = SystemTime::now();
    let sweep = Sweep {
        driven,
        amount: match args.requests {
            Some(requests) => Amount::Requests(requests),
            None => Amount::Time(args.time),
        },
        sizes: args.batch.clone(),
        delay: args.inject_delay / 100.0,
    };
    let all = sweep.points();
    let progress = Progress::start();
    let swept = run_batching(&sweep, &stop, |instance, batch, done| {
        progress.point((done, all), &format!("{instance}, batch {batch}"));
    })
    .map_err(Failure::cannot)?;
    progress.clear();
    let complete = swept.points.len() == all;
    let kind = kind(&sweep.driven);
    let mut run = RunFile::from(BatchingRun {
        target: args.target.to_string(),
        kind,
        work: swept.work,
        timing_profile: timing_profile(&sweep.driven),
        started_unix_s: started
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default()
            .as_secs(),
        command: std::env::args().collect(),
        environment: Environment::of_this_machine(REVISION),
        complete,
        points: swept.points,
    });
    for process in &mut run.runs {
        process.cpus.clone_from(&swept.cpus);
    }
    if let Some(requests) = args.requests {
        // Without a warm-up they are not those of a time.
        let requests = requests.to_string();
        run.settings.insert("requests".to_owned(), requests);
    }
    let measured = run.runs.iter().map(|run| run.points.len()).sum::<usize>();
    if measured > 0 {
        // The file first: what was measured outlives a reader that went away.
        if let Some(path) = write(draft, &args.runs, &run)? {
            remark(&format!(
                "wrote {path}; `hwptop report {path} -o DIR` draws it"
            ));
        }
        print::batching(&mut io::stdout().lock(), &run, args.runs.format)?;
    }
    if complete {
        return Ok(());
    }
    Err(Failure::Interrupted(anyhow::anyhow!(
        "stopped; {measured} of {all} points are measured"
    )))
}

fn driven(target: &Target) -> Result<Driven, Failure> {
    Ok(match target {
        &Target::Model { vendor, instances } => Driven::Model {
            vendor: vendor.unwrap_or(Vendor::Vtd),
            instances: instances.get(),
        },
        &Target::Selftest { vendor } => Driven::Selftest {
            vendor: vendor.unwrap_or(Vendor::Vtd),
        },
        Target::Vfio { device } => Driven::Vfio {
            instance: instance_of(device),
            device: device.clone(),
        },
        Target::Pid(_) | Target::Kernel | Target::Agent { .. } | Target::File { .. } => {
            return Err(Failure::input(anyhow::anyhow!(
                "--target {target}: the suite drives its target itself; take \
                 model[:vtd|smmuv3|amdvi][,instances=N], selftest[:vtd|smmuv3|amdvi] or \
                 vfio:/dev/vfio/devices/vfioN"
            )));
        }
    })
}

/// The kernel's name for the IOMMU behind a VFIO device, else the device's own.
fn instance_of(device: &Path) -> String {
    instance_behind(device).unwrap_or_else(|| device.display().to_string())
}

fn kind(driven: &Driven) -> Kind {
    match driven {
        Driven::Model { .. } => Kind::Modelled,
        Driven::Selftest { .. } => Kind::Mock,
        Driven::Vfio { .. } if virtual_machine(&Host::running()).is_some() => Kind::Emulated,
        Driven::Vfio { .. } => Kind::Hardware,
    }
}

fn timing_profile(driven: &Driven) -> Option<String> {
    match driven {
        &Driven::Model { vendor, .. } => Some(TimingProfile::of(vendor).describe(vendor)),
        _ => None,
    }
}
