//! Printing snapshots without a dashboard.

use std::{
    fmt,
    io::{self, Write},
};

use hwptop_agent::snapshot::{CSV_HEADER, Snapshot, csv_rows};
use hwptop_tui::{App, Theme};

use crate::cli::TopFormat;

/// Says something on standard error; where nobody can hear it, nothing is lost.
pub(crate) fn remark(text: &impl fmt::Display) {
    let _ = writeln!(io::stderr(), "hwptop: {text}");
}

/// Columns and rows of a picture of the dashboard.
const PICTURE: (u16, u16) = (120, 32);

/// Prints snapshots one after the other in one format.
pub(crate) struct SnapshotPrinter<W> {
    out: W,
    form: Form,
}

enum Form {
    Text {
        printed: bool,
    },
    Json,
    Csv {
        printed: bool,
    },
    /// What a dashboard would show; drawn at the end.
    Svg(Box<App>),
}

impl<W: Write> SnapshotPrinter<W> {
    pub(crate) fn new(out: W, format: TopFormat) -> Self {
        let form = match format {
            TopFormat::Text => Form::Text { printed: false },
            TopFormat::Json => Form::Json,
            TopFormat::Csv => Form::Csv { printed: false },
            TopFormat::Svg => Form::Svg(Box::new(App::new(Theme::Colour))),
        };
        Self { out, form }
    }

    pub(crate) fn print(&mut self, snapshot: Snapshot) -> io::Result<()> {
        let out = &mut self.out;
        match &mut self.form {
            Form::Text { printed } => {
                if std::mem::replace(printed, true) {
                    writeln!(out)?;
                }
                write!(out, "{}", hwptop_tui::text::render(&snapshot))?;
            }
            Form::Json => {
                serde_json::to_writer(&mut *out, &snapshot.document())?;
                writeln!(out)?;
            }
            Form::Csv { printed } => {
                if !std::mem::replace(printed, true) {
                    writeln!(out, "{CSV_HEADER}")?;
                }
                for row in csv_rows(&snapshot) {
                    writeln!(out, "{row}")?;
                }
            }
            Form::Svg(app) => app.update(snapshot),
        }
        out.flush()
    }

    /// Prints what has to wait for the last snapshot.
    pub(crate) fn finish(mut self) -> io::Result<()> {
        if let Form::Svg(app) = &mut self.form {
            let (columns, rows) = PICTURE;
            write!(self.out, "{}", app.to_svg(columns, rows))?;
        }
        self.out.flush()
    }
}
