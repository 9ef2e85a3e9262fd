//! Pictures: what is in one, and how it looks in every file format.

mod axis;
mod draw;
mod render;
mod style;

pub(crate) use axis::Axis;
pub(crate) use render::{png, svg};
pub(crate) use style::{COLOURS, HEAT, NEUTRALS, colour_name};

/// A picture with its words.
#[derive(Clone, Debug)]
pub(crate) struct Picture {
    pub(crate) title: String,
    pub(crate) subtitle: String,
    pub(crate) body: Body,
}

/// What is drawn.
#[derive(Clone, Debug)]
pub(crate) enum Body {
    Lines(Chart),
    Dots(Dots),
    Bars(Bars),
    Heat(Heat),
}

/// Where a picture is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// In a file of its own, with its title.
    File,
    /// On a page that says the title.
    Wide,
    /// The same on a telephone.
    Narrow,
}

/// Lines in one or more panels that share the y axis.
#[derive(Clone, Debug)]
pub(crate) struct Chart {
    pub(crate) x_label: String,
    pub(crate) y_label: String,
    pub(crate) y: Axis,
    pub(crate) panels: Vec<Panel>,
    /// The lines' names; a line's style is its index here.
    pub(crate) legend: Vec<String>,
    /// Lines that are drawn without a name, behind the others.
    pub(crate) unnamed: usize,
    /// Half as high as others.
    pub(crate) is_low: bool,
}

/// A plot.
#[derive(Clone, Debug)]
pub(crate) struct Panel {
    pub(crate) heading: Option<String>,
    pub(crate) x: Axis,
    pub(crate) lines: Vec<Line>,
    /// Where something happened on the x axis.
    pub(crate) events: Vec<f64>,
}

/// A line, in the units of its axes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Line {
    /// Index into the legend; none of a line that is there for comparison only.
    pub(crate) style: Option<usize>,
    pub(crate) path: Vec<(f64, f64)>,
    /// Where its marker sits.
    pub(crate) marks: Vec<(f64, f64)>,
    /// x, and from where to where it may be there.
    pub(crate) band: Vec<(f64, f64, f64)>,
}

/// Marks on rows with names.
#[derive(Clone, Debug)]
pub(crate) struct Dots {
    pub(crate) x_label: String,
    pub(crate) x: Axis,
    /// A line through all rows, such as a ratio of 1.
    pub(crate) line_at: Option<f64>,
    pub(crate) rows: Vec<Row>,
    /// The marks' names; a mark's style is its index here. Nothing where there is one kind.
    pub(crate) legend: Vec<String>,
}

#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) name: String,
    pub(crate) marks: Vec<Mark>,
}

/// A figure in the unit of the axis.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mark {
    pub(crate) style: usize,
    pub(crate) at: f64,
    pub(crate) interval: Option<(f64, f64)>,
}

/// Wholes with names, each in parts.
#[derive(Clone, Debug)]
pub(crate) struct Bars {
    pub(crate) x_label: String,
    pub(crate) rows: Vec<Bar>,
    /// The parts' names, in their order.
    pub(crate) legend: Vec<String>,
}

#[derive(Clone, Debug)]
pub(crate) struct Bar {
    pub(crate) name: String,
    /// Of the parts in their order; 1 together.
    pub(crate) shares: Vec<f64>,
}

/// A grid of shades.
#[derive(Clone, Debug)]
pub(crate) struct Heat {
    pub(crate) x_label: String,
    pub(crate) y_label: String,
    /// Positions are in columns and rows, from 0 at the left and at the bottom.
    pub(crate) x: Axis,
    pub(crate) y: Axis,
    pub(crate) columns: usize,
    pub(crate) rows: usize,
    /// From the bottom row up: none where there is nothing, else an index into [`HEAT`].
    pub(crate) cells: Vec<Option<u8>>,
    /// What each shade means, from the lightest; shades without one are not used.
    pub(crate) scale: Vec<String>,
    pub(crate) scale_label: String,
}
