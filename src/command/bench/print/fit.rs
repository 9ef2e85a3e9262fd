//! What a batch costs, as a line: t(n) = a + b·n, and more for submissions after the first.

use std::io::{self, Write};

use hwptop_bench::{
    run_file::{BatchingRun, Fitted, Prediction},
    statistics::{Estimate, fit::Line},
};

use super::verdict;

/// How far a foretold time may be off, as a part of what is measured.
const OFF_GOAL: f64 = 0.05;

pub(super) fn fit(out: &mut impl Write, run: &BatchingRun) -> io::Result<()> {
    let all = run.fitted();
    // Of too few sizes nothing can be told, nor is it asked for.
    if all.iter().all(|of| of.line.is_err()) {
        return Ok(());
    }
    writeln!(
        out,
        "\na batch of n takes a + b·n, by weighted least squares with 95 % intervals:"
    )?;
    for Fitted {
        instance,
        line,
        prediction,
    } in all
    {
        match line {
            Ok(line) => of_line(out, instance, &line)?,
            Err(error) => writeln!(out, "{instance}: {error}")?,
        }
        if let Some(prediction) = prediction {
            foretold(out, &prediction)?;
        }
    }
    Ok(())
}

fn of_line(out: &mut impl Write, instance: &str, line: &Line) -> io::Result<()> {
    let ns = |Estimate { value, low, high }| format!("{value:.1} ns ({low:.1} to {high:.1})");
    write!(
        out,
        "{instance}: a = {}, b = {}",
        ns(line.intercept),
        ns(line.slope)
    )?;
    if let Some(further) = line.further {
        write!(
            out,
            ", each submission after the first {} (up to {:.0} entries each)",
            ns(further.ns),
            further.entries_max
        )?;
    }
    if let Some(asymptote) = line.asymptote_ns() {
        write!(out, "; at most {:.0} entries/s", 1e9 / asymptote)?;
    }
    if let (Some(half), Some(part)) = (line.half_batch(), line.efficiency(64.0)) {
        write!(
            out,
            ", half of that at batch {half:.1}, {:.0} % at batch 64",
            part * 100.0
        )?;
    }
    writeln!(out, "; times are within {:.1} % of it", line.spread * 100.0)
}

fn foretold(out: &mut impl Write, prediction: &Prediction) -> io::Result<()> {
    let Prediction {
        batch,
        from,
        predicted_ns,
        measured_ns,
    } = prediction;
    let off = prediction.error();
    writeln!(
        out,
        "  from batches of up to {from}, batch {batch} would take {:.0} ns; measured {measured_ns:.0} ns ({:+.1} %; goal \
         within {:.0} %: {})",
        predicted_ns.value,
        off * 100.0,
        OFF_GOAL * 100.0,
        verdict(off.abs() <= OFF_GOAL)
    )
}
