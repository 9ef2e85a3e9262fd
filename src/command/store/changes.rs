//! Where metrics changed, as text, JSON and CSV.

use std::io::{self, Write};

use hwptop_bench::{
    metric::Metric,
    run_file::Difference,
    store::{Change, Dated, History, Name, Segment, Unread, rule},
    utc,
};
use serde_json::{Value, json};

use super::field::{counted, or_dash, plain, quoted, subject};
use crate::{cli::Format, command::compare::figure};

/// A history, and the changes of each of its segments.
pub(super) struct Changed {
    pub(super) history: History,
    pub(super) changes: Vec<Vec<Change>>,
}

impl Changed {
    fn segments(&self) -> impl Iterator<Item = (&Segment, &Vec<Change>)> {
        self.history.segments.iter().zip(&self.changes)
    }
}

pub(super) fn print(
    out: &mut impl Write,
    branch: &Name,
    all: &[Changed],
    format: Format,
) -> io::Result<()> {
    match format {
        Format::Text => text(out, branch, all),
        Format::Json => {
            serde_json::to_writer(&mut *out, &document(branch, all))?;
            writeln!(out)
        }
        Format::Csv => csv(out, all),
    }
}

/// What could not be read, for JSON.
pub(super) fn skipped(unread: &Unread) -> Vec<Value> {
    let skipped = unread.skipped.iter();
    skipped
        .map(|one| json!({"path": one.path.display().to_string(), "why": one.why}))
        .collect()
}

fn document(branch: &Name, all: &[Changed]) -> Value {
    let histories: Vec<Value> = all
        .iter()
        .map(|changed| {
            let segments: Vec<Value> = changed
                .segments()
                .map(|(segment, changes)| segment_document(segment, changes))
                .collect();
            let History { suite, unread, .. } = &changed.history;
            json!({
                "suite": suite.as_str(),
                "segments": segments,
                "skipped": skipped(unread),
                "left_out": unread.left_out,
            })
        })
        .collect();
    json!({
        "schema": "hwptop.changes/1",
        "branch": branch.as_str(),
        "p_max": rule().p_max,
        "magnitude_min": rule().magnitude_min,
        "histories": histories,
    })
}

fn segment_document(segment: &Segment, changes: &[Change]) -> Value {
    let differences: Vec<Value> = segment
        .differences
        .iter()
        .map(|one| json!({"what": one.what, "before": one.base, "here": one.new}))
        .collect();
    let changes: Vec<Value> = changes
        .iter()
        .map(|change| {
            json!({
                "metric": change.key.metric,
                "labels": change.key.labels,
                "unit": unit(change),
                "before": run_document(&segment.runs[change.before], change.from),
                "after": run_document(&segment.runs[change.after], change.to),
                "ratio": change.ratio(),
                "verdict": verdict(change),
                "p": change.p,
            })
        })
        .collect();
    json!({
        "target": segment.first.target,
        "kind": segment.first.kind,
        "settings": segment.first.settings,
        "environment": segment.first.environment,
        "differences": differences,
        "runs": segment.runs.len(),
        "metrics": segment.medians.len(),
        "changes": changes,
    })
}

fn run_document(run: &Dated, mean: f64) -> Value {
    json!({
        "started_unix_s": run.started_unix_s,
        "revision": run.revision,
        "path": run.stored.path.display().to_string(),
        "mean": mean,
    })
}

fn csv(out: &mut impl Write, all: &[Changed]) -> io::Result<()> {
    writeln!(
        out,
        "suite,segment,target,metric,unit,started_unix_s,revision_before,revision_after,\
         before,after,ratio,verdict,p"
    )?;
    for changed in all {
        for (index, (segment, changes)) in changed.segments().enumerate() {
            for change in changes {
                let (before, after) = (&segment.runs[change.before], &segment.runs[change.after]);
                let ratio = change.ratio().map(|ratio| ratio.to_string());
                writeln!(
                    out,
                    "{},{index},{},{},{},{},{},{},{},{},{},{},{}",
                    quoted(Some(changed.history.suite.as_str())),
                    quoted(segment.first.target.as_deref()),
                    quoted(Some(&change.key.to_string())),
                    unit(change).unwrap_or_default(),
                    after.started_unix_s,
                    quoted(before.revision.as_deref()),
                    quoted(after.revision.as_deref()),
                    change.from,
                    change.to,
                    ratio.unwrap_or_default(),
                    verdict(change).unwrap_or_default(),
                    change.p,
                )?;
            }
        }
    }
    Ok(())
}

fn text(out: &mut impl Write, branch: &Name, all: &[Changed]) -> io::Result<()> {
    writeln!(
        out,
        "branch {branch}: changes with p below {} and of {} % at least",
        rule().p_max,
        rule().magnitude_min * 100.0
    )?;
    for changed in all {
        for (segment, changes) in changed.segments() {
            writeln!(out)?;
            heading(out, segment)?;
            if changes.is_empty() {
                writeln!(out, "  no change")?;
            }
            for same in
                changes.chunk_by(|one, next| (one.before, one.after) == (next.before, next.after))
            {
                between(out, segment, &same[0])?;
                for change in same {
                    line(out, change)?;
                }
            }
        }
    }
    Ok(())
}

fn heading(out: &mut impl Write, segment: &Segment) -> io::Result<()> {
    let runs = counted(segment.runs.len(), "run");
    let metrics = counted(segment.medians.len(), "metric");
    write!(out, "{}: ", subject(&segment.first))?;
    write!(out, "{runs}, {metrics}")?;
    if let [first, .., last] = &segment.runs[..] {
        let [first, last] = [first, last].map(|run| utc(run.started_unix_s));
        write!(out, ", {first} to {last}")?;
    }
    writeln!(out)?;
    for Difference {
        what, base, new, ..
    } in &segment.differences
    {
        let [base, new] = [base, new].map(|value| or_dash(value.as_deref()));
        writeln!(out, "  other {}: {base} → {new}", plain(what))?;
    }
    Ok(())
}

/// When it was, and between which revisions.
fn between(out: &mut impl Write, segment: &Segment, change: &Change) -> io::Result<()> {
    let (before, after) = (&segment.runs[change.before], &segment.runs[change.after]);
    let [from, to] = [before, after].map(|run| or_dash(run.revision.as_deref()));
    write!(out, "  {}  {from} → {to}", utc(after.started_unix_s))?;
    let revision = before.revision.as_ref();
    // Two builds of a tree with changes need not be of the same ones.
    let is_told = revision.is_some_and(|revision| !revision.ends_with("-dirty"));
    if is_told && revision == after.revision.as_ref() {
        write!(out, ", the same revision: something else changed")?;
    }
    writeln!(out)
}

fn line(out: &mut impl Write, change: &Change) -> io::Result<()> {
    let ratio = change.ratio().map_or_else(
        || "-".to_owned(),
        |ratio| format!("{:+.1} %", (ratio - 1.0) * 100.0),
    );
    writeln!(
        out,
        "    {}  {} → {} {}  {ratio} {}, p {:.1e}",
        change.key,
        figure(change.from),
        figure(change.to),
        unit(change).unwrap_or_default(),
        verdict(change).unwrap_or_default(),
        change.p
    )
}

fn unit(change: &Change) -> Option<&'static str> {
    Metric::named(&change.key.metric).map(|metric| metric.unit)
}

fn verdict(change: &Change) -> Option<&'static str> {
    let is_better = change.is_better()?;
    Some(if is_better { "better" } else { "worse" })
}
