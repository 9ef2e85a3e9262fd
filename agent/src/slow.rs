//! Which events are kept one by one: those beyond a threshold, fixed or a running percentile, so
//! many a second.

use std::{fmt, str::FromStr, time::Duration};

use hwptop_abi::{Bucket, Config, STAGES, Stage};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use crate::{
    nanos,
    snapshot::{SlowRunning, StageThreshold},
    totals::{StageTotals, Stages, Totals},
};

/// What is kept one by one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SlowOptions {
    /// From which latency on.
    pub threshold: SlowThreshold,
    /// The most of them in a second: on each CPU where eBPF keeps them, else in the process.
    pub rate: u32,
    /// Whether the kernel's events come with the kernel's stack.
    pub stacks: bool,
}

impl SlowOptions {
    /// Nothing is kept.
    pub const NOTHING: Self = Self {
        threshold: SlowThreshold::Fixed(Duration::MAX),
        rate: Self::RATE,
        stacks: false,
    };

    /// The rate where nobody says one.
    pub const RATE: u32 = 1000;
}

impl From<Duration> for SlowOptions {
    /// Everything at least that long, within the usual rate.
    fn from(threshold: Duration) -> Self {
        Self {
            threshold: SlowThreshold::Fixed(threshold),
            ..Self::NOTHING
        }
    }
}

/// From which latency on an event is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SlowThreshold {
    /// The same for every stage.
    Fixed(Duration),
    /// That percentile of its stage, of everything since the measurement began.
    Percentile(Percentile),
}

impl SlowThreshold {
    /// The threshold, where it is fixed.
    #[must_use]
    pub const fn fixed(self) -> Option<Duration> {
        match self {
            Self::Fixed(threshold) => Some(threshold),
            Self::Percentile(_) => None,
        }
    }
}

const MILLION: u32 = 1_000_000;

/// A percentile with at most four decimals: `p99.9`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Percentile {
    /// How many of a million events are beyond it: 1 to 999,999.
    beyond: u32,
}

impl FromStr for Percentile {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let read = || {
            let (whole, decimals) = text
                .strip_prefix('p')?
                .split_once('.')
                .unwrap_or((&text[1..], "0"));
            let digits = |part: &str, most| {
                (1..=most).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit())
            };
            if !digits(whole, 2) || !digits(decimals, 4) {
                return None;
            }
            let below: u32 = format!("{whole}{decimals:0<4}").parse().ok()?;
            (MILLION / 2..MILLION).contains(&below).then(|| Self {
                beyond: MILLION - below,
            })
        };
        read().ok_or_else(|| format!("{text:?} is no percentile: p50, p99, p99.9 to p99.9999"))
    }
}

impl fmt::Display for Percentile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let below = MILLION - self.beyond;
        let all = format!("p{}.{:04}", below / 10_000, below % 10_000);
        f.write_str(all.trim_end_matches('0').trim_end_matches('.'))
    }
}

impl Serialize for Percentile {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Percentile {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(D::Error::custom)
    }
}

impl Percentile {
    /// The least latency that no more of the recorded events reached than may be beyond; `None`
    /// where so few were recorded that this is none of them.
    fn threshold_ns(self, stage: &StageTotals) -> Option<u64> {
        let recorded = u128::from(stage.recorded());
        let allowed = recorded * u128::from(self.beyond) / u128::from(MILLION);
        if allowed == 0 {
            return None;
        }
        let mut reached = 0;
        let buckets: Vec<(Bucket, u64)> = stage.buckets().collect();
        for (bucket, count) in buckets.into_iter().rev() {
            reached += u128::from(count);
            if reached > allowed {
                return Some(bucket.high_ns() + 1);
            }
        }
        None
    }
}

/// The stages of which events are kept: the others are parts of a request.
const KEPT: [Stage; 3] = [Stage::Request, Stage::Submission, Stage::HostSubmission];

/// A stage's threshold before its percentile can be told.
const AT_FIRST: Duration = Duration::from_millis(1);

/// The thresholds in force.
#[derive(Debug)]
pub(crate) struct Thresholds {
    rule: SlowThreshold,
    config: Config,
    counted: Vec<Stage>,
    /// Whose percentile could be told.
    told: Vec<Stage>,
}

impl Thresholds {
    pub(crate) fn new(options: &SlowOptions) -> Self {
        let threshold = options.threshold.fixed().unwrap_or(AT_FIRST);
        Self {
            rule: options.threshold,
            config: Config {
                slow_ns: [nanos(threshold); STAGES as usize],
                slow_rate: u64::from(options.rate),
            },
            counted: Vec::new(),
            told: Vec::new(),
        }
    }

    /// For the programs.
    pub(crate) fn config(&self) -> Config {
        self.config
    }

    /// Puts the thresholds that were in force into `totals`, and has them follow what those
    /// say; whether they changed.
    pub(crate) fn follow(&mut self, totals: &mut Totals) -> bool {
        let SlowThreshold::Percentile(percentile) = self.rule else {
            return false;
        };
        let before = self.config;
        let mut sums = Stages::default();
        for stages in totals.all_stages() {
            for (sum, stage) in sums.iter_mut().zip(stages) {
                sum.add(&stage.0);
            }
        }
        self.counted = KEPT
            .into_iter()
            .filter(|stage| sums[*stage as usize].0.seen > 0)
            .collect();
        totals.slow_running = Some(SlowRunning {
            percentile,
            thresholds: self.in_force(),
        });
        for stage in KEPT {
            let threshold = percentile.threshold_ns(&sums[stage as usize]);
            self.config.slow_ns[stage as usize] = threshold.unwrap_or(nanos(AT_FIRST));
            if threshold.is_some() && !self.told.contains(&stage) {
                self.told.push(stage);
            }
        }
        self.config != before
    }

    /// Of the stages that did anything.
    fn in_force(&self) -> Vec<StageThreshold> {
        let threshold = |&stage: &Stage| StageThreshold {
            stage,
            threshold: Duration::from_nanos(self.config.slow_ns[stage as usize]),
            is_told: self.told.contains(&stage),
        };
        self.counted.iter().map(threshold).collect()
    }
}

#[cfg(test)]
mod tests {
    use hwptop_abi::InstanceArg;
    use hwptop_abi::Vendor;

    use super::*;
    use crate::totals::{InstanceTotals, NO_INSTANCE, ObjectKey, ObjectTotals};

    fn percentile(text: &str) -> Percentile {
        text.parse().expect("it is one")
    }

    /// Of each latency one.
    fn stage(latencies_ns: impl Iterator<Item = u64>) -> StageTotals {
        let mut stage = StageTotals::default();
        for ns in latencies_ns {
            stage.0.buckets[Bucket::of(ns).index()] += 1;
            stage.0.seen += 1;
        }
        stage
    }

    #[test]
    fn no_more_than_the_percentile_leaves_were_beyond_its_threshold() {
        for (text, share) in [
            ("p99.9", 1_000),
            ("p99", 100),
            ("p50", 2),
            ("p99.99", 10_000),
        ] {
            for count in [10_000, 100_003] {
                let latencies = || (0..count).map(|n| 500 + n * 7);
                let threshold = percentile(text).threshold_ns(&stage(latencies())).unwrap();
                let beyond = latencies().filter(|ns| *ns >= threshold).count() as u64;
                assert!(beyond <= count / share, "{text} of {count}: {beyond}");
                // And not far fewer: what a bucket holds.
                let next = latencies()
                    .filter(|ns| *ns as f64 >= threshold as f64 / 1.04)
                    .count();
                assert!(next as u64 >= count / share, "{text} of {count}: {next}");
            }
        }
    }

    #[test]
    fn a_percentile_that_none_of_so_few_can_be_beyond_has_no_threshold() {
        let p999 = percentile("p99.9");
        assert_eq!(p999.threshold_ns(&stage(0..999)), None);
        assert!(p999.threshold_ns(&stage(0..1_000)).is_some());
        assert_eq!(p999.threshold_ns(&StageTotals::default()), None);
        // All alike: none is slow.
        let alike = stage(std::iter::repeat_n(700, 5_000));
        let at = p999.threshold_ns(&alike).unwrap();
        assert!((701..750).contains(&at), "{at}");
        // Beyond what buckets tell apart.
        let endless = stage(std::iter::repeat_n(u64::MAX, 5_000));
        assert!(p999.threshold_ns(&endless).unwrap() > 1 << 35);
    }

    #[test]
    fn each_stage_follows_its_own_of_every_instance_and_of_what_reached_none() {
        let options = SlowOptions {
            threshold: SlowThreshold::Percentile(percentile("p90")),
            ..SlowOptions::NOTHING
        };
        let mut thresholds = Thresholds::new(&options);
        let mut instance = InstanceTotals::new(InstanceArg::new(0, Vendor::Vtd, false));
        instance.stages[Stage::Submission as usize] = stage(1..=100);
        let mut unreached = ObjectTotals {
            key: ObjectKey {
                instance: NO_INSTANCE,
                tgid: None,
                context: 0,
                hwpt: 0,
            },
            stages: Stages::default(),
        };
        unreached.stages[Stage::Request as usize] = stage(1_001..=1_100);
        let mut totals = Totals {
            instances: vec![instance],
            objects: vec![unreached],
            ..Totals::default()
        };
        assert!(thresholds.follow(&mut totals));
        let at_first = totals.slow_running.clone().unwrap();
        let told = at_first
            .thresholds
            .iter()
            .map(|one| (one.stage, one.threshold));
        let told: Vec<_> = told.collect();
        assert_eq!(
            told,
            [(Stage::Request, AT_FIRST), (Stage::Submission, AT_FIRST)]
        );

        let now = thresholds.config().slow_ns;
        let of = |stage: Stage| now[stage as usize];
        assert!((1_060..=1_120).contains(&of(Stage::Request)), "{now:?}");
        assert!((88..=96).contains(&of(Stage::Submission)), "{now:?}");
        assert_eq!(of(Stage::HostSubmission), nanos(AT_FIRST));
        assert!(!thresholds.follow(&mut totals));
    }

    #[test]
    fn a_fixed_threshold_stays() {
        let mut thresholds = Thresholds::new(&Duration::from_micros(20).into());
        let before = thresholds.config();
        assert_eq!(before.slow_ns, [20_000; STAGES as usize]);
        let mut totals = Totals::default();
        assert!(!thresholds.follow(&mut totals) && totals.slow_running.is_none());
        assert_eq!(thresholds.config(), before);
    }
}
