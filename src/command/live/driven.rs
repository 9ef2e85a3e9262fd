use std::time::Instant;

use hwptop_agent::InstanceKind;
use hwptop_agent::snapshot::{Activity, DriverCounts, InstanceSnapshot};
use hwptop_bench::{fleet::Fleet, unmaps::UnmapLoad};
use hwptop_driver::Counts;

/// What this command itself lets happen on its target.
pub(super) struct Driven {
    load: Load,
    on: On,
}

enum Load {
    Guests(Fleet),
    Unmaps(UnmapLoad),
}

/// Where it shows.
enum On {
    /// Guest i on instance i.
    EachItsOwn,
    /// On one instance of the kernel's.
    One(Unit),
}

/// An instance of the kernel's, by what it is called before the probes see it.
pub(super) struct Unit {
    pub(super) name: String,
    pub(super) kind: InstanceKind,
}

/// The number of an instance that the probes have not seen; theirs are far below.
const UNSEEN: u16 = u16::MAX;

impl Unit {
    /// The process has one mock, whatever the kernel calls it.
    fn is(&self, instance: &InstanceSnapshot) -> bool {
        match self.kind {
            InstanceKind::Mock => instance.kind == InstanceKind::Mock,
            _ => instance.name == self.name,
        }
    }

    fn unseen(&self) -> InstanceSnapshot {
        InstanceSnapshot {
            number: UNSEEN,
            name: self.name.clone(),
            kind: self.kind,
            interval: Activity::default(),
            total: Activity::default(),
            driver: None,
            fault: None,
        }
    }
}

impl Driven {
    /// Guests on modelled instances.
    pub(super) const fn model(fleet: Fleet) -> Self {
        Self {
            load: Load::Guests(fleet),
            on: On::EachItsOwn,
        }
    }

    /// A guest on an instance of the kernel's.
    pub(super) const fn guest_of(fleet: Fleet, unit: Unit) -> Self {
        Self {
            load: Load::Guests(fleet),
            on: On::One(unit),
        }
    }

    /// Unmaps on an instance of the kernel's.
    pub(super) const fn unmaps_of(load: UnmapLoad, unit: Unit) -> Self {
        Self {
            load: Load::Unmaps(load),
            on: On::One(unit),
        }
    }

    /// Whether a guest replays a stream.
    pub(super) const fn is_guest(&self) -> bool {
        matches!(self.load, Load::Guests(_))
    }

    /// When it came to its end; `None` while it runs.
    pub(super) fn ended_at(&self) -> Option<Instant> {
        match &self.load {
            Load::Guests(fleet) => fleet.ended_at(),
            Load::Unmaps(load) => load.ended_at(),
        }
    }

    pub(super) fn stop(&mut self) {
        match &mut self.load {
            Load::Guests(fleet) => fleet.stop(),
            Load::Unmaps(load) => load.stop(),
        }
    }

    /// Adds what the driver counted, and why a guest cannot go on, to the instances. The one
    /// that is driven is among them then, even if no request of it has reached the kernel.
    pub(super) fn add_counts(&self, instances: &mut Vec<InstanceSnapshot>) {
        match &self.on {
            On::EachItsOwn => {
                for instance in instances {
                    self.add_to(instance, usize::from(instance.number));
                }
            }
            On::One(unit) => {
                let seen = instances.iter().position(|instance| unit.is(instance));
                let at = seen.unwrap_or_else(|| {
                    instances.push(unit.unseen());
                    instances.len() - 1
                });
                self.add_to(&mut instances[at], 0);
            }
        }
    }

    fn add_to(&self, instance: &mut InstanceSnapshot, guest: usize) {
        match &self.load {
            Load::Guests(fleet) => {
                if let Some(counts) = fleet.counts(guest) {
                    let fault = || counts.fault.map(|fault| fault.to_string());
                    instance.fault = fleet.failure(guest).or_else(fault);
                    instance.driver = Some(driver_counts(&counts));
                }
            }
            Load::Unmaps(load) => instance.fault = load.failure(),
        }
    }
}

fn driver_counts(counts: &Counts) -> DriverCounts {
    DriverCounts {
        descriptors: counts
            .by_type()
            .map(|(name, count)| (name.into(), count))
            .collect(),
        waits: counts.waits,
        requests: counts.requests,
        entries: counts.handled,
        request_errors: counts.request_errors,
        submissions: counts.submissions,
        commands: counts.commands,
        submission_errors: counts.submission_errors,
        faults: counts.faults,
    }
}
