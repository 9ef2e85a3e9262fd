use super::{AgentCost, Looking, MillionEvents, Scaling, Took, Watched};
use crate::{Interval, run_file::Point};

impl AgentCost {
    /// For a run file: of all that was measured.
    #[must_use]
    pub fn points(&self) -> Vec<Point> {
        let mut points = Vec::new();
        if let Some(events) = &self.events {
            points.extend(events.points());
        }
        points.extend(self.watched.iter().map(Watched::point));
        points.extend(self.took.iter().map(Took::point));
        points.extend(self.scaling.iter().map(Scaling::point));
        points
    }
}

impl MillionEvents {
    fn points(&self) -> impl Iterator<Item = Point> {
        self.measured.iter().map(|(looking, seconds)| {
            let cost = Interval::median_of(seconds);
            let by = looking.name(self.events).to_owned();
            let point = Point::at([("events_seen_by", by)]);
            match looking {
                Looking::Hwptop => point.with("cpu_per_million_events", cost),
                Looking::Nobody | Looking::Twin | Looking::Kprobe => point
                    .with("reference_cpu_per_million_events", cost)
                    .with("hwptop_ratio", self.ratio_to(*looking)),
            }
        })
    }
}

impl Watched {
    fn point(&self) -> Point {
        Point::at([("target", self.doing.name().to_owned())])
            .with("core_share", Some(self.core_share()))
            .with("peak_resident", Some(self.peak_resident_bytes))
            .with("snapshots", Some(self.snapshots as u64))
    }
}

impl Took {
    fn point(&self) -> Point {
        let median = (!self.ns.is_empty()).then(|| self.ns.value_at_quantile(0.5));
        Point::at([("act", self.what.to_owned())]).with("act_ns", median)
    }
}

impl Scaling {
    fn point(&self) -> Point {
        Point::at([("producers", self.on.name().to_owned())])
            .with("producers_ratio", Interval::median_of(&self.ratio))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::suite::Events;

    #[test]
    fn a_cost_that_noise_made_negative_is_no_figure() {
        let cost = AgentCost {
            events: Some(MillionEvents {
                events: Events::Static,
                measured: vec![
                    (Looking::Hwptop, vec![-0.1, -0.2, 0.1]),
                    (Looking::Twin, vec![-0.1, 0.2, 0.3]),
                ],
                absent: Vec::new(),
            }),
            ..AgentCost::default()
        };
        let points = cost.points();
        assert_eq!(points[0].value("cpu_per_million_events"), None);
        let twin = points[1].figures["reference_cpu_per_million_events"];
        assert_eq!((twin.value, twin.low), (0.2, Some(0.0)));
        for point in points {
            assert_eq!(point.check(), Ok(()));
        }
    }
}
