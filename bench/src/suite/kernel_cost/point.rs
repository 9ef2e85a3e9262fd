use super::{KernelCosts, KernelVariant};
use crate::{Interval, run_file::Point};

impl KernelCosts {
    /// For a run file: a point of each variant and size.
    #[must_use]
    pub fn points(&self) -> Vec<Point> {
        let points = self.0.iter().map(|cost| {
            let (variant, batch) = (cost.variant, cost.batch);
            let ns = Interval::median_of(&cost.ns_per_request);
            let point = Point::at([
                ("variant", variant.name().to_owned()),
                ("batch", batch.to_string()),
            ]);
            match variant {
                KernelVariant::Nothing | KernelVariant::EmptyRequest | KernelVariant::Empty => {
                    point.with("reference_ns_per_request", ns)
                }
                KernelVariant::HwptopRequests | KernelVariant::Hwptop => point
                    .with("ns_per_request", ns)
                    .with("ns_per_event", self.ns_per_event(variant, batch))
                    .with("event_ratio", self.event_ratio(variant, batch))
                    .with("ratio_to_unprobed", self.throughput(variant, batch)),
            }
        });
        points.collect()
    }
}
