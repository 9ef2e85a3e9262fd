//! `hwptop doctor`: what can be observed on this machine.

use std::io::{self, IsTerminal as _, Write as _};

use hwptop_agent::kernel::{
    facts::Facts,
    plan::{StagePlan, can_watch_kernel, plan},
};

use crate::{
    cli::{DoctorArgs, DoctorFormat},
    failure::Failure,
};

mod check;
mod json;
mod text;

pub(crate) fn doctor(args: &DoctorArgs) -> Result<(), Failure> {
    let facts = Facts::of_this_machine();
    let plans = plan(&facts);
    let mut out = io::stdout().lock();
    match args.format {
        DoctorFormat::Text => {
            let colour = out.is_terminal() && std::env::var_os("NO_COLOR").is_none();
            write!(out, "{}", text::render(&facts, &plans, colour))?;
        }
        DoctorFormat::Json => {
            serde_json::to_writer(&mut out, &json::document(&facts, &plans))
                .map_err(io::Error::from)?;
            writeln!(out)?;
        }
    }
    out.flush()?;
    if args.require_kernel {
        can_watch_kernel(&plans).map_err(Failure::cannot)?;
    }
    Ok(())
}

/// What a plan is about, in a few words: `submission, vtd`.
fn subject(plan: &StagePlan) -> String {
    match plan.site {
        Some(site) => format!("{}, {}", plan.watch.name(), site.owner),
        None => plan.watch.name().to_owned(),
    }
}

#[cfg(test)]
mod tests;
