//! The kernel's own IOMMUs under kernel probes: as they are, or driven by this process.

use std::{path::Path, time::Instant};

use hwptop_abi::Vendor;
use hwptop_agent::kernel::{
    Kernel, KernelOptions, Method, can_drive_iommufd, facts::Facts, instances::instance_behind,
};
use hwptop_agent::{
    Aggregator, InstanceKind, Origin, ProcessCounters,
    snapshot::{Dispatch, MeasuredBy},
};
use hwptop_bench::calibration::{Calibration, of_requests};
use hwptop_bench::fleet::{Fleet, FleetConfig, FleetError, Pace};
use hwptop_bench::unmaps::{UnmapLoad, Unmaps};
use hwptop_driver::iommufd::{Context, Nesting, VfioDevice};
use hwptop_driver::{Backend, Capture, Guest, ReplayError, Stream, selftest_guest, vfio_guest};

use super::{Driven, Live, captures, driven::Unit, drop_rights, perf_of_this_process};
use crate::{
    cli::{KernelMethod, MeasureArgs},
    failure::Failure,
    target::Target,
};

impl Live {
    /// Watches; drives nothing.
    pub(super) fn kernel(args: &MeasureArgs, target: &Target) -> Result<Self, Failure> {
        if let Some(option) = args.replay.first_given() {
            return Err(Failure::input(anyhow::anyhow!(
                "{option} says what to drive; {target} is watched as it is"
            )));
        }
        if args.perf {
            return Err(Failure::input(anyhow::anyhow!(
                "--perf counts one process, and {target} is all of them: take --target pid:N, or \
                 one that this process drives"
            )));
        }
        let (watched, _) = watch(args, None)?;
        drop_rights(args)?;
        Ok(Self::of_kernel((args, target), watched, None))
    }

    /// Lets a guest replay its stream on the kernel's mock.
    pub(super) fn selftest(
        args: &MeasureArgs,
        target: &Target,
        vendor: Option<Vendor>,
    ) -> Result<Self, Failure> {
        let capture = one_capture(args, target, vendor)?;
        let (watched, facts, context) = watch_and_open(args, Some(std::process::id()))?;
        let unit = Unit {
            name: mock_of(&facts),
            kind: InstanceKind::Mock,
        };
        let fleet = fleet(args, capture, |stream| selftest_guest(&context, stream, 0))?;
        let driven = Driven::guest_of(fleet, unit);
        Ok(Self::of_kernel((args, target), watched, Some(driven)))
    }

    /// Lets a guest replay its stream on the IOMMU of a device, or unmaps memory of the
    /// device where that IOMMU has no nesting.
    pub(super) fn vfio(args: &MeasureArgs, target: &Target, path: &Path) -> Result<Self, Failure> {
        let (watched, facts, context) = watch_and_open(args, None)?;
        let device = VfioDevice::bind(&context, path).map_err(Failure::cannot)?;
        let unit = unit_behind(path, &facts);
        let driven = match device.nesting().map_err(Failure::cannot)? {
            Nesting::Offered(vendor) => {
                let capture = one_capture(args, target, Some(vendor))?;
                let fleet = fleet(args, capture, |stream| vfio_guest(&device, stream, 0))?;
                Driven::guest_of(fleet, unit)
            }
            Nesting::NotOffered(why) => {
                let given = args.replay.first_given();
                if let Some(option) = given.filter(|option| *option != "--passes") {
                    return Err(Failure::input(anyhow::Error::new(why).context(format!(
                        "{option} is for a guest's stream, and the IOMMU of {} offers guests no \
                         nesting: its host's unmaps are what can be driven",
                        path.display()
                    ))));
                }
                let unmaps = Unmaps::new(&context, device).map_err(Failure::cannot)?;
                drop_rights(args)?;
                let load = UnmapLoad::start(unmaps, args.replay.passes).map_err(Failure::cannot)?;
                Driven::unmaps_of(load, unit)
            }
        };
        Ok(Self::of_kernel((args, target), watched, Some(driven)))
    }

    fn of_kernel(
        (args, target): (&MeasureArgs, &Target),
        watched: Watched,
        driven: Option<Driven>,
    ) -> Self {
        let Watched {
            kernel,
            dispatch,
            calibration,
            perf,
        } = watched;
        let guest = driven.as_ref().is_some_and(Driven::is_guest);
        let policy = guest.then(|| args.replay.policy.unwrap_or_default().name().into());
        let origin = Origin {
            target: target.to_string(),
            measured_by: MeasuredBy::Ebpf,
            policy,
            timing_profile: None,
            probes: Vec::new(),
            stages: kernel.attachments(),
            slow_threshold: args.slow.options().threshold.fixed(),
            instances: Vec::new(),
        };
        Self {
            source: Box::new(kernel),
            aggregator: Aggregator::new(origin, Instant::now()).with_dispatch(dispatch),
            driven,
            process: None,
            perf,
            calibration: Some(calibration),
            is_over: false,
        }
    }
}

/// The kernel under its probes, and what is found out before them.
struct Watched {
    kernel: Kernel,
    dispatch: Dispatch,
    calibration: Calibration,
    perf: Option<ProcessCounters>,
}

/// Puts the probes on the kernel, or says by name what it lacks.
fn watch(args: &MeasureArgs, mock_tgid: Option<u32>) -> Result<(Watched, Facts), Failure> {
    let facts = Facts::of_this_machine();
    let (at_best, requests_at_best) = match args.kernel_probes_at_best {
        KernelMethod::Fentry => (Method::Fentry, Method::Fentry),
        KernelMethod::Mixed => (Method::Fentry, Method::Kprobe),
        KernelMethod::Kprobe => (Method::Kprobe, Method::Kprobe),
        KernelMethod::Tracepoint => (Method::Tracepoint, Method::Tracepoint),
    };
    let defaults = KernelOptions::default();
    let options = KernelOptions {
        kept: args.forget_after.unwrap_or(defaults.kept),
        slow: args.slow.options(),
        at_best,
        requests_at_best,
        mock_tgid,
        ..defaults
    };
    // Before the programs are there, which are timed from their beginning.
    let calibration = Calibration::of_kernel();
    let kernel = Kernel::attach(&facts, &options).map_err(Failure::cannot)?;
    let watched = Watched {
        dispatch: of_requests(calibration.dispatch.clone(), &kernel.attachments()),
        calibration,
        kernel,
        perf: perf_of_this_process(args)?,
    };
    Ok((watched, facts))
}

/// The probes first, so that nothing that is done goes unseen.
fn watch_and_open(
    args: &MeasureArgs,
    mock_tgid: Option<u32>,
) -> Result<(Watched, Facts, Context), Failure> {
    let (watched, facts) = watch(args, mock_tgid)?;
    can_drive_iommufd(&facts).map_err(Failure::cannot)?;
    let context = Context::open().map_err(Failure::cannot)?;
    Ok((watched, facts, context))
}

/// What the kernel calls its mock.
fn mock_of(facts: &Facts) -> String {
    let mut instances = facts.instances.iter();
    let mock = instances.find(|instance| instance.kind == InstanceKind::Mock);
    mock.map_or_else(|| "mock".to_owned(), |mock| mock.name.clone())
}

/// The instance that a device is behind. A kernel that does not name it has the device's
/// name here.
fn unit_behind(device: &Path, facts: &Facts) -> Unit {
    let device_name = || device.file_name().unwrap_or_default().to_string_lossy();
    Unit {
        name: instance_behind(device).unwrap_or_else(|| device_name().into_owned()),
        kind: match facts.virtual_machine {
            Some(_) => InstanceKind::Emulated,
            None => InstanceKind::Hardware,
        },
    }
}

/// The stream of the one guest there is.
fn one_capture(
    args: &MeasureArgs,
    target: &Target,
    vendor: Option<Vendor>,
) -> Result<Capture, Failure> {
    let mut captures = captures(&args.replay.capture, vendor, target)?;
    if args.replay.capture.len() > 1 {
        return Err(Failure::input(anyhow::anyhow!(
            "--capture is given {} times; {} drives one guest",
            args.replay.capture.len(),
            target
        )));
    }
    Ok(captures.swap_remove(0))
}

/// Starts the guest of a stream.
fn fleet<B: Backend + 'static>(
    args: &MeasureArgs,
    capture: Capture,
    guest: impl FnOnce(&Stream) -> Result<Guest<B>, ReplayError>,
) -> Result<Fleet, Failure> {
    let failed = |source: ReplayError| {
        let ours = source.is_the_machines();
        let error = anyhow::Error::new(source).context(capture.name().to_owned());
        if ours {
            Failure::Cannot(error)
        } else {
            Failure::Input(error)
        }
    };
    let mut guest = Stream::from_capture(&capture)
        .and_then(|stream| guest(&stream))
        .map_err(failed)?;
    let policy = args.replay.policy.unwrap_or_default();
    guest.iommu_mut().set_policy(policy);
    let name = capture.name().to_owned();
    let config = FleetConfig {
        captures: vec![capture],
        instances: 1,
        passes: args.replay.passes,
        policy,
        pace: args.replay.speed.unwrap_or(Pace::Captured(1.0)),
        recorder: None,
    };
    drop_rights(args)?;
    Fleet::of_guests(vec![(name, guest)], &config)
        .map_err(|error: FleetError| Failure::cannot(error))
}
