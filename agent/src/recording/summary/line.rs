//! Of an interval's line, what is summed; the rest is passed over where it stands.

use std::borrow::Cow;

use serde::{Deserialize, de::IgnoredAny};

use super::{STAGES, add_guest};
use crate::{
    InstanceKind,
    snapshot::{Activity, GuestCounts},
};

#[derive(Deserialize)]
#[expect(clippy::struct_field_names, reason = "named as in the file")]
pub(super) struct Interval<'a> {
    pub(super) interval_ns: u64,
    pub(super) since_start_ns: u64,
    #[serde(default)]
    pub(super) blind: Option<IgnoredAny>,
    #[serde(borrow)]
    pub(super) instances: Vec<Instance<'a>>,
    pub(super) objects: Vec<Object>,
    #[serde(default)]
    pub(super) failures: Vec<IgnoredAny>,
    #[serde(default)]
    pub(super) looking: Option<Looking>,
}

#[derive(Deserialize)]
pub(super) struct Instance<'a> {
    pub(super) number: u16,
    #[serde(borrow)]
    pub(super) name: Cow<'a, str>,
    pub(super) kind: InstanceKind,
    pub(super) interval: Did,
    #[serde(default)]
    pub(super) fault: Option<IgnoredAny>,
}

#[derive(Deserialize)]
pub(super) struct Object {
    pub(super) interval: Did,
}

#[derive(Deserialize)]
pub(super) struct Looking {
    pub(super) ns: Option<u64>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Did {
    guest: GuestCounts,
    request: Counts,
    submission: Counts,
    driver_op: Counts,
    unattributed: Counts,
    host_submission: Counts,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(default)]
pub(super) struct Counts {
    pub(super) seen: u64,
    pub(super) recorded: u64,
    pub(super) lost: u64,
    pub(super) items: u64,
    pub(super) errors: u64,
    pub(super) total_ns: u64,
}

impl Did {
    /// By number of the stage, as their histograms are written.
    pub(super) fn stages(&self) -> [Counts; STAGES] {
        [
            self.request,
            self.submission,
            self.driver_op,
            self.unattributed,
            self.host_submission,
        ]
    }

    pub(super) fn add_to(&self, sum: &mut Activity) {
        add_guest(&mut sum.guest, &self.guest);
        for ((_, sum), more) in sum.stages_mut().into_iter().zip(self.stages()) {
            for (sum, more) in [
                (&mut sum.seen, more.seen),
                (&mut sum.recorded, more.recorded),
                (&mut sum.lost, more.lost),
                (&mut sum.items, more.items),
                (&mut sum.errors, more.errors),
                (&mut sum.total_ns, more.total_ns),
            ] {
                *sum = sum.saturating_add(more);
            }
        }
    }
}
