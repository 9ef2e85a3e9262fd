use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Deserializer, de::Error as _};

use crate::{
    metric::{Better, LATENCIES, METRICS, PERCENTILES},
    run_file::Key,
    statistics::{
        Confidence,
        ratio::{RUNS_LEAST, RUNS_MAX},
    },
};

/// What a gate is to hold, and how surely.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Rules {
    /// Of every interval, and of all metrics' rank tests together.
    #[serde(deserialize_with = "confidence")]
    pub confidence: Confidence,
    /// How long it may measure.
    #[serde(rename = "budget_s", deserialize_with = "seconds")]
    pub budget: Duration,
    /// Pairs, or runs, before the first look.
    #[serde(deserialize_with = "least")]
    pub least: usize,
    /// The most of them.
    #[serde(deserialize_with = "most")]
    pub most: usize,
    /// The rules of metrics: the first that fits one is its rule.
    pub metric: Vec<MetricRule>,
}

/// The rule of some metrics.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MetricRule {
    /// A name, or with `*` for a part of it those of several.
    #[serde(deserialize_with = "name")]
    pub name: String,
    /// Labels that the metric has to have.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// What does not matter, as a part: 0.01 is 1 %.
    #[serde(deserialize_with = "floor")]
    pub floor: f64,
    /// Which way is better; none: as the metric says.
    #[serde(default)]
    pub better: Option<Better>,
    /// What becomes of its verdict.
    #[serde(default)]
    pub action: Action,
}

/// What becomes of a metric's verdict.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// The gate's is no better.
    #[default]
    Fail,
    /// It is told.
    Report,
}

impl Rules {
    /// [`Self::default`], as a file to begin with.
    pub const TEMPLATE: &str = include_str!("rules.toml");

    /// The rule of `key`.
    #[must_use]
    pub fn of(&self, key: &Key) -> Option<&MetricRule> {
        self.metric.iter().find(|rule| rule.is_of(key))
    }

    /// Whether `key` can fail the gate.
    #[must_use]
    pub fn fails(&self, key: &Key) -> bool {
        self.of(key).is_some_and(|rule| rule.action == Action::Fail)
    }

    /// Whether there is any metric that can fail the gate: one that is better one way, and whose
    /// first rule lets it.
    #[must_use]
    pub fn can_fail(&self) -> bool {
        let comparable = || known().filter(|(_, better)| better.is_some());
        self.metric.iter().enumerate().any(|(index, rule)| {
            let hides = |name: &str| {
                let before = self.metric[..index].iter();
                let mut hiding = before.filter(|of| of.action == Action::Report);
                hiding.any(|of| {
                    let has = |(label, value)| rule.labels.get(label) == Some(value);
                    fits(&of.name, name) && of.labels.iter().all(has)
                })
            };
            rule.action == Action::Fail
                && comparable().any(|(name, _)| fits(&rule.name, &name) && !hides(&name))
        })
    }
}

/// What a file does not say: all of it without `metric`, so that a field's default is not the
/// whole default itself.
#[derive(Deserialize)]
struct Template {
    #[serde(deserialize_with = "confidence")]
    confidence: Confidence,
    #[serde(rename = "budget_s", deserialize_with = "seconds")]
    budget: Duration,
    least: usize,
    most: usize,
    metric: Vec<MetricRule>,
}

impl Default for Rules {
    fn default() -> Self {
        let parsed: Result<Template, _> = toml::from_str(Self::TEMPLATE);
        let Ok(template) = parsed else {
            unreachable!("the built-in rules are valid: a test reads them")
        };
        Self {
            confidence: template.confidence,
            budget: template.budget,
            least: template.least,
            most: template.most,
            metric: template.metric,
        }
    }
}

impl MetricRule {
    /// Whether it is the rule of `key`.
    #[must_use]
    pub fn is_of(&self, key: &Key) -> bool {
        let has = |(name, value)| key.labels.get(name) == Some(value);
        fits(&self.name, &key.metric) && self.labels.iter().all(has)
    }
}

/// Whether `name` is `pattern`, where `*` is anything.
fn fits(pattern: &str, name: &str) -> bool {
    match pattern.split_once('*') {
        Some((begin, end)) => {
            name.len() >= begin.len() + end.len() && name.starts_with(begin) && name.ends_with(end)
        }
        None => pattern == name,
    }
}

/// The names of all metrics, and which way each is better.
fn known() -> impl Iterator<Item = (String, Option<Better>)> {
    let single = METRICS.iter().map(|of| (of.name.to_owned(), of.better));
    let percentiles = LATENCIES.iter().flat_map(|of| {
        let one = |(percentile, _)| (format!("{}_{percentile}", of.name), of.better);
        PERCENTILES.into_iter().map(one)
    });
    single.chain(percentiles)
}

fn name<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    let name = String::deserialize(from)?;
    let all: Vec<String> = known().map(|(name, _)| name).collect();
    if all.iter().any(|metric| fits(&name, metric)) {
        return Ok(name);
    }
    let near = all
        .iter()
        .max_by(|a, b| strsim::jaro_winkler(a, &name).total_cmp(&strsim::jaro_winkler(b, &name)));
    let near = near.map_or_else(String::new, |near| format!("; {near:?} is one"));
    Err(D::Error::custom(format!(
        "no metric is called {name:?}{near}"
    )))
}

fn confidence<'de, D: Deserializer<'de>>(from: D) -> Result<Confidence, D::Error> {
    let part = f64::deserialize(from)?;
    let expected = || D::Error::custom(format!("confidence is {part}, must be 0.5 to 0.999"));
    Confidence::new(part).ok_or_else(expected)
}

fn seconds<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
    let seconds = u64::deserialize(from)?;
    if !(1..=86_400).contains(&seconds) {
        return Err(D::Error::custom(format!(
            "budget_s is {seconds}, must be 1 to 86400"
        )));
    }
    Ok(Duration::from_secs(seconds))
}

fn least<'de, D: Deserializer<'de>>(from: D) -> Result<usize, D::Error> {
    within("least", from, RUNS_LEAST, 1000)
}

fn most<'de, D: Deserializer<'de>>(from: D) -> Result<usize, D::Error> {
    within("most", from, RUNS_LEAST, RUNS_MAX)
}

fn within<'de, D: Deserializer<'de>>(
    what: &str,
    from: D,
    low: usize,
    high: usize,
) -> Result<usize, D::Error> {
    let value = usize::deserialize(from)?;
    if !(low..=high).contains(&value) {
        return Err(D::Error::custom(format!(
            "{what} is {value}, must be {low} to {high}"
        )));
    }
    Ok(value)
}

fn floor<'de, D: Deserializer<'de>>(from: D) -> Result<f64, D::Error> {
    let floor = f64::deserialize(from)?;
    if !(0.0..=10.0).contains(&floor) {
        return Err(D::Error::custom(format!(
            "floor is {floor}, must be 0 to 10; 0.01 is 1 %"
        )));
    }
    Ok(floor)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(metric: &str, batch: &str) -> Key {
        Key {
            metric: metric.to_owned(),
            labels: [("batch".to_owned(), batch.to_owned())].into(),
        }
    }

    #[test]
    fn the_built_in_rules_are_read_and_have_a_rule_for_every_metric() {
        let rules = Rules::default();
        assert_eq!(rules, toml::from_str(Rules::TEMPLATE).expect("valid"));
        assert_eq!(rules, toml::from_str("").expect("valid"));
        let cost = rules.of(&key("ns_per_entry", "1")).expect("a rule");
        assert_eq!((cost.floor, cost.action), (0.01, Action::Fail));
        let latency = rules
            .of(&key("request_latency_p99.9", "1"))
            .expect("a rule");
        assert_eq!((latency.floor, latency.action), (0.05, Action::Report));
        assert!(rules.can_fail());
    }

    #[test]
    fn every_cost_rate_and_count_of_instructions_fails_a_gate_by_default_whatever_its_suite() {
        let rules = Rules::default();
        let judged = |name: &str| {
            name.starts_with("ns_per_")
                || name.ends_with("_per_s")
                || name.starts_with("instructions_per_")
        };
        for (name, better) in known() {
            assert_eq!(rules.fails(&key(&name, "1")), judged(&name), "{name}");
            let wanted = if name.ends_with("_per_s") {
                Better::Higher
            } else {
                Better::Lower
            };
            // What is held against is neither better nor worse.
            let is_wanted = better.is_none() || better == Some(wanted);
            assert!(!judged(&name) || is_wanted, "{name}");
        }
        assert!(rules.fails(&key("ns_per_thing_of_a_later_suite", "1")));
    }

    #[test]
    fn rules_that_nothing_can_fail_are_known() {
        let report = "floor = 0.1\naction = \"report\"\n";
        let fail = "floor = 0.1\n";
        for (rules, can_fail) in [
            (vec![("ns_per_entry", fail)], true),
            (vec![("ns_per_entry", report)], false),
            (vec![("*", report), ("ns_per_entry", fail)], false),
            (vec![("ns_per_entry", report), ("ns_per_*", fail)], true),
            (vec![("request_latency_p99", fail)], true),
            // Neither more nor less of it is worse.
            (vec![("entries", fail)], false),
            (
                vec![
                    (
                        "*",
                        "floor = 0.1\naction = \"report\"\nlabels = { batch = \"1\" }\n",
                    ),
                    ("ns_per_entry", fail),
                ],
                true,
            ),
        ] {
            let text = rules
                .iter()
                .map(|(name, rest)| format!("[[metric]]\nname = \"{name}\"\n{rest}"));
            let text: String = text.collect();
            let read: Rules = toml::from_str(&text).expect("valid");
            assert_eq!(read.can_fail(), can_fail, "{text}");
        }
        assert!(
            !toml::from_str::<Rules>("metric = []")
                .expect("valid")
                .can_fail()
        );
    }

    #[test]
    fn the_first_rule_that_fits_name_and_labels_is_the_one() {
        let rules: Rules = toml::from_str(
            "[[metric]]\nname = \"*_p99\"\nlabels = { batch = \"64\" }\nfloor = 0.2\n\
             [[metric]]\nname = \"request_*\"\nfloor = 0.3\nbetter = \"higher\"\n",
        )
        .expect("valid");
        let floor = |metric, batch| rules.of(&key(metric, batch)).map(|rule| rule.floor);
        assert_eq!(floor("request_latency_p99", "64"), Some(0.2));
        assert_eq!(floor("request_latency_p99", "1"), Some(0.3));
        assert_eq!(floor("submission_latency_p99", "1"), None);
        assert_eq!(floor("ns_per_entry", "64"), None);
        assert_eq!(rules.metric[1].better, Some(Better::Higher));
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        for (text, said) in [
            ("confidence = 1.0", "confidence is 1, must be 0.5 to 0.999"),
            ("confidence = nan", "confidence is NaN"),
            ("budget_s = 0", "budget_s is 0, must be 1 to 86400"),
            ("least = 4", "least is 4, must be 5 to 1000"),
            ("most = 0", "most is 0, must be 5 to 1000"),
            ("leest = 10", "unknown field `leest`"),
            (
                "[[metric]]\nname = \"ns_per_entri\"\nfloor = 0.1",
                "no metric is called \"ns_per_entri\"; \"ns_per_entry\" is one",
            ),
            (
                "[[metric]]\nname = \"x*\"\nfloor = 0.1",
                "no metric is called \"x*\"",
            ),
            (
                "[[metric]]\nname = \"ns_per_entry\"\nfloor = -1",
                "floor is -1, must be 0 to 10",
            ),
            (
                "[[metric]]\nname = \"ns_per_entry\"",
                "missing field `floor`",
            ),
        ] {
            let error = toml::from_str::<Rules>(text).expect_err(text);
            assert!(error.message().contains(said), "{text}: {error}");
            assert!(error.span().is_some(), "{text}");
        }
    }
}
