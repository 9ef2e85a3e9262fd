//! `cargo xtask perf`: whether this project itself became slower.
//!
//! What may fail it is the number of instructions of work that is always the same: one thread, no clock to wait for. The
//! machines that this runs on have no hardware counters, so valgrind counts them, of the dev build that the tests have
//! made (the driver is optimised there as in a release). Each work is done in two amounts, whose difference has no
//! start-up in it. On one machine the counts of two processes differ by less than 0.02 %, from hash seeds and the
//! digits that are printed, wherever the checkout is. Debug information changes the counts of what is optimised by up
//! to 0.3 %, of all else by 15 %: builds with and without it have a baseline each. The floor (0.5 %) is that of `hwptop
//! gate`.
//!
//! Latencies of a short run of the batching suite are told beside a stored run's, and fail nothing.

mod baseline;
mod binary;
mod latency;
mod valgrind;
mod verdict;
mod work;

use anyhow::{Context as _, Result};
use std::fmt;
use std::fs;

use crate::repo::Repo;
use crate::setup::{self, Install, Need};
use baseline::RunFile;
use binary::Binary;
use verdict::{Row, Verdict};

/// What to do where a count is meant to be another one.
const UPDATE: &str =
    "`cargo xtask perf --update` makes the baseline anew; commit it with the change and say why";

/// What a check came to.
pub(crate) enum Outcome {
    /// Nothing is worse by more than the floor.
    Held,
    /// So many counts are.
    Worse(usize),
    /// Nothing could be told, because.
    Skipped(String),
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Held => f.write_str("no work takes more instructions than it did"),
            Self::Worse(count) => {
                write!(
                    f,
                    "{count} works take more instructions than they did, by more than the floor; {UPDATE}"
                )
            }
            Self::Skipped(why) => write!(f, "skipped perf, because {why}"),
        }
    }
}

/// Counts, and holds the counts against the stored ones.
///
/// # Errors
/// Where hwptop cannot be built, fails under valgrind, or what is stored cannot be read.
pub(crate) fn check(repo: &Repo, install: Install) -> Result<Outcome> {
    if let Err(why) = setup::ensure(&setup::missing(Need::Perf), install) {
        return Ok(Outcome::Skipped(format!("{why:#}")));
    }
    let binary = Binary::build(repo)?;
    let stored = binary.baseline(repo);
    let now = count(repo, &binary)?;
    let floor = verdict::floor(&repo.path(verdict::RULES))?;
    let base = stored
        .exists()
        .then(|| RunFile::read(&stored))
        .transpose()?;
    let (rows, outcome) = conclude(base.as_ref(), &now, floor);
    print(&rows, floor);
    // What it says fails nothing, and neither does that it cannot say it.
    if let Err(error) = latency::tell(repo, &binary) {
        println!("latencies are not told: {error:#}");
    }
    Ok(outcome)
}

/// Every count, and what they come to: nothing where they are not of the build that the stored ones are of.
fn conclude(base: Option<&RunFile>, now: &RunFile, floor: f64) -> (Vec<Row>, Outcome) {
    let none = RunFile::default();
    let mut rows = verdict::judge(base.unwrap_or(&none), now, floor);
    let Some(base) = base else {
        let why = format!("no counts of such a build are stored: {UPDATE}");
        return (rows, Outcome::Skipped(why));
    };
    let differences = now.differences(base);
    if !differences.is_empty() {
        for row in &mut rows {
            row.verdict = Verdict::Untold;
        }
        let differences = differences.join("; ");
        let why = format!("the stored counts are of another build: {differences}; {UPDATE}");
        return (rows, Outcome::Skipped(why));
    }
    let worse = rows.iter().filter(|row| row.verdict == Verdict::Worse);
    let outcome = match worse.count() {
        0 => Outcome::Held,
        count => Outcome::Worse(count),
    };
    (rows, outcome)
}

/// Makes the stored runs anew.
///
/// # Errors
/// As [`check`]; where valgrind is missing, or the files cannot be written.
pub(crate) fn update(repo: &Repo, install: Install) -> Result<()> {
    setup::ensure(&setup::missing(Need::Perf), install)?;
    let binary = Binary::build(repo)?;
    let stored = binary.baseline(repo);
    let folder = stored.parent().unwrap_or(repo.root());
    fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    count(repo, &binary)?.write(&stored)?;
    latency::store(repo, &binary)?;
    println!("wrote {} and {}", stored.display(), latency::STORED);
    Ok(())
}

/// The counts of every work, as a run file.
fn count(repo: &Repo, binary: &Binary) -> Result<RunFile> {
    let (works, mut run) = work::list(repo, binary)?;
    let mut points = Vec::with_capacity(works.len());
    for work in &works {
        points.push(work.point(repo, binary)?);
    }
    run.become_counts(binary.settings.clone(), &points);
    Ok(run)
}

fn print(rows: &[Row], floor: f64) {
    let width = rows.iter().map(|row| row.key.len()).max().unwrap_or(0);
    println!("{:<width$} {:>14} {:>14}   change", "", "base", "now");
    for row in rows {
        println!("{row:<width$}");
    }
    println!("floor: {} % ({})\n", floor * 100.0, verdict::RULES);
}

#[cfg(test)]
mod tests {
    use super::baseline::counts;
    use super::*;

    const FLOOR: f64 = 0.005;

    fn conclusion(base: Option<&RunFile>, now: &RunFile) -> Outcome {
        conclude(base, now, FLOOR).1
    }

    #[test]
    fn a_count_beyond_the_floor_fails_it() {
        let base = counts(&[("rustc", "1.95.0")], &[("array", 1000.0)]);
        let now = |value| counts(&[("rustc", "1.95.0")], &[("array", value)]);
        assert!(matches!(
            conclusion(Some(&base), &now(1001.0)),
            Outcome::Held
        ));
        assert!(matches!(
            conclusion(Some(&base), &now(900.0)),
            Outcome::Held
        ));
        assert!(matches!(
            conclusion(Some(&base), &now(1010.0)),
            Outcome::Worse(1)
        ));
    }

    #[test]
    fn the_counts_of_another_compiler_are_told_and_not_judged() {
        let base = counts(&[("rustc", "1.95.0")], &[("array", 1000.0)]);
        let now = counts(&[("rustc", "1.96.0")], &[("array", 2000.0)]);
        let (rows, outcome) = conclude(Some(&base), &now, FLOOR);
        assert_eq!(rows[0].verdict, Verdict::Untold);
        let said = outcome.to_string();
        for part in ["skipped perf, because", "rustc was \"1.95.0\"", "--update"] {
            assert!(said.contains(part), "{said}");
        }
        assert!(conclusion(None, &now).to_string().contains("--update"));
    }
}
