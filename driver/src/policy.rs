use std::fmt;

use crate::Nanos;

/// How a guest's invalidations become requests. Chosen per queue.
///
/// Whatever the policy: a sync completes only after everything before it, and
/// requests keep the order that the specification asks for (configuration before
/// translations, translations before device TLBs).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Policy {
    /// A request per entry, as QEMU and Cloud Hypervisor send them.
    Single,
    /// Everything up to a sync in one request per target.
    #[default]
    Array,
    /// As [`Self::Array`], and
    /// - ranges of one target that touch, overlap or repeat each other become one;
    /// - so many ranges that [`CostModel`] finds invalidating everything cheaper are
    ///   replaced by that;
    /// - syncs that are already queued complete together, behind one request, as
    ///   long as only translations are invalidated (several vCPUs' unmaps).
    ///
    /// A request that was merged and failed is sent again unmerged, so that the
    /// guest sees the very command that failed.
    Coalesce(CostModel),
}

impl Policy {
    /// The policies by name, with the default cost model.
    pub const ALL: [Self; 3] = [
        Self::Single,
        Self::Array,
        Self::Coalesce(CostModel::ASSUMED),
    ];

    /// `single`, `array` or `coalesce`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Single => "single",
            Self::Array => "array",
            Self::Coalesce(_) => "coalesce",
        }
    }

    /// The policy of that name, with the default cost model.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|policy| policy.name() == name)
    }
}

impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// When invalidating everything is cheaper than n ranges:
///
/// n × `entry` > `entry` + `cached` × `refill`
///
/// To the left what hardware takes for the ranges, to the right what it takes for
/// one command and for walking the tables again for translations that need not
/// have gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CostModel {
    /// Hardware time of one entry.
    pub entry: Nanos,
    /// Translations of the target that are cached and in use.
    pub cached: u32,
    /// Hardware time to translate again what was cached: one walk.
    pub refill: Nanos,
}

impl CostModel {
    /// 250 ns an entry (the command's part of [`crate::TimingProfile::STRICT`]), 64
    /// translations in use, 100 ns a walk: promotes from 27 ranges on. The last two
    /// are assumptions: neither is published, and both depend on the device.
    pub const ASSUMED: Self = Self {
        entry: Nanos(250),
        cached: 64,
        refill: Nanos(100),
    };

    /// Whether `ranges` ranges cost more than everything.
    #[must_use]
    pub const fn promotes(&self, ranges: usize) -> bool {
        let more = (ranges as u64).saturating_sub(1);
        more.saturating_mul(self.entry.0) > (self.cached as u64).saturating_mul(self.refill.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policies_are_found_by_the_name_they_print() {
        for policy in Policy::ALL {
            assert_eq!(Policy::from_name(&policy.to_string()), Some(policy));
        }
        assert_eq!(Policy::from_name("batch"), None);
    }

    #[test]
    fn the_assumed_costs_promote_from_27_ranges_on() {
        assert!(!CostModel::ASSUMED.promotes(26));
        assert!(CostModel::ASSUMED.promotes(27));
        let free_refill = CostModel {
            cached: 0,
            ..CostModel::ASSUMED
        };
        assert!(free_refill.promotes(2) && !free_refill.promotes(1) && !free_refill.promotes(0));
    }
}
