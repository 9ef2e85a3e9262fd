//! No stale translation survives a sync: whole guests with several vCPUs, their front
//! ends, the modelled kernel and the modelled unit against a simple reference.
//!
//! A run is all random, and all from its seed. `HWPTOP_SEED=0x1234 cargo test -p
//! hwptop-driver --test no_stale_translation vtd -- --nocapture` repeats one run and says
//! what happens in it.

mod no_stale_translation {
    mod amdvi;
    mod dialect;
    mod flaky;
    mod layout;
    mod machine;
    mod reference;
    mod rng;
    mod run;
    mod smmuv3;
    mod threads;
    mod vtd;
    mod world;

    pub(crate) use amdvi::AmdVi;
    pub(crate) use dialect::Dialect;
    pub(crate) use rng::Rng;
    pub(crate) use run::{Run, Totals};
    pub(crate) use smmuv3::SmmuV3;
    pub(crate) use threads::run_threads;
    pub(crate) use vtd::Vtd;
}

use std::env;

use hwptop_driver::Vendor;
use no_stale_translation::{AmdVi, Dialect, Rng, Run, SmmuV3, Totals, Vtd, run_threads};

/// The environment variable with the seed of the one run to repeat.
const SEED: &str = "HWPTOP_SEED";

/// Operations of a run.
const OPERATIONS: u64 = 5000;
/// Runs with the same seeds always, and with others each time.
const RUNS: u64 = 160;
const FRESH_RUNS: u64 = 40;

/// Says how to repeat a run that fails.
struct Repeat {
    seed: u64,
    name: &'static str,
}

impl Drop for Repeat {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!(
                "to repeat this run: {SEED}={:#x} cargo test -p hwptop-driver --test \
                 no_stale_translation {}",
                self.seed, self.name
            );
        }
    }
}

fn run<D: Dialect>(seed: u64, name: &'static str, verbose: bool) -> Totals {
    let _repeat = Repeat { seed, name };
    let mut run = Run::<D>::new(seed);
    if verbose {
        run.be_verbose();
    }
    run.operate(OPERATIONS)
}

/// The seed in [`SEED`], decimal or hexadecimal.
fn chosen_seed() -> Option<u64> {
    let text = env::var(SEED).ok()?;
    let seed = match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16),
        None => text.parse(),
    };
    Some(seed.unwrap_or_else(|error| panic!("{SEED}={text}: {error}")))
}

fn no_stale_translation_survives<D: Dialect>(name: &'static str) {
    if let Some(seed) = chosen_seed() {
        println!("{name}: seed {seed:#x}: {:?}", run::<D>(seed, name, true));
        return;
    }
    let fresh = Rng::fresh_seed();
    println!("{name}: fresh seeds from {fresh:#x} on");
    let seeds = (0..RUNS).chain((0..FRESH_RUNS).map(|at| fresh.wrapping_add(at)));
    let mut sum = Totals::default();
    for seed in seeds {
        sum.add(&run::<D>(seed, name, false));
    }
    println!("{name}: {sum:?}");
    assert!(sum.operations >= 1_000_000);
    // The runs are about something.
    assert!(sum.syncs > 50_000 && sum.commands > 200_000, "{sum:?}");
    assert!(sum.joined > 1000 && sum.faults > 1000, "{sum:?}");
    assert!(sum.switches > 1000, "{sum:?}");
    assert!(
        sum.replaced > 1000 || D::VENDOR != Vendor::SmmuV3,
        "{sum:?}"
    );
}

#[test]
fn no_stale_translation_survives_a_sync_of_vtd() {
    no_stale_translation_survives::<Vtd>("vtd");
}

#[test]
fn no_stale_translation_survives_a_sync_of_amdvi() {
    no_stale_translation_survives::<AmdVi>("amdvi");
}

#[test]
fn no_stale_translation_survives_a_sync_of_smmuv3() {
    no_stale_translation_survives::<SmmuV3>("smmuv3");
}

#[test]
fn nor_with_vcpus_and_hardware_in_threads_of_their_own() {
    const ITERATIONS: usize = 1000;
    let seed = chosen_seed().unwrap_or_else(Rng::fresh_seed);
    println!("{SEED}={seed:#x}, but threads do not repeat");
    let syncs = [
        run_threads::<Vtd>(seed, ITERATIONS),
        run_threads::<SmmuV3>(seed, ITERATIONS),
        run_threads::<AmdVi>(seed, ITERATIONS),
    ];
    // One for each iteration of each of four vCPUs; SMMUv3 needs two.
    assert_eq!(syncs, [4000, 8000, 4000]);
}
