use std::borrow::Cow;

use hwptop_abi::Vendor;

use super::{AMDVI, batch_max};
use crate::Nanos;

/// How long modelled hardware takes, as data.
///
/// A submission of *n* commands takes `per_submission` + *n* × `per_command` +
/// `per_wait` from the moment it was published, or from the end of the
/// submission before it, whichever is later.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimingProfile {
    /// What the profile is called.
    pub name: Cow<'static, str>,
    /// Noticing the tail and starting to fetch.
    pub per_submission: Nanos,
    /// Fetching and executing one invalidation.
    pub per_command: Nanos,
    /// Fetching the sync and writing its completion.
    pub per_wait: Nanos,
    /// Where the figures come from, and what about them is assumed.
    pub source: Cow<'static, str>,
}

impl TimingProfile {
    /// One strict invalidation with its wait takes 700 ns: 2,127 to 2,135 cycles
    /// measured on bare metal (rIOMMU, ASPLOS 2015, about 3.1 GHz). How the time
    /// splits over the three parts was not published and is assumed.
    pub const STRICT: Self = Self {
        name: Cow::Borrowed("strict-700ns"),
        per_submission: Nanos(250),
        per_command: Nanos(250),
        per_wait: Nanos(200),
        source: Cow::Borrowed(
            "one strict VT-d IOTLB invalidation is 2,127-2,135 cycles, about 0.7 µs (rIOMMU, ASPLOS 2015); \
             the split into submission, command and wait is an assumption",
        ),
    };

    /// No figure was published for one SMMUv3 `CMD_SYNC` round trip; VT-d's
    /// ([`Self::STRICT`]) is assumed.
    pub const SMMUV3_ASSUMED: Self = Self {
        name: Cow::Borrowed("smmuv3-assumed-700ns"),
        source: Cow::Borrowed(
            "an assumption: no figure is published for SMMUv3, VT-d's 0.7 µs for one strict invalidation \
             (rIOMMU, ASPLOS 2015) and the split assumed there are taken",
        ),
        ..Self::STRICT
    };

    /// No figure was published for one AMD-Vi `COMPLETION_WAIT` round trip; VT-d's
    /// ([`Self::STRICT`]) is assumed.
    pub const AMDVI_ASSUMED: Self = Self {
        name: Cow::Borrowed("amdvi-assumed-700ns"),
        source: Cow::Borrowed(
            "an assumption: no figure is published for AMD-Vi, VT-d's 0.7 µs for one strict invalidation \
             (rIOMMU, ASPLOS 2015) and the split assumed there are taken",
        ),
        ..Self::STRICT
    };

    /// Hardware that takes no time: what remains is the cost of the software.
    pub const INSTANT: Self = Self {
        name: Cow::Borrowed("instant"),
        per_submission: Nanos(0),
        per_command: Nanos(0),
        per_wait: Nanos(0),
        source: Cow::Borrowed("no hardware time at all"),
    };

    /// The profile of a vendor's hardware where nothing else is asked for.
    #[must_use]
    pub const fn of(vendor: Vendor) -> Self {
        match vendor {
            Vendor::Vtd => Self::STRICT,
            Vendor::SmmuV3 => Self::SMMUV3_ASSUMED,
            Vendor::AmdVi => Self::AMDVI_ASSUMED,
        }
    }

    /// The time that a submission of `commands` commands takes.
    #[must_use]
    pub const fn submission(&self, commands: u64) -> Nanos {
        Nanos(
            self.per_command
                .0
                .saturating_mul(commands)
                .saturating_add(self.per_submission.0)
                .saturating_add(self.per_wait.0),
        )
    }

    /// One line for views, files and reports, for hardware of `vendor`.
    #[must_use]
    pub fn describe(&self, vendor: Vendor) -> String {
        let max = batch_max(vendor);
        let limit = match vendor {
            Vendor::Vtd => format!("up to {max} commands and a wait descriptor a submission"),
            Vendor::SmmuV3 => format!("up to {max} commands and a CMD_SYNC a submission"),
            Vendor::AmdVi => format!(
                "up to {max} commands and a COMPLETION_WAIT a submission (a ring of {} entries)",
                1 << AMDVI.log2size
            ),
        };
        format!(
            "timing profile {}: {} per submission, {} per command, {} per sync, {limit}; modelled, \
             not measured here, and what this machine's own CPU and scheduler take comes on top: {}",
            self.name, self.per_submission, self.per_command, self.per_wait, self.source
        )
    }
}

impl Default for TimingProfile {
    fn default() -> Self {
        Self::STRICT
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_strict_invalidation_takes_what_was_measured() {
        assert_eq!(TimingProfile::default().submission(1), Nanos(700));
    }

    #[test]
    fn a_profile_says_that_it_is_modelled_and_where_it_comes_from() {
        for vendor in [Vendor::Vtd, Vendor::SmmuV3, Vendor::AmdVi] {
            let text = TimingProfile::of(vendor).describe(vendor);
            for word in ["modelled", "ASPLOS", "assum"] {
                assert!(text.contains(word), "{text}");
            }
        }
    }

    #[test]
    fn a_profile_is_described_with_the_limit_of_the_vendor() {
        let describe = |vendor| TimingProfile::INSTANT.describe(vendor);
        assert!(describe(Vendor::Vtd).contains("up to 16 commands"));
        assert!(describe(Vendor::SmmuV3).contains("up to 63 commands"));
        assert!(describe(Vendor::AmdVi).contains("a ring of 512 entries"));
    }
}
