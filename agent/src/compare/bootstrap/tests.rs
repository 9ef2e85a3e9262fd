use std::time::{Duration, UNIX_EPOCH};

use super::*;

/// Blocks of latencies that are skewed as latencies are, and differ from block to block.
fn side(random: &mut Random, blocks: usize, events: usize, factor: f64) -> Side {
    let mut side = Side::default();
    for _ in 0..blocks {
        let mut did = crate::snapshot::StageActivity::default();
        // What a block has in common: latencies within it are not independent.
        let load = 1.0 + 0.1 * random.normal();
        for _ in 0..events {
            let ns = 2000.0 * factor * load * (0.3 * random.normal()).exp();
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "some microseconds"
            )]
            let ns = hwptop_abi::Bucket::of(ns as u64).middle_ns();
            did.latency += ns;
            did.recorded += 1;
            did.seen += 1;
            did.total_ns += ns;
        }
        let work = Work::of(&did);
        side.work.add(&work);
        side.columns.push(Column {
            begin: UNIX_EPOCH,
            length: Duration::from_secs(1),
            work,
        });
    }
    side
}

impl Random {
    /// About normal, with mean 0 and variance 1 (Irwin-Hall).
    fn normal(&mut self) -> f64 {
        let sum: f64 = (0..12)
            .map(|_| (self.next() >> 11) as f64 / (1_u64 << 53) as f64)
            .sum();
        sum - 6.0
    }
}

/// In how many of `trials` the interval of each statistic has 1 in it.
fn with_one(trials: usize, blocks: usize, factor: f64) -> Vec<(Statistic, usize)> {
    let mut random = Random(42);
    let mut with_one = [0; Statistic::ALL.len()];
    for _ in 0..trials {
        let base = side(&mut random, blocks, 60, 1.0);
        let new = side(&mut random, blocks, 60, factor);
        for (ratio, count) in ratios([&base, &new]).iter().zip(&mut with_one) {
            *count += usize::from(ratio.range.is_ok_and(|range| range.contains(1.0)));
        }
    }
    Statistic::ALL
        .into_iter()
        .zip(with_one)
        .take(2)
        .chain([(Statistic::Mean, with_one[4])])
        .collect()
}

#[test]
fn where_nothing_changed_nine_intervals_of_ten_and_more_contain_one() {
    for blocks in [BLOCKS_LEAST, 8, 20] {
        for (statistic, count) in with_one(100, blocks, 1.0) {
            assert!(count >= 90, "{statistic:?} of {blocks} blocks: {count}");
        }
    }
}

#[test]
fn the_interval_of_the_mean_is_not_wider_than_it_has_to_be() {
    // The mean is exact: nothing makes its interval wider than 95 % but what few blocks do.
    let told = with_one(200, 20, 1.0);
    assert!(told[2].1 <= 198, "{told:?}");
}

#[test]
fn a_shift_by_half_is_found() {
    for blocks in [8, 20] {
        for (statistic, count) in with_one(40, blocks, 1.5) {
            assert!(count <= 2, "{statistic:?} of {blocks} blocks: {count}");
        }
    }
}

#[test]
fn bursts_here_and_there_are_not_taken_for_a_change() {
    let mut random = Random(3);
    let mut with_one = 0;
    for _ in 0..60 {
        let both = [(); 2].map(|()| {
            let mut all = side(&mut random, 30, 100, 1.0);
            for column in &mut all.columns {
                if random.next().is_multiple_of(8) {
                    let burst = side(&mut random, 1, 10, 60.0);
                    column.work.add(&burst.work);
                    all.work.add(&burst.work);
                }
            }
            all
        });
        let p99 = ratios(both.each_ref())[2];
        with_one += usize::from(p99.range.is_ok_and(|range| range.contains(1.0)));
    }
    assert!(with_one >= 54, "{with_one} of 60");
}

#[test]
fn the_same_figures_give_the_same_interval() {
    let both = [1.0, 1.1].map(|factor| side(&mut Random(7), 9, 50, factor));
    let told = ratios(both.each_ref());
    assert!(told[0].range.is_ok());
    assert_eq!(told, ratios(both.each_ref()));
}

#[test]
fn many_blocks_are_joined_and_none_is_left_out() {
    let side = side(&mut Random(7), 129, 3, 1.0);
    let drawn = Drawn::of(&side.columns);
    assert_eq!(drawn.blocks, 43);
    let recorded: f64 = drawn.recorded.iter().sum();
    assert!((recorded - 387.0).abs() < 1e-9, "{recorded}");
}

#[test]
fn students_t_is_near_its_tables() {
    // t at 97.5 %: 2.776 for 4 degrees of freedom, 2.093 for 19.
    for (blocks, t) in [(5_usize, 2.776), (20, 2.093)] {
        let bessel = (blocks as f64 / (blocks as f64 - 1.0)).sqrt();
        let told = stretch(blocks) * Z / bessel;
        assert!((told - t).abs() < 0.06, "{told}");
    }
}
