use std::{
    fs, io,
    path::{Path, PathBuf},
};

use hwptop_bench::staged::Staged;

use crate::{
    Inputs, ReportError,
    chart::{Form, png, svg},
    document::Figure,
    html, markdown, parallel,
    report::document,
};

pub(crate) const MARKDOWN: &str = "report.md";
pub(crate) const HTML: &str = "report.html";

/// A report as it will be on disk: `report.md`, `report.html`, and each picture as `.svg` and `.png`.
#[derive(Debug)]
pub struct Rendered(Vec<(String, Vec<u8>)>);

impl Rendered {
    /// The names of its files.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| &**name)
    }

    /// Writes it into `dir`, which is made where it is missing, and returns the paths, the reports
    /// first. All of it is written aside before the first is renamed into place, the reports last.
    ///
    /// # Errors
    /// [`ReportError::Io`]; no half-written file stays.
    pub fn write(&self, dir: &Path) -> Result<Vec<PathBuf>, ReportError> {
        fs::create_dir_all(dir).map_err(io_error(dir, "the directory cannot be made"))?;
        let mut staged = Vec::new();
        for (name, bytes) in &self.0 {
            let path = dir.join(name);
            let file = stage(&path, bytes).map_err(io_error(&path, "cannot be written"))?;
            staged.push((path, file));
        }
        let mut paths = Vec::new();
        for (path, file) in staged {
            file.commit()
                .map_err(io_error(&path, "cannot be replaced"))?;
            paths.push(path);
        }
        paths.reverse();
        Ok(paths)
    }
}

fn stage(path: &Path, bytes: &[u8]) -> io::Result<Staged> {
    let mut file = Staged::create(path)?;
    file.write(bytes)?;
    Ok(file)
}

/// Draws everything. The same inputs give the same bytes.
///
/// # Errors
/// [`ReportError`], naming what cannot be drawn or compared.
pub fn render(inputs: &Inputs) -> Result<Rendered, ReportError> {
    let document = document(inputs)?;
    let mut files = Vec::new();
    for drawn in parallel::map(&document.figures(), |figure| pictures(figure)) {
        files.extend(drawn?);
    }
    let page =
        html::text(&document).map_err(|(file, reason)| ReportError::Draw { file, reason })?;
    files.push((HTML.to_owned(), page.into_bytes()));
    files.push((MARKDOWN.to_owned(), markdown::text(&document).into_bytes()));
    Ok(Rendered(files))
}

/// The figure as it is beside the Markdown.
fn pictures(figure: &Figure) -> Result<[(String, Vec<u8>); 2], ReportError> {
    let failed = |reason| ReportError::Draw {
        file: figure.file.clone(),
        reason,
    };
    let vector = svg(&figure.picture, Form::File).map_err(failed)?;
    let pixels = png(&figure.picture).map_err(failed)?;
    Ok([
        (format!("{}.png", figure.file), pixels),
        (format!("{}.svg", figure.file), vector.into_bytes()),
    ])
}

fn io_error(path: &Path, what: &'static str) -> impl FnOnce(io::Error) -> ReportError {
    let path = path.to_owned();
    move |error| ReportError::Io { path, what, error }
}

#[cfg(test)]
mod tests;
