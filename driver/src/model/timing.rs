use std::borrow::Cow;

use crate::Nanos;

/// How long modelled hardware takes, as data.
///
/// A submission of *n* commands takes `per_submission` + *n* × `per_command` +
/// `per_wait` from the moment the tail was published, or from the end of the
/// submission before it, whichever is later.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimingProfile {
    /// What the profile is called.
    pub name: Cow<'static, str>,
    /// Noticing the tail and starting to fetch.
    pub per_submission: Nanos,
    /// Fetching and executing one invalidation.
    pub per_command: Nanos,
    /// Fetching the wait descriptor and writing its status.
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

    /// Hardware that takes no time: what remains is the cost of the software.
    pub const INSTANT: Self = Self {
        name: Cow::Borrowed("instant"),
        per_submission: Nanos(0),
        per_command: Nanos(0),
        per_wait: Nanos(0),
        source: Cow::Borrowed("no hardware time at all"),
    };

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

    /// One line for views, files and reports.
    #[must_use]
    pub fn describe(&self) -> String {
        format!(
            "timing profile {}: {} per submission, {} per command, {} per wait, up to {} commands \
             a submission; modelled, not measured here, and what this machine's own CPU and scheduler \
             take comes on top: {}",
            self.name,
            self.per_submission,
            self.per_command,
            self.per_wait,
            super::backend::BATCH_MAX,
            self.source
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
        let text = TimingProfile::default().describe();
        assert!(text.contains("modelled"), "{text}");
        assert!(text.contains("ASPLOS"), "{text}");
        assert!(text.contains("assumption"), "{text}");
    }
}
