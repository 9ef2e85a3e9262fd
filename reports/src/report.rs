use std::path::PathBuf;

use hwptop_bench::run_file::{BatchingRun, RunFile};

use crate::{
    Base, Inputs, ReportError,
    document::Document,
    inputs::{file_name, names},
    sections::{batching, comparison, general, history, how, recording},
};

/// What the report of `inputs` says.
///
/// # Errors
/// [`ReportError`] where there is nothing to say, or an input is not as it must be.
pub(crate) fn document(inputs: &Inputs) -> Result<Document, ReportError> {
    if inputs.is_empty() {
        return Err(ReportError::Nothing);
    }
    let mut document = Document {
        title: "hwptop report".to_owned(),
        marks: marks(inputs),
        ..Document::default()
    };
    for (path, _) in inputs.runs.iter().filter(|(_, run)| !run.complete) {
        let name = file_name(path);
        document.warnings.push(format!(
            "{name} was stopped before its end: points are missing."
        ));
    }
    let names = names(inputs.runs.iter().map(|(path, _)| path));
    let sweeps: Vec<(PathBuf, BatchingRun)> = inputs
        .runs
        .iter()
        .filter_map(|(path, run)| Some((path.clone(), run.batching()?)))
        .collect();
    let of_sweeps = inputs
        .runs
        .iter()
        .filter(|(_, run)| run.batching().is_some());
    batching::add(
        &mut document,
        &sweeps,
        &subtitle(of_sweeps.map(|(_, run)| run)),
    )?;
    let other = inputs
        .runs
        .iter()
        .enumerate()
        .filter(|(_, (_, run))| run.batching().is_none());
    for (index, (path, run)) in other {
        let name = (inputs.runs.len() > 1).then(|| names[index].as_str());
        let subtitle = subtitle([run].into_iter());
        general::add(&mut document, index, (path, name), run, &subtitle)?;
    }
    compared(&mut document, inputs, &names)?;
    if let Some(histories) = &inputs.history {
        history::add(&mut document, histories)?;
    }
    how::add(&mut document, inputs);
    Ok(document)
}

/// Recordings, and what anything is compared with.
fn compared(document: &mut Document, inputs: &Inputs, names: &[String]) -> Result<(), ReportError> {
    let recorded = crate::inputs::names(inputs.recordings.iter().map(|(path, _)| path));
    for (index, (_, one)) in inputs.recordings.iter().enumerate() {
        recording::add(document, index, &recorded[index], one);
    }
    for (index, (path, run)) in inputs.runs.iter().enumerate() {
        match &inputs.base {
            Some(Base::Run(base_path, base)) => {
                let new = (path.as_path(), names[index].as_str(), run);
                comparison::with(document, index, (base_path, base), new)?;
            }
            _ => comparison::within(document, index, &names[index], run),
        }
    }
    if let Some(Base::Recording { path, base, new }) = &inputs.base {
        let base_name = file_name(path);
        for (index, (name, new)) in recorded.iter().zip(new).enumerate() {
            comparison::recordings(document, index, [&base_name, name], [base, new]);
        }
    }
    Ok(())
}

/// What stood in for hardware.
fn marks(inputs: &Inputs) -> Vec<String> {
    let kinds = inputs.kinds();
    let partly = if kinds.len() > 1 { "partly " } else { "" };
    let marks = kinds.into_iter().filter_map(|kind| {
        let meaning = kind.meaning()?;
        Some(format!("{partly}{}: {meaning}", kind.name()))
    });
    marks.collect()
}

/// What was measured where, in a line; only what all runs share.
fn subtitle<'a>(runs: impl Iterator<Item = &'a RunFile>) -> String {
    let runs: Vec<&RunFile> = runs.collect();
    let mut parts = Vec::new();
    for of in [
        (|run: &RunFile| run.target.clone().unwrap_or_default()) as fn(&RunFile) -> String,
        |run| run.environment.cpu.clone(),
        |run| format!("Linux {}", run.environment.kernel),
    ] {
        let shared = runs
            .first()
            .map(|run| of(run))
            .filter(|first| !first.is_empty());
        if let Some(first) = shared
            && runs.iter().all(|run| of(run) == first)
        {
            parts.push(first);
        }
    }
    parts.join(" · ")
}

#[cfg(test)]
mod tests;
