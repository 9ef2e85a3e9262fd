use std::time::Duration;

/// A duration in whole nanoseconds; 584 years and more are the largest number.
#[must_use]
pub fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
