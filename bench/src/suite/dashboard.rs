//! What the dashboard costs: a frame of each screen beside the least that a frame can cost, what
//! it writes, a long table that scrolls, and the CPU time of a process that has it.

use std::{
    io,
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use hwptop_agent::snapshot::Snapshot;

use super::{Absent, AgentCostError};

mod beside;
mod frames;
mod point;
mod scroll;
mod stream;

pub use beside::{Beside, Round, Shows, Used};
pub use frames::ScreenCost;
pub use scroll::Scroll;

/// A screen of the dashboard: the suite draws nothing itself.
pub trait Drawing {
    /// Its name.
    fn name(&self) -> String;

    /// Shows the screen, once there is a snapshot.
    ///
    /// # Errors
    /// Why there is nothing to show.
    fn open(&mut self) -> Result<(), Absent>;

    /// Takes in the next snapshot.
    fn update(&mut self, snapshot: Snapshot);

    /// As if the key for the row below were pressed.
    fn row_below(&mut self);

    /// Draws the next frame.
    fn draw(&mut self);

    /// In how many cells it differs from the one that is shown.
    fn diff(&self) -> usize;

    /// Shows the next frame.
    fn flip(&mut self);

    /// Draws, and writes what has changed since the last time; how many bytes that takes.
    ///
    /// # Errors
    /// Where nothing can be written.
    fn write(&mut self) -> io::Result<u64>;
}

/// What to measure.
#[derive(Clone, Copy, Debug)]
pub struct DashboardConfig {
    /// Columns and rows of the screen.
    pub size: (u16, u16),
    /// Frames of each screen.
    pub frames: usize,
    /// Rows of the table that scrolls.
    pub rows: u16,
    /// Rounds of the comparison of processes.
    pub rounds: u32,
    /// How long each process is watched in a round.
    pub time: Duration,
    /// Instances that the processes watch.
    pub instances: u16,
}

/// What the dashboard costs. Where it was stopped early, what was measured until then.
#[derive(Clone, Debug, Default)]
pub struct DashboardCost {
    /// Of each screen.
    pub screens: Vec<ScreenCost>,
    /// Those that have nothing to show.
    pub absent: Vec<(String, Absent)>,
    /// Of the long table.
    pub scroll: Option<Scroll>,
    /// Of a process that has it.
    pub beside: Option<Beside>,
    /// Whether everything was measured.
    pub is_whole: bool,
}

/// Why the cost could not be measured.
#[derive(Debug, thiserror::Error)]
pub enum DashboardError {
    /// There is nothing to draw.
    #[error("there is no snapshot to draw")]
    Empty,
    /// Nothing can be written.
    #[error("writing a frame: {0}")]
    Write(#[from] io::Error),
    /// The processes could not be measured.
    #[error(transparent)]
    Processes(#[from] AgentCostError),
}

/// Measures the frames of `screens`, drawn from `snapshots` again and again, and `program`
/// (hwptop) with and without its dashboard, until `stop` is set. `progress` is told what is
/// measured now.
///
/// # Errors
/// [`DashboardError`].
pub fn dashboard(
    program: &Path,
    config: &DashboardConfig,
    snapshots: &[Snapshot],
    screens: Vec<Box<dyn Drawing>>,
    stop: &AtomicBool,
    mut progress: impl FnMut(&str),
) -> Result<DashboardCost, DashboardError> {
    let mut cost = DashboardCost::default();
    let stopped = || stop.load(Ordering::Relaxed);
    let mut first = None;
    for mut screen in screens {
        if stopped() {
            return Ok(cost);
        }
        let name = screen.name();
        progress(&format!("{} frames of {name}", config.frames));
        match frames::frames(&mut *screen, snapshots, config.frames, stop)? {
            Ok(measured) => cost.screens.push(measured),
            Err(absent) => cost.absent.push((name, absent)),
        }
        first.get_or_insert(screen);
    }
    if let Some(mut screen) = first
        && !stopped()
    {
        progress(&format!("{} rows that scroll", config.rows));
        cost.scroll = Some(scroll::scroll(&mut *screen, snapshots, config.rows, stop)?);
    }
    if config.rounds > 0 && !stopped() {
        cost.beside = Some(beside::beside(program, config, stop, &mut progress)?);
    }
    cost.is_whole = !stopped();
    Ok(cost)
}

#[cfg(test)]
mod tests;
