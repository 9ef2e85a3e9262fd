use std::time::Instant;

use hwptop_agent::InstanceKind;
use hwptop_agent::snapshot::{DriverCounts, InstanceSnapshot};
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
    /// The kernel's mock.
    Mock,
    /// The kernel's instance of this name, where the name is known.
    Named(Option<String>),
}

impl Driven {
    /// Guests on modelled instances.
    pub(super) const fn model(fleet: Fleet) -> Self {
        Self {
            load: Load::Guests(fleet),
            on: On::EachItsOwn,
        }
    }

    /// A guest on the kernel's mock.
    pub(super) const fn mock(fleet: Fleet) -> Self {
        Self {
            load: Load::Guests(fleet),
            on: On::Mock,
        }
    }

    /// A guest on the kernel's instance of this name.
    pub(super) const fn guest_of(fleet: Fleet, instance: Option<String>) -> Self {
        Self {
            load: Load::Guests(fleet),
            on: On::Named(instance),
        }
    }

    /// Unmaps on the kernel's instance of this name.
    pub(super) const fn unmaps_of(load: UnmapLoad, instance: Option<String>) -> Self {
        Self {
            load: Load::Unmaps(load),
            on: On::Named(instance),
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

    /// Adds what the driver counted, and why a guest cannot go on, to the instances.
    pub(super) fn add_counts(&self, instances: &mut [InstanceSnapshot]) {
        for instance in instances {
            let Some(guest) = self.guest_of_instance(instance) else {
                continue;
            };
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

    fn guest_of_instance(&self, instance: &InstanceSnapshot) -> Option<usize> {
        let its = match &self.on {
            On::EachItsOwn => return Some(usize::from(instance.number)),
            On::Mock => instance.kind == InstanceKind::Mock,
            On::Named(name) => name.as_ref() == Some(&instance.name),
        };
        its.then_some(0)
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
