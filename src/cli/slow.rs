use std::time::Duration;

use clap::Args;
use hwptop_agent::{SlowOptions, SlowThreshold};

use super::duration;

/// Without `--slow`. Fixed, so that a long recording of a quiet machine stays small, and two
/// runs say the same by it.
const THRESHOLD: SlowThreshold = SlowThreshold::Fixed(Duration::from_millis(1));

/// Which events are kept one by one. What is not given is for a configuration file or the
/// defaults to say.
#[derive(Args, Clone, Copy, Debug, Default)]
pub(crate) struct SlowArgs {
    /// Keep slow events one by one, with all that is known of them: those at least this long, a
    /// number and ns, us, ms, s, m or h, e.g. 20us, or 0s for all; or those beyond a percentile
    /// of their stage since the start, p50 to p99.9999, e.g. p99.9, set anew after every interval
    /// (until it can be told: 1ms) [default: 1ms]
    #[arg(long, value_name = "TIME|PERCENTILE", value_parser = threshold)]
    pub(crate) slow: Option<SlowThreshold>,
    /// Keep at most N slow events in a second on each CPU; those beyond are counted as dropped
    /// [default: 1000]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) slow_rate: Option<u32>,
    /// Keep the kernel's stack with each slow event (targets of the kernel only)
    #[arg(long)]
    pub(crate) slow_stacks: bool,
}

impl SlowArgs {
    /// The first of these options that was given, if any was.
    pub(crate) fn first_given(self) -> Option<&'static str> {
        [
            ("--slow", self.slow.is_some()),
            ("--slow-rate", self.slow_rate.is_some()),
            ("--slow-stacks", self.slow_stacks),
        ]
        .into_iter()
        .find_map(|(option, given)| given.then_some(option))
    }

    /// What is to be kept, with defaults for what nobody said.
    pub(crate) fn options(self) -> SlowOptions {
        SlowOptions {
            threshold: self.slow.unwrap_or(THRESHOLD),
            rate: self.slow_rate.unwrap_or(SlowOptions::RATE),
            stacks: self.slow_stacks,
        }
    }
}

pub(crate) fn threshold(text: &str) -> Result<SlowThreshold, String> {
    if text.starts_with('p') {
        return text.parse().map(SlowThreshold::Percentile);
    }
    duration(text).map(SlowThreshold::Fixed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_threshold_is_a_time_or_a_percentile() {
        assert_eq!(
            threshold("20us").unwrap().fixed(),
            Some(Duration::from_micros(20))
        );
        for text in ["p99.9", "p50", "p99", "p99.99", "p50.5", "p99.9999"] {
            let Ok(SlowThreshold::Percentile(percentile)) = threshold(text) else {
                panic!("{text}")
            };
            assert_eq!(percentile.to_string(), text);
        }
        for wrong in [
            "p",
            "p0",
            "p49.9999",
            "p100",
            "p99.",
            "p99.99999",
            "p-1",
            "p+9",
            "pé",
            "p99.9ms",
            "99.9",
            "P99",
        ] {
            assert!(threshold(wrong).is_err(), "{wrong}");
        }
    }
}
