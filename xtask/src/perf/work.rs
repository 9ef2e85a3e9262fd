//! The work whose instructions are counted.

use anyhow::{Context as _, Result};
use std::collections::BTreeMap;
use std::process::Command;

use super::baseline::{Figure, Labels, Point, RunFile};
use super::binary::Binary;
use super::valgrind;
use crate::process;
use crate::repo::Repo;

/// A recording of a kernel, 57 intervals.
const RECORDING: &str = "docs/kernel.jsonl";
/// Counts of two processes differ by some hundreds: of as many instructions as these rounds take, that is nothing.
const ROUNDS: [u64; 2] = [1, 3];
const INTERVALS: [u64; 2] = [10, 20];

/// Something that hwptop does.
pub(super) struct Work {
    metric: &'static str,
    labels: Labels,
    arguments: Vec<String>,
    /// The option that says how much of it is done.
    amount: &'static str,
    amounts: [u64; 2],
    /// What the metric is of, in one of the amount.
    units: f64,
}

/// Every work, and the run file of the front-end suite that they were found by.
///
/// # Errors
/// Where hwptop fails.
pub(super) fn list(repo: &Repo, binary: &Binary) -> Result<(Vec<Work>, RunFile)> {
    let folder = tempfile::tempdir().context("cannot create a temporary folder")?;
    let file = folder.path().join("front-end.json");
    let mut command = binary.command(repo);
    command
        .args(["bench", "front-end", "--rounds", "1", "--output"])
        .arg(&file);
    process::output(&mut command, "it tells captures and policies")?;
    let run = RunFile::read(&file)?;
    let mut works = front_end(&run.points());
    // Read and told again; and taken in by the dashboard, which draws the last one.
    works.push(replay("json", &["--format", "json"]));
    works.push(replay(
        "svg",
        &[
            "--format", "svg", "--screen", "instance", "--size", "120x32",
        ],
    ));
    Ok((works, run))
}

/// The front end, by capture and policy. A round replays the capture with each kind of doorbell.
fn front_end(points: &[Point]) -> Vec<Work> {
    let mut commands = BTreeMap::<(String, String), f64>::new();
    for point in points {
        let label = |name: &str| point.labels.get(name).cloned();
        if let (Some(capture), Some(policy), Some(figure)) = (
            label("capture"),
            label("policy"),
            point.figures.get("guest_commands"),
        ) {
            *commands.entry((capture, policy)).or_default() += figure.value;
        }
    }
    let of = |((capture, policy), units): ((String, String), f64)| Work {
        metric: "instructions_per_guest_command",
        arguments: [
            "bench",
            "front-end",
            "--capture",
            &capture,
            "--policy",
            &policy,
        ]
        .map(str::to_owned)
        .into(),
        labels: [("capture", capture), ("policy", policy)]
            .map(|(name, value)| (name.to_owned(), value))
            .into(),
        amount: "--rounds",
        amounts: ROUNDS,
        units,
    };
    commands.into_iter().map(of).collect()
}

fn replay(name: &str, options: &[&str]) -> Work {
    let arguments = ["replay", RECORDING]
        .into_iter()
        .chain(options.iter().copied());
    Work {
        metric: "instructions_per_interval",
        labels: [("format".to_owned(), name.to_owned())].into(),
        arguments: arguments.map(str::to_owned).collect(),
        amount: "--count",
        amounts: INTERVALS,
        units: 1.0,
    }
}

impl Work {
    /// What one unit of it takes.
    ///
    /// # Errors
    /// Where it fails, or more of it takes no more.
    pub(super) fn point(&self, repo: &Repo, binary: &Binary) -> Result<Point> {
        let [less, more] = self.amounts;
        let [few, many] = [less, more].map(|amount| {
            let mut command: Command = binary.command(repo);
            command
                .args(&self.arguments)
                .args([self.amount, &amount.to_string()]);
            valgrind::instructions(&command)
        });
        let value = per_unit([few?, many?], self.amounts, self.units).with_context(|| {
            format!(
                "`hwptop {}` does not do more with a larger {}",
                self.arguments.join(" "),
                self.amount
            )
        })?;
        let figures = [(self.metric.to_owned(), Figure { value })];
        Ok(Point {
            labels: self.labels.clone(),
            figures: figures.into(),
        })
    }
}

/// What is beyond the smaller amount, by unit: start-up and end are in both.
fn per_unit([few, many]: [u64; 2], [less, more]: [u64; 2], units: f64) -> Option<f64> {
    let instructions = many.checked_sub(few).filter(|count| *count > 0)?;
    let amount = more.checked_sub(less)? as f64 * units;
    (amount > 0.0).then(|| instructions as f64 / amount)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn start_up_is_in_no_count() {
        assert_eq!(per_unit([1100, 1300], [1, 3], 10.0), Some(10.0));
        for (counts, amounts, units) in [
            ([5, 4], [1, 3], 1.0),
            ([5, 5], [1, 3], 1.0),
            ([5, 6], [3, 3], 1.0),
            ([5, 6], [1, 3], 0.0),
        ] {
            assert_eq!(per_unit(counts, amounts, units), None);
        }
    }

    #[test]
    fn the_front_end_is_counted_by_capture_and_policy() {
        let point = |policy: &str, doorbell: &str| Point {
            labels: [
                ("capture", "c"),
                ("policy", policy),
                ("doorbell_per", doorbell),
            ]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into(),
            figures: [("guest_commands".to_owned(), Figure { value: 7.0 })].into(),
        };
        let points = [
            point("single", "sync"),
            point("single", "queue"),
            point("array", "sync"),
        ];
        let works = front_end(&points);
        let units: Vec<_> = works
            .iter()
            .map(|work| (&*work.labels["policy"], work.units))
            .collect();
        assert_eq!(units, [("array", 7.0), ("single", 14.0)]);
        assert_eq!(
            works[1].arguments[2..],
            ["--capture", "c", "--policy", "single"]
        );
    }
}
