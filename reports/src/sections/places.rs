use std::{collections::BTreeMap, path::Path};

use hdrhistogram::Histogram;
use hwptop_bench::{
    Interval,
    metric::{LATENCIES, METRICS, Metric},
    run_file::{Figure, Labels, RunFile},
};

use crate::ReportError;

/// One place of a suite, over all processes of a run.
pub(crate) struct Place {
    pub(crate) labels: Labels,
    pub(crate) figures: BTreeMap<String, Figure>,
    pub(crate) latencies: BTreeMap<String, Histogram<u64>>,
}

impl Place {
    /// Its labels but for `left_out`, as a name.
    pub(crate) fn name(&self, left_out: &[&str]) -> String {
        let kept = self.labels.iter();
        let kept = kept.filter(|(name, _)| !left_out.contains(&name.as_str()));
        let words: Vec<String> = kept
            .map(|(name, value)| format!("{name} {value}"))
            .collect();
        if words.is_empty() {
            "all".to_owned()
        } else {
            words.join(", ")
        }
    }

    pub(crate) fn label(&self, name: &str) -> &str {
        self.labels.get(name).map_or("", String::as_str)
    }
}

/// The places of a run in groups of the same labels, in the suite's own order.
///
/// # Errors
/// [`ReportError::NoPoints`], or [`ReportError::Latency`] where one cannot be read.
pub(crate) fn groups(path: &Path, run: &RunFile) -> Result<Vec<Vec<Place>>, ReportError> {
    let mut places: Vec<(Place, BTreeMap<String, Vec<Figure>>)> = Vec::new();
    for point in run.runs.iter().flat_map(|run| &run.points) {
        let known = places
            .iter()
            .position(|(place, _)| place.labels == point.labels);
        let index = known.unwrap_or_else(|| {
            let place = Place {
                labels: point.labels.clone(),
                figures: BTreeMap::new(),
                latencies: BTreeMap::new(),
            };
            places.push((place, BTreeMap::new()));
            places.len() - 1
        });
        let (place, figures) = &mut places[index];
        for (name, figure) in &point.figures {
            figures.entry(name.clone()).or_default().push(*figure);
        }
        for (name, latency) in &point.latencies {
            let latency = latency.decode().map_err(|error| ReportError::Latency {
                path: path.to_owned(),
                place: format!("{name} of {}", place.name(&[])),
                error,
            })?;
            match place.latencies.get_mut(name) {
                Some(sum) => {
                    sum.auto(true);
                    // It grows as it must.
                    let added = sum.add(&latency);
                    debug_assert!(added.is_ok(), "{added:?}");
                }
                None => {
                    place.latencies.insert(name.clone(), latency);
                }
            }
        }
    }
    if places.is_empty() {
        return Err(ReportError::NoPoints {
            path: path.to_owned(),
        });
    }
    let mut groups: Vec<Vec<Place>> = Vec::new();
    for (mut place, figures) in places {
        let together = figures
            .into_iter()
            .filter_map(|(name, all)| Some((name, median(&all)?)));
        place.figures = together.collect();
        let group = groups
            .iter_mut()
            .find(|group| group[0].labels.keys().eq(place.labels.keys()));
        match group {
            Some(group) => group.push(place),
            None => groups.push(vec![place]),
        }
    }
    Ok(groups)
}

/// Of several processes the median and its interval; of one its own.
fn median(all: &[Figure]) -> Option<Figure> {
    if let [only] = all {
        return Some(*only);
    }
    let values: Vec<f64> = all.iter().map(|figure| figure.value).collect();
    Interval::median_of(&values).map(Figure::from)
}

/// The metrics of `group` in their usual order, those that this version does not know behind them.
pub(crate) fn metrics(group: &[Place]) -> Vec<String> {
    ordered(group.iter().flat_map(|place| place.figures.keys()), METRICS)
}

/// The same of its latencies.
pub(crate) fn latencies(group: &[Place]) -> Vec<String> {
    ordered(
        group.iter().flat_map(|place| place.latencies.keys()),
        LATENCIES,
    )
}

fn ordered<'a>(names: impl Iterator<Item = &'a String>, known: &[Metric]) -> Vec<String> {
    let mut names: Vec<String> = names.cloned().collect();
    names.sort();
    names.dedup();
    let rank = |name: &String| known.iter().position(|metric| metric.name == name);
    names.sort_by_key(|name| rank(name).unwrap_or(usize::MAX));
    names
}

/// The label whose values are numbers, three or more of them: what the others are drawn against.
pub(crate) fn numeric(group: &[Place]) -> Option<(String, Vec<f64>)> {
    let labels = group[0].labels.keys();
    labels
        .filter_map(|name| {
            let values = group
                .iter()
                .map(|place| place.label(name).parse::<f64>().ok());
            let mut values: Vec<f64> = values.collect::<Option<_>>()?;
            values.sort_by(f64::total_cmp);
            values.dedup();
            let is_finite = values.iter().all(|value| value.is_finite());
            (values.len() >= 3 && is_finite).then(|| (name.clone(), values))
        })
        .max_by_key(|(_, values)| values.len())
}
