//! Whether a count is worse than it was.

use anyhow::{Context as _, Result};
use serde::Deserialize;
use std::collections::BTreeSet;
use std::fmt;
use std::fs;
use std::path::Path;

use super::baseline::RunFile;

/// The rules of `hwptop gate`, whose floor for instructions holds here.
pub(super) const RULES: &str = "bench/src/gate/rules.toml";
/// That rule.
const INSTRUCTIONS: &str = "instructions_per_*";

#[derive(Deserialize)]
struct Rules {
    metric: Vec<Rule>,
}

#[derive(Deserialize)]
struct Rule {
    name: String,
    floor: f64,
}

/// What a count may be more than it was, as a part: 0.005 is 0.5 %.
///
/// # Errors
/// Where the rules cannot be read, or have none for instructions.
pub(super) fn floor(path: &Path) -> Result<f64> {
    let name = || path.display().to_string();
    let text = fs::read_to_string(path).with_context(name)?;
    let rules: Rules = toml::from_str(&text).with_context(name)?;
    let rule = rules.metric.iter().find(|rule| rule.name == INSTRUCTIONS);
    let rule = rule.with_context(|| format!("{}: no rule {INSTRUCTIONS:?}", name()))?;
    Ok(rule.floor)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Held,
    /// Beyond the floor.
    Worse,
    /// As much the other way: the baseline would let that be lost again.
    Better,
    /// One of the two files does not have it.
    Alone,
    /// The two are not of the same build.
    Untold,
}

/// One count, and what it was.
#[derive(Debug, PartialEq)]
pub(super) struct Row {
    pub(super) key: String,
    base: Option<f64>,
    now: Option<f64>,
    pub(super) verdict: Verdict,
}

/// Every count of both, in the order of their names.
pub(super) fn judge(base: &RunFile, now: &RunFile, floor: f64) -> Vec<Row> {
    let (base, now) = (base.figures(), now.figures());
    let keys: BTreeSet<_> = base.keys().chain(now.keys()).collect();
    keys.into_iter()
        .map(|key| {
            let (base, now) = (base.get(key).copied(), now.get(key).copied());
            let verdict = match (base, now) {
                (Some(base), Some(now)) if now > base * (1.0 + floor) => Verdict::Worse,
                (Some(base), Some(now)) if now < base * (1.0 - floor) => Verdict::Better,
                (Some(_), Some(_)) => Verdict::Held,
                _ => Verdict::Alone,
            };
            Row {
                key: key.clone(),
                base,
                now,
                verdict,
            }
        })
        .collect()
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = f.width().unwrap_or(0);
        let count =
            |count: Option<f64>| count.map_or("-".to_owned(), |count| format!("{count:.2}"));
        write!(
            f,
            "{:<width$} {:>14} {:>14}",
            self.key,
            count(self.base),
            count(self.now)
        )?;
        if let (Some(base), Some(now)) = (self.base, self.now) {
            write!(f, " {:>+7.2} %", (now / base - 1.0) * 100.0)?;
        }
        f.write_str(match self.verdict {
            Verdict::Held | Verdict::Untold => "",
            Verdict::Worse => "  WORSE",
            Verdict::Better => "  better: --update would hold it",
            Verdict::Alone => "  in one of the two only: --update",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::baseline::counts;
    use super::*;
    use crate::repo::Repo;

    #[test]
    fn a_count_is_worse_beyond_the_floor_and_held_within_it() {
        let base = counts(&[], &[("array", 1000.0)]);
        for (now, expected) in [
            (1000.0, Verdict::Held),
            (1001.0, Verdict::Held),
            (1010.0, Verdict::Worse),
            (999.0, Verdict::Held),
            (990.0, Verdict::Better),
        ] {
            let rows = judge(&base, &counts(&[], &[("array", now)]), 0.005);
            assert_eq!(rows.len(), 1);
            assert_eq!(rows[0].verdict, expected, "{now}");
        }
    }

    #[test]
    fn what_one_of_the_two_does_not_have_is_told_and_not_judged() {
        let rows = judge(
            &counts(&[], &[("array", 1.0)]),
            &counts(&[], &[("single", 2.0)]),
            0.005,
        );
        let verdicts: Vec<_> = rows.iter().map(|row| row.verdict).collect();
        assert_eq!(verdicts, [Verdict::Alone; 2]);
        assert!(rows[0].to_string().contains('-'), "{}", rows[0]);
    }

    #[test]
    fn the_floor_is_that_of_the_gates_own_rules() {
        let repo = Repo::find().unwrap();
        let floor = floor(&repo.path(RULES)).unwrap();
        assert!(floor > 0.001 && floor < 0.01, "{floor}");
    }
}
