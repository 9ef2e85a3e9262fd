//! Run files, as far as they are needed here: bench's own types would have every command of xtask wait for its crates.

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

pub(super) type Labels = BTreeMap<String, String>;

/// One figure.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Figure {
    pub(super) value: f64,
}

/// What was measured in one place.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Point {
    #[serde(default)]
    pub(super) labels: Labels,
    #[serde(default)]
    pub(super) figures: BTreeMap<String, Figure>,
}

/// A `hwptop.run/2` document.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct RunFile {
    #[serde(default)]
    settings: BTreeMap<String, String>,
    #[serde(default)]
    runs: Vec<Run>,
    /// What is kept as it is.
    #[serde(flatten)]
    rest: Map<String, Value>,
}

/// One process.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Run {
    #[serde(default)]
    points: Vec<Point>,
    #[serde(flatten)]
    rest: Map<String, Value>,
}

impl RunFile {
    /// # Errors
    /// Where it cannot be read, or is none.
    pub(super) fn read(path: &Path) -> Result<Self> {
        let name = || path.display().to_string();
        let text = fs::read_to_string(path).with_context(name)?;
        serde_json::from_str(&text).with_context(name)
    }

    /// # Errors
    /// Where it cannot be written.
    pub(super) fn write(&self, path: &Path) -> Result<()> {
        let text = serde_json::to_string_pretty(self).context("cannot make JSON")?;
        fs::write(path, text + "\n").with_context(|| format!("writing {}", path.display()))
    }

    /// Makes the run file of another suite, of this machine and binary, one with these counts.
    pub(super) fn become_counts(&mut self, settings: Labels, points: &[Point]) {
        self.settings = settings;
        self.rest.insert("suite".into(), "instructions".into());
        let line = ["cargo", "xtask", "perf", "--update"];
        self.rest.insert("command".into(), line.as_slice().into());
        self.runs.truncate(1);
        for run in &mut self.runs {
            run.points = points.to_vec();
        }
    }

    /// What was measured, in the order of the file.
    pub(super) fn points(&self) -> Vec<Point> {
        self.runs
            .iter()
            .flat_map(|run| run.points.clone())
            .collect()
    }

    /// Every figure, by metric and labels: `instructions_per_interval{format=json}`.
    pub(super) fn figures(&self) -> BTreeMap<String, f64> {
        let mut all = BTreeMap::new();
        for point in self.points() {
            let labels: Vec<_> = point
                .labels
                .iter()
                .map(|(name, value)| format!("{name}={value}"))
                .collect();
            for (metric, figure) in point.figures {
                all.insert(format!("{metric}{{{}}}", labels.join(",")), figure.value);
            }
        }
        all
    }

    /// The settings in which it is not like `base`.
    pub(super) fn differences(&self, base: &Self) -> Vec<String> {
        let names: BTreeSet<_> = self.settings.keys().chain(base.settings.keys()).collect();
        let said = |run: &Self, name: &String| {
            let value = run.settings.get(name);
            value.map_or_else(|| "absent".to_owned(), |value| format!("{value:?}"))
        };
        names
            .into_iter()
            .filter(|name| self.settings.get(*name) != base.settings.get(*name))
            .map(|name| format!("{name} was {}, is {}", said(base, name), said(self, name)))
            .collect()
    }
}

#[cfg(test)]
pub(super) fn counts(settings: &[(&str, &str)], figures: &[(&str, f64)]) -> RunFile {
    let points = figures.iter().map(|&(policy, value)| Point {
        labels: [("policy".to_owned(), policy.to_owned())].into(),
        figures: [("instructions_per_entry".to_owned(), Figure { value })].into(),
    });
    let mut run = RunFile {
        runs: vec![Run::default()],
        ..RunFile::default()
    };
    let settings = settings
        .iter()
        .map(|&(name, value)| (name.to_owned(), value.to_owned()));
    run.become_counts(settings.collect(), &points.collect::<Vec<_>>());
    run
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_count_depends_on_is_told_where_it_differs() {
        let base = counts(&[("rustc", "1.95.0"), ("libc", "2.36")], &[]);
        assert!(base.differences(&base).is_empty());
        let now = counts(&[("rustc", "1.96.0"), ("RUSTFLAGS", "-g")], &[]);
        let expected = [
            "RUSTFLAGS was absent, is \"-g\"",
            "libc was \"2.36\", is absent",
            "rustc was \"1.95.0\", is \"1.96.0\"",
        ];
        assert_eq!(now.differences(&base), expected);
    }

    #[test]
    fn a_run_file_keeps_what_is_not_known_here() {
        let text = r#"{"schema":"hwptop.run/2","suite":"front-end","kind":"hardware",
            "runs":[{"order":0,"points":[]},{"order":1,"points":[]}]}"#;
        let mut run: RunFile = serde_json::from_str(text).unwrap();
        run.become_counts(Labels::new(), &counts(&[], &[("array", 2.0)]).points());
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run.json");
        run.write(&path).unwrap();
        let again = RunFile::read(&path).unwrap();
        assert_eq!(again.rest["schema"], "hwptop.run/2");
        assert_eq!(again.rest["suite"], "instructions");
        assert_eq!(again.runs.len(), 1);
        assert_eq!(again.runs[0].rest["order"], 0);
        let expected = [("instructions_per_entry{policy=array}".to_owned(), 2.0)];
        assert_eq!(again.figures(), expected.into());
    }
}
