use super::{ProbeCost, Variant};
use crate::{Interval, run_file::Point};

impl ProbeCost {
    /// For a run file: a point of each variant.
    #[must_use]
    pub fn points(&self) -> Vec<Point> {
        let points = self.measured.iter().map(|cost| {
            let ns = Interval::median_of(&cost.ns_per_pair);
            let point = Point::at([("variant", cost.variant.name().to_owned())]);
            match cost.variant {
                Variant::Hwptop | Variant::HwptopTimed => point.with("ns_per_pair", ns),
                Variant::Nothing => point.with("reference_ns_per_pair", ns),
                Variant::Empty | Variant::BpftraceStatic | Variant::BpftracePush => point
                    .with("reference_ns_per_pair", ns)
                    .with("hwptop_ratio", self.ratio_to(cost.variant)),
            }
        });
        points.collect()
    }
}
