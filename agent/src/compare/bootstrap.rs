//! Where a ratio may be: percentiles of the ratios of many pairs that were drawn from the blocks.

use super::{BLOCKS_LEAST, Column, NoRange, Range, Ratio, Side, Statistic, work::Work};

/// How many pairs are drawn.
const DRAWS: usize = 500;
/// The most blocks that are drawn from: more make it dearer and hardly better.
const BLOCKS_MAX: usize = 64;
/// The same for every comparison: what has not changed is not to flicker.
const SEED: u64 = 0x6877_7074_6f70;
/// The part of all that is left out at either end.
const LEFT_OUT: f64 = 0.025;
/// Where a normal distribution has that part beyond.
const Z: f64 = 1.96;
/// How far apart two latencies may be that one bucket of the histograms holds.
const BUCKET: f64 = 1.0 + 1.0 / 32.0;

/// What both sides have, and new by base.
pub(super) fn ratios([base, new]: [&Side; 2]) -> Vec<Ratio> {
    let sides = [base, new].map(|side| Drawn::of(&side.columns));
    let whole = sides.each_ref().map(|side| vec![1.0; side.blocks]);
    let told = Statistic::ALL.map(|statistic| Ratio {
        statistic,
        base_ns: sides[0].statistic(statistic, &whole[0]),
        new_ns: sides[1].statistic(statistic, &whole[1]),
        range: enough(statistic, [base, new], &sides).map(|()| Range {
            low: 1.0,
            high: 1.0,
        }),
    });
    let mut told = told.to_vec();
    let mut drawn = [const { Vec::new() }; Statistic::ALL.len()];
    let wanted = |ratio: &Ratio| ratio.range.is_ok();
    if told.iter().any(wanted) {
        let mut random = Random(SEED);
        for _ in 0..DRAWS {
            let times = sides.each_ref().map(|side| random.times(side.blocks));
            for (ratio, drawn) in told.iter().zip(&mut drawn).filter(|(one, _)| wanted(one)) {
                let one = Ratio {
                    base_ns: sides[0].statistic(ratio.statistic, &times[0]),
                    new_ns: sides[1].statistic(ratio.statistic, &times[1]),
                    ..*ratio
                };
                drawn.extend(one.value());
            }
        }
    }
    let blocks = sides[0].blocks.min(sides[1].blocks);
    for (ratio, drawn) in told.iter_mut().zip(&mut drawn) {
        if ratio.range.is_ok()
            && let Some(value) = ratio.value()
        {
            ratio.range = Ok(range(ratio.statistic, value, drawn, blocks));
        }
    }
    told
}

/// Whether there is enough to tell an interval.
fn enough(statistic: Statistic, sides: [&Side; 2], drawn: &[Drawn; 2]) -> Result<(), NoRange> {
    let events = sides[0].work.recorded.min(sides[1].work.recorded);
    if drawn.iter().any(|side| side.blocks == 0) {
        return Err(NoRange::Nothing);
    }
    let needed = statistic.events_least().ok_or(NoRange::OneEvent)?;
    let there = drawn[0].blocks.min(drawn[1].blocks);
    if there < BLOCKS_LEAST {
        return Err(NoRange::Blocks { there });
    }
    if events < needed {
        return Err(NoRange::Events {
            there: events,
            needed,
        });
    }
    Ok(())
}

/// The interval around `value` from what was drawn.
fn range(statistic: Statistic, value: f64, drawn: &mut [f64], blocks: usize) -> Range {
    drawn.sort_by(f64::total_cmp);
    let end = |part: f64| {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "between 0 and how many were drawn"
        )]
        let at = (part * drawn.len() as f64) as usize;
        let ratio = drawn.get(at.min(drawn.len().saturating_sub(1)));
        let far = ratio.copied().unwrap_or(value) / value;
        value * far.powf(stretch(blocks))
    };
    // Percentiles are known as finely as the buckets are; the mean is exact.
    let fine = if statistic.quantile().is_some() {
        BUCKET
    } else {
        1.0
    };
    Range {
        low: end(LEFT_OUT).min(value) / fine,
        high: end(1.0 - LEFT_OUT).max(value) * fine,
    }
}

/// What few blocks make the interval too short by: the draws vary as their variance does without
/// Bessel's correction, and are taken for normal where Student's t has longer tails (T. Hesterberg,
/// "What Teachers Should Know About the Bootstrap", 2015: narrowness bias).
fn stretch(blocks: usize) -> f64 {
    let blocks = blocks.max(2) as f64;
    let free = blocks - 1.0;
    // The first terms of t's quantile in powers of 1/free (Abramowitz and Stegun 26.7.5).
    let t = Z
        + (Z.powi(3) + Z) / (4.0 * free)
        + (5.0 * Z.powi(5) + 16.0 * Z.powi(3) + 3.0 * Z) / (96.0 * free * free);
    t / Z * (blocks / free).sqrt()
}

/// Blocks to draw from. Counts are summed up by value, so that a percentile of any draw is found
/// without adding up its histogram.
struct Drawn {
    blocks: usize,
    /// Every latency that there is, in nanoseconds, the shortest first.
    values: Vec<u64>,
    /// For each of them, by block, how many latencies are at most that.
    at_most: Vec<f64>,
    /// By block.
    recorded: Vec<f64>,
    /// By block.
    total_ns: Vec<f64>,
}

impl Drawn {
    fn of(columns: &[Column]) -> Self {
        let works = columns.iter().map(|column| &column.work);
        let works: Vec<&Work> = works.filter(|work| !work.latencies.is_empty()).collect();
        let joined = works.len().div_ceil(BLOCKS_MAX).max(1);
        let blocks: Vec<Work> = works
            .chunks(joined)
            .map(|chunk| {
                let mut sum = Work::default();
                for work in chunk {
                    sum.add(work);
                }
                sum
            })
            .collect();
        let all = blocks.iter().flat_map(|block| &block.latencies);
        let mut values: Vec<u64> = all.map(|(ns, _)| *ns).collect();
        values.sort_unstable();
        values.dedup();
        let mut at_most = vec![0.0; values.len() * blocks.len()];
        for (number, block) in blocks.iter().enumerate() {
            let mut latencies = block.latencies.iter().peekable();
            let mut sum = 0.0;
            for (row, value) in at_most.chunks_mut(blocks.len().max(1)).zip(&values) {
                if let Some((_, count)) = latencies.next_if(|(ns, _)| ns == value) {
                    sum += *count as f64;
                }
                row[number] = sum;
            }
        }
        let figure = |of: fn(&Work) -> u64| blocks.iter().map(|block| of(block) as f64).collect();
        Self {
            blocks: blocks.len(),
            values,
            at_most,
            recorded: figure(|block| block.recorded),
            total_ns: figure(|block| block.total_ns),
        }
    }

    /// The figure in nanoseconds where each block is there so many `times`.
    fn statistic(&self, statistic: Statistic, times: &[f64]) -> Option<f64> {
        match (statistic, statistic.quantile()) {
            (_, Some(quantile)) => self.at(quantile, times),
            (Statistic::Max, _) => self.values.last().map(|ns| *ns as f64),
            (_, None) => {
                let recorded = dot(&self.recorded, times);
                (recorded > 0.0).then(|| dot(&self.total_ns, times) / recorded)
            }
        }
    }

    fn at(&self, quantile: f64, times: &[f64]) -> Option<f64> {
        let row = |number: usize| &self.at_most[number * self.blocks..][..self.blocks];
        let all = dot(row(self.values.len().checked_sub(1)?), times);
        // The least that is a percentile of so many, as HdrHistogram has it.
        let wanted = (quantile * all).ceil().max(1.0);
        let (mut low, mut high) = (0, self.values.len() - 1);
        while low < high {
            let middle = low.midpoint(high);
            if dot(row(middle), times) < wanted {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        (all > 0.0).then(|| self.values[low] as f64)
    }
}

/// The sum of the products, in four parts that do not wait for one another.
fn dot(one: &[f64], other: &[f64]) -> f64 {
    let (ones, one_rest) = one.as_chunks::<4>();
    let (others, other_rest) = other.as_chunks::<4>();
    let mut sums = [0.0; 4];
    for (one, other) in ones.iter().zip(others) {
        for (sum, (one, other)) in sums.iter_mut().zip(one.iter().zip(other)) {
            *sum += one * other;
        }
    }
    let rest = one_rest
        .iter()
        .zip(other_rest)
        .map(|(one, other)| one * other);
    sums.iter().sum::<f64>() + rest.sum::<f64>()
}

/// SplitMix64 (Steele, Lea and Flood, OOPSLA 2014).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    /// How often each of `blocks` comes where as many are drawn with replacement.
    fn times(&mut self, blocks: usize) -> Vec<f64> {
        let mut times = vec![0.0; blocks];
        for _ in 0..blocks {
            let at = (u128::from(self.next()) * blocks as u128) >> 64;
            times[usize::try_from(at).unwrap_or_default()] += 1.0;
        }
        times
    }
}

#[cfg(test)]
mod tests;
