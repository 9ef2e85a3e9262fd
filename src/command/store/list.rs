//! The runs of a store as text, JSON and CSV.

use std::{
    io::{self, Write},
    path::Path,
};

use hwptop_bench::{
    store::{Listed, Listing, Name},
    utc,
};
use serde_json::{Value, json};

use super::field::{counted, or_dash, plain, quoted};
use crate::cli::Format;

pub(super) fn print(
    out: &mut impl Write,
    store: &Path,
    listing: &Listing,
    format: Format,
) -> io::Result<()> {
    match format {
        Format::Text => text(out, store, listing),
        Format::Json => {
            let runs: Vec<Value> = listing.runs.iter().map(document).collect();
            let document = json!({
                "schema": "hwptop.baselines/1",
                "store": store.display().to_string(),
                "runs": runs,
                "skipped": super::changes::skipped(&listing.unread),
                "left_out": listing.unread.left_out,
            });
            serde_json::to_writer(&mut *out, &document)?;
            writeln!(out)
        }
        Format::Csv => csv(out, &listing.runs),
    }
}

fn document(listed: &Listed) -> Value {
    let Listed {
        stored,
        run,
        processes,
    } = listed;
    json!({
        "branch": stored.branch.as_str(),
        "suite": run.suite,
        "path": stored.path.display().to_string(),
        "tag": stored.tag.as_ref().map(Name::as_str),
        "started_unix_s": run.started_unix_s,
        "target": run.target,
        "kind": run.kind,
        "settings": run.settings,
        "environment": run.environment,
        "complete": run.complete,
        "processes": processes,
    })
}

fn csv(out: &mut impl Write, runs: &[Listed]) -> io::Result<()> {
    writeln!(
        out,
        "branch,suite,started_unix_s,revision,tag,target,kind,processes,complete,kernel,cpu,path"
    )?;
    for Listed {
        stored,
        run,
        processes,
    } in runs
    {
        let environment = &run.environment;
        writeln!(
            out,
            "{},{},{},{},{},{},{},{processes},{},{},{},{}",
            quoted(Some(stored.branch.as_str())),
            quoted(Some(&run.suite)),
            run.started_unix_s,
            quoted(environment.revision.as_deref()),
            quoted(stored.tag.as_ref().map(Name::as_str)),
            quoted(run.target.as_deref()),
            run.kind.name(),
            run.complete,
            quoted(Some(&environment.kernel)),
            quoted(Some(&environment.cpu)),
            quoted(Some(&stored.path.display().to_string())),
        )?;
    }
    Ok(())
}

const HEADER: [&str; 7] = [
    "branch",
    "suite",
    "started",
    "revision",
    "tag",
    "target",
    "processes",
];

fn text(out: &mut impl Write, store: &Path, listing: &Listing) -> io::Result<()> {
    let rows: Vec<_> = listing.runs.iter().map(row).collect();
    let count = counted(rows.len(), "run");
    writeln!(out, "{}: {count}", plain(&store.display().to_string()))?;
    if rows.is_empty() {
        return Ok(());
    }
    writeln!(out)?;
    let header = HEADER.map(str::to_owned);
    let mut widths = [0; HEADER.len()];
    for row in rows.iter().chain([&header]) {
        for (width, field) in widths.iter_mut().zip(row) {
            *width = (*width).max(field.chars().count());
        }
    }
    for row in [&header].into_iter().chain(&rows) {
        let fields = row.iter().zip(widths);
        let line: Vec<_> = fields
            .map(|(field, width)| format!("{field:<width$}"))
            .collect();
        writeln!(out, "{}", line.join("  ").trim_end())?;
    }
    Ok(())
}

fn row(listed: &Listed) -> [String; HEADER.len()] {
    let Listed {
        stored,
        run,
        processes,
    } = listed;
    let target = or_dash(run.target.as_deref());
    let stopped = if run.complete { "" } else { ", stopped" };
    [
        stored.branch.to_string(),
        plain(&run.suite),
        utc(run.started_unix_s),
        or_dash(run.environment.revision.as_deref()),
        or_dash(stored.tag.as_ref().map(Name::as_str)),
        format!("{target} ({})", run.kind.name()),
        format!("{processes}{stopped}"),
    ]
}
