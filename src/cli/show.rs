//! How snapshots are shown.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use hwptop_tui::ScreenName;

/// How snapshots are shown.
#[derive(Args, Debug)]
pub(crate) struct ShowArgs {
    /// Print one snapshot, of one interval or with --passes of the whole replay, and end
    #[arg(long, conflicts_with = "count")]
    pub(crate) once: bool,
    /// Print N snapshots and end
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) count: Option<u64>,
    /// How to print snapshots; all but text imply no dashboard
    #[arg(long, value_enum, value_name = "F", default_value_t)]
    pub(crate) format: TopFormat,
    /// With --format svg, the screen of the picture: instances, instance[:NAME], process[:PID],
    /// hwpt[:PID/ID], outliers, compare, health or help; the busiest part where none is named
    /// [default: instances]
    #[arg(long, value_name = "NAME")]
    pub(crate) screen: Option<ScreenName>,
    /// With --format svg, columns and rows of the picture, 1x1 to 500x200 [default: 120x32]
    #[arg(long, value_name = "CxR", allow_hyphen_values = true, value_parser = size)]
    pub(crate) size: Option<(u16, u16)>,
    /// Compare with a recording, NAME.jsonl as `hwptop record` makes it, or with what the
    /// processes of a run file measured, RUN.json of `hwptop bench -o`: in the dashboard (key c),
    /// and with --once, --count or a replay below the last snapshot
    #[arg(long, value_name = "FILE")]
    pub(crate) baseline: Option<PathBuf>,
}

/// How `top` prints snapshots.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum TopFormat {
    /// A table
    #[default]
    Text,
    /// One JSON document a line
    Json,
    /// A row per instance and stage
    Csv,
    /// One picture of the dashboard, after the last snapshot
    Svg,
    /// Nothing: what measuring takes by itself
    #[value(hide = true)]
    None,
}

impl ShowArgs {
    /// The first of the options that are for pictures alone, if one was given.
    pub(crate) fn picture_option(&self) -> Option<&'static str> {
        match (&self.screen, self.size) {
            (Some(_), _) => Some("--screen"),
            (None, Some(_)) => Some("--size"),
            (None, None) => None,
        }
    }
}

pub(super) fn size(text: &str) -> Result<(u16, u16), String> {
    let expected = || format!("{text:?} is no size: columns and rows, 1x1 to 500x200, e.g. 120x30");
    let (columns, rows) = text.split_once('x').ok_or_else(expected)?;
    match (columns.parse(), rows.parse()) {
        (Ok(columns @ 1..=500), Ok(rows @ 1..=200)) => Ok((columns, rows)),
        _ => Err(expected()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_is_columns_and_rows_of_a_screen_that_there_may_be() {
        assert_eq!(size("200x50"), Ok((200, 50)));
        for wrong in [
            "", "200", "0x50", "200x", "501x50", "200x201", "-1x5", "1x1x1",
        ] {
            assert!(size(wrong).is_err(), "{wrong}");
        }
    }
}
