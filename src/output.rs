//! Printing snapshots without a dashboard.

use std::{
    fmt,
    io::{self, Write},
};

use hwptop_agent::{
    compare::Blocks,
    snapshot::{CSV_HEADER, Snapshot, csv_rows},
};
use hwptop_tui::{App, Baseline, ScreenName, Theme};

use crate::{
    cli::{LookArgs, ShowArgs, TopFormat},
    failure::Failure,
};

/// Says something on standard error; where nobody can hear it, nothing is lost.
pub(crate) fn remark(text: &impl fmt::Display) {
    let _ = writeln!(io::stderr(), "hwptop: {text}");
}

/// Columns and rows of a picture of the dashboard, if nobody says.
const PICTURE: (u16, u16) = (120, 32);

/// Prints snapshots one after the other in one format.
pub(crate) struct SnapshotPrinter<W> {
    out: W,
    form: Form,
    /// What all that is printed is compared with at the end, and that.
    against: Option<(Baseline, Blocks)>,
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
    Svg(Box<Picture>),
    Nothing,
}

/// A screen of the dashboard.
struct Picture {
    app: App,
    screen: Option<ScreenName>,
    size: (u16, u16),
}

impl<W: Write> SnapshotPrinter<W> {
    pub(crate) fn new(out: W, show: &ShowArgs, look: &LookArgs) -> Result<Self, Failure> {
        if let Some(option) = show.picture_option()
            && show.format != TopFormat::Svg
        {
            return Err(Failure::input(anyhow::anyhow!(
                "{option} is for pictures: it needs --format svg"
            )));
        }
        let form = match show.format {
            TopFormat::Text => Form::Text { printed: false },
            TopFormat::Json => Form::Json,
            TopFormat::Csv => Form::Csv { printed: false },
            TopFormat::Svg => Form::Svg(Box::new(Picture {
                app: App::new(look.theme.unwrap_or(Theme::Dark)),
                screen: show.screen.clone(),
                size: show.size.unwrap_or(PICTURE),
            })),
            TopFormat::None => Form::Nothing,
        };
        Ok(Self {
            out,
            form,
            against: None,
        })
    }

    /// Compares with `baseline`: a picture shows it, else it is printed at the end, in text.
    pub(crate) fn against(mut self, baseline: Option<Baseline>) -> Self {
        match (&mut self.form, baseline) {
            (Form::Svg(picture), Some(baseline)) => picture.app.compare_with(baseline),
            (_, baseline) => {
                self.against = baseline.map(|baseline| (baseline, Blocks::default()));
            }
        }
        self
    }

    /// Takes in what is compared and drawn but not printed.
    pub(crate) fn pass(&mut self, snapshot: Snapshot) {
        self.compare(&snapshot);
        if let Form::Svg(picture) = &mut self.form {
            picture.app.update(snapshot);
        }
    }

    fn compare(&mut self, snapshot: &Snapshot) {
        if let Some((_, blocks)) = &mut self.against {
            blocks.push(snapshot);
        }
    }

    pub(crate) fn print(&mut self, snapshot: Snapshot) -> io::Result<()> {
        self.compare(&snapshot);
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
            Form::Svg(picture) => picture.app.update(snapshot),
            Form::Nothing => {}
        }
        out.flush()
    }

    /// Prints what has to wait for the last snapshot.
    pub(crate) fn finish(mut self) -> Result<(), Failure> {
        if let Form::Svg(picture) = &mut self.form {
            let Picture { app, screen, size } = &mut **picture;
            if let Some(screen) = screen {
                app.open(screen).map_err(Failure::input)?;
            }
            write!(self.out, "{}", app.to_svg(size.0, size.1))?;
        }
        if let Some((baseline, blocks)) = &self.against {
            write!(self.out, "{}", hwptop_tui::text::compare(baseline, blocks))?;
        }
        self.out.flush()?;
        Ok(())
    }
}
