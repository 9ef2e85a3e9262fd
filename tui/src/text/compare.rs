use hwptop_agent::{
    compare::{Blocks, Comparison},
    snapshot::Scope,
};

use super::line;
use crate::{
    Baseline,
    compared::{self, Line},
};

/// What was seen so far of all instances together against the baseline, in plain text: a table for
/// each stage that either side knows.
#[must_use]
pub fn compare(baseline: &Baseline, blocks: &Blocks) -> String {
    let mut stages = baseline.blocks.stages();
    stages.extend(blocks.stages());
    let mut text = String::new();
    for stage in stages {
        let told = Comparison::of(&baseline.blocks, blocks, &Scope::Everything, stage);
        line(
            &mut text,
            format_args!(
                "\ncompared with {}: all instances, stage {}",
                baseline.name,
                stage.name()
            ),
        );
        for (name, blocks, side) in [
            ("baseline", &baseline.blocks, &told.base),
            ("live", blocks, &told.new),
        ] {
            let about = compared::about(blocks.circumstances(), side, usize::MAX);
            line(&mut text, format_args!("{name:<8}  {about}"));
        }
        let doubtful = [compared::apart(&told), compared::left_out(&told)];
        for doubt in doubtful.into_iter().flatten() {
            line(&mut text, format_args!("{doubt}"));
        }
        line(
            &mut text,
            format_args!(
                "{:12}{:>8}{:>8}{:>8}  95 %",
                "", "baseline", "live", "ratio"
            ),
        );
        for one in compared::lines(&told) {
            let Line {
                name,
                base,
                new,
                ratio,
                range,
                ..
            } = &one;
            let row = format!("{name:<12}{base:>8}{new:>8}{ratio:>8}  {range}");
            line(&mut text, format_args!("{}", row.trim_end()));
        }
        if let Some(needs) = compared::needs(&told) {
            line(&mut text, format_args!("{needs}"));
        }
    }
    if text.is_empty() {
        let name = &baseline.name;
        line(
            &mut text,
            format_args!("\ncompared with {name}: nothing happened on either side"),
        );
    } else {
        line(&mut text, format_args!("{}", compared::NOTE));
    }
    text
}
