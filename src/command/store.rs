//! `hwptop baseline`: run files that later ones are compared with.

use std::io::{self, Write as _};

use anyhow::Error;
use hwptop_bench::{
    run_file::RunFile,
    store::{Added, Name, Store, StoreError, Unread, rule},
};

use crate::{
    cli::{BaselineAddArgs, BaselineChangesArgs, BaselineListArgs},
    failure::Failure,
    output::remark,
};

mod changes;
mod field;
mod list;

pub(crate) fn baseline_add(args: &BaselineAddArgs) -> Result<(), Failure> {
    let run = RunFile::read(&args.run).map_err(Failure::input)?;
    let store = Store::at(&args.store.store);
    let added = store.add(&args.branch, &run, args.tag.as_ref(), args.force);
    let added = added.map_err(|error| {
        if error.is_the_machines() {
            Failure::cannot(error)
        } else {
            Failure::Input(Error::new(error).context(args.run.display().to_string()))
        }
    })?;
    let mut out = io::stdout().lock();
    match added {
        Added::New(path) => writeln!(out, "added {}", path.display())?,
        Added::There(path) => writeln!(out, "{} is there already", path.display())?,
        Added::Tagged(path) => writeln!(out, "tagged {}", path.display())?,
    }
    let suite = Name::new(&run.suite).map_err(Failure::input)?;
    let removed = store.retain(&args.branch, &suite, args.keep);
    for path in removed.map_err(failure)? {
        writeln!(
            out,
            "removed {}: older than the newest {}",
            path.display(),
            args.keep
        )?;
    }
    Ok(())
}

pub(crate) fn baseline_list(args: &BaselineListArgs) -> Result<(), Failure> {
    let store = Store::at(&args.store.store);
    let listing = store.list(args.branch.as_ref()).map_err(failure)?;
    say(&listing.unread);
    list::print(
        &mut io::stdout().lock(),
        &args.store.store,
        &listing,
        args.format,
    )?;
    Ok(())
}

pub(crate) fn baseline_changes(args: &BaselineChangesArgs) -> Result<(), Failure> {
    let store = Store::at(&args.store.store);
    let histories = store
        .histories(&args.branch, args.suite.as_ref())
        .map_err(failure)?;
    let mut all = Vec::new();
    for history in histories {
        say(&history.unread);
        let changes = history.segments.iter().map(|of| of.changes(&rule()));
        let changes = changes.collect::<Result<_, _>>().map_err(Failure::input)?;
        all.push(changes::Changed { history, changes });
    }
    let mut out = io::stdout().lock();
    changes::print(&mut out, &args.branch, &all, args.format)?;
    Ok(())
}

fn failure(error: StoreError) -> Failure {
    if error.is_the_machines() {
        Failure::cannot(error)
    } else {
        Failure::input(error)
    }
}

/// Says what was not read.
pub(super) fn say(unread: &Unread) {
    for skipped in &unread.skipped {
        remark(&format!("skipped {}", field::plain(&skipped.why)));
    }
    if !unread.skipped.is_empty() {
        remark(&format!("{} skipped", unread.skipped.len()));
    }
    if unread.left_out > 0 {
        remark(&format!(
            "{} older runs are left out: more than are read at once; --keep fewer",
            unread.left_out
        ));
    }
}
