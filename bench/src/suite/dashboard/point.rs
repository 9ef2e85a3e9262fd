use super::{Beside, DashboardCost, ScreenCost, Scroll, Shows};
use crate::{Interval, run_file::Point};

impl DashboardCost {
    /// For a run file: of all that was measured.
    #[must_use]
    pub fn points(&self) -> Vec<Point> {
        let mut points: Vec<_> = self.screens.iter().map(ScreenCost::point).collect();
        points.extend(self.scroll.as_ref().map(Scroll::point));
        points.extend(self.beside.iter().flat_map(Beside::points));
        points
    }
}

impl ScreenCost {
    fn point(&self) -> Point {
        let frames = self.bytes.len() as f64;
        let bytes = self.bytes.iter().map(|&bytes| bytes as f64).sum::<f64>();
        let is_drawn = !self.frame.is_empty();
        Point::at([("screen", self.screen.clone())])
            .with("frame_ratio", is_drawn.then(|| self.ratio(0.5)))
            .with("bytes_per_frame", Some(bytes / frames))
            .with("cells_per_frame", Some(self.cells))
            .with_times("update_latency", &self.update)
            .with_times("frame_latency", &self.frame)
    }
}

impl Scroll {
    fn point(&self) -> Point {
        Point::at([("rows_that_scroll", self.rows.to_string())])
            .with_times("key_latency", &self.key)
            .with_times("snapshot_latency", &self.snapshot)
    }
}

impl Beside {
    fn points(&self) -> impl Iterator<Item = Point> {
        Shows::ALL.into_iter().map(|shows| {
            let shares = self.rounds.iter().map(|round| round.of(shows).core_share());
            let share = Interval::median_of(&shares.collect::<Vec<_>>());
            let point = Point::at([("process_shows", shows.name().to_owned())]);
            match shows {
                Shows::Dashboard => point.with("core_share", share),
                Shows::Json | Shows::Nothing => point
                    .with("reference_core_share", share)
                    .with("cpu_ratio", self.ratio_to(shows)),
            }
        })
    }
}
