//! Where guests are that suites drive.

use std::collections::BTreeSet;

use hwptop_agent::kernel::{facts::virtual_machine, host::Host};
use hwptop_bench::{run_file::Kind, suite::GuestsOn};
use hwptop_driver::{TimingProfile, Vendor};

use crate::{failure::Failure, target::Target};

/// A target that guests' queues can lead to.
pub(super) struct On {
    pub(super) guests: GuestsOn,
    /// Whose guests; none: those of the streams.
    pub(super) vendor: Option<Vendor>,
    pub(super) kind: Kind,
    /// As a run file has it: without what it says nothing about.
    pub(super) target: String,
}

impl On {
    /// `target`, whatever it says of instances.
    pub(super) fn of(target: &Target) -> Result<Self, Failure> {
        let (guests, vendor, kind) = match target {
            &Target::Model { vendor, .. } => (GuestsOn::Model, vendor, Kind::Modelled),
            &Target::Selftest { vendor } => (GuestsOn::Selftest, vendor, Kind::Mock),
            Target::Vfio { device } => {
                let device = device.clone();
                (GuestsOn::Vfio { device }, None, of_this_machine())
            }
            Target::Pid(_) | Target::Kernel | Target::Agent { .. } | Target::File { .. } => {
                return Err(Failure::input(anyhow::anyhow!(
                    "--target {target}: the suite drives its target itself; take \
                     model[:vtd|smmuv3|amdvi], selftest[:vtd|smmuv3|amdvi] or \
                     vfio:/dev/vfio/devices/vfioN"
                )));
            }
        };
        let target = match target {
            Target::Model { vendor: None, .. } => "model".to_owned(),
            Target::Model {
                vendor: Some(vendor),
                ..
            } => format!("model:{}", vendor.name()),
            _ => target.to_string(),
        };
        Ok(Self {
            guests,
            vendor,
            kind,
            target,
        })
    }
}

/// What an IOMMU of the kernel's is.
fn of_this_machine() -> Kind {
    match virtual_machine(&Host::running()) {
        Some(_) => Kind::Emulated,
        None => Kind::Hardware,
    }
}

/// The timing of the modelled units of these vendors, stated in full; none where nothing is modelled.
pub(super) fn timing_profile(
    kind: Kind,
    vendors: impl IntoIterator<Item = Vendor>,
) -> Option<String> {
    let vendors: BTreeSet<Vendor> = vendors.into_iter().collect();
    let described = vendors
        .into_iter()
        .map(|vendor| TimingProfile::of(vendor).describe(vendor));
    let described: Vec<String> = described.collect();
    (kind == Kind::Modelled && !described.is_empty()).then(|| described.join("; "))
}

/// Why there can be no guests, by whose fault.
pub(super) fn failure<E>(is_the_machines: impl Fn(&E) -> bool) -> impl Fn(E) -> Failure
where
    E: std::error::Error + Send + Sync + 'static,
{
    move |error| {
        if is_the_machines(&error) {
            Failure::cannot(error)
        } else {
            Failure::input(error)
        }
    }
}

/// What was measured where a signal ended the suite early, if one did.
pub(super) fn whole(measured: usize, all: usize) -> Result<(), Failure> {
    if measured == all {
        return Ok(());
    }
    Err(Failure::Interrupted(anyhow::anyhow!(
        "stopped; {measured} of {all} points are measured"
    )))
}
