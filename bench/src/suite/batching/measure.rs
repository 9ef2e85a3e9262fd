use std::{
    hint,
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use hwptop_abi::Stage;
use hwptop_agent::{CounterReading, InstanceTotals, ThreadCounters, nanos};

use super::subject::{Subject, Way};
use super::{Amount, BatchingError, SubjectError};
use crate::Interval;
use crate::cpus::thread_cpu;
use crate::run_file::{BatchPoint, Beside, CounterPoint, HistogramV2};
use crate::steadiness::Steadiness;

/// Batches between two looks at the clock, at most, and the entries they have at most where
/// they are several.
const BATCHES_PER_LOOK: u64 = 16;
const ENTRIES_PER_LOOK: u64 = 1024;

/// How long a round is: shorter than what a scheduler gives a thread, so that other programs of
/// the machine disturb few rounds and not all, and their median not at all.
const ROUND: Duration = Duration::from_micros(100);
/// So many rounds at most: longer ones where there is more time.
const ROUNDS_MAX: u32 = 100_000;

/// How long a busy wait is beyond its end at most where nothing interrupts it.
const OVERSHOOT_MAX: Duration = Duration::from_micros(1);

/// Measures points on one instance.
pub(super) struct Bench<'a> {
    pub(super) subject: &'a mut dyn Subject,
    pub(super) instance: String,
    pub(super) counters: Option<ThreadCounters>,
    pub(super) delay: Delay,
    pub(super) stop: &'a AtomicBool,
}

/// Makes the own way slower by a part of what it takes: a change whose size is known.
#[derive(Debug)]
pub(super) struct Delay {
    part: f64,
    /// What was waited too long, and is not waited the next time.
    ahead: Duration,
}

impl Delay {
    pub(super) const fn of(part: f64) -> Self {
        Self {
            part,
            ahead: Duration::ZERO,
        }
    }

    /// Waits for the part of what `took` so long, busy as slower code is; how long that was.
    fn after(&mut self, took: Duration) -> Duration {
        let due = took.mul_f64(self.part);
        let wait = due.saturating_sub(self.ahead);
        self.ahead = self.ahead.saturating_sub(due);
        if wait.is_zero() {
            return Duration::ZERO;
        }
        let start = Instant::now();
        loop {
            let waited = start.elapsed();
            if let Some(ahead) = waited.checked_sub(wait) {
                // A longer one is an interruption, which rounds after it are not to make up for.
                if ahead <= OVERSHOOT_MAX {
                    self.ahead += ahead;
                }
                return waited;
            }
            hint::spin_loop();
        }
    }
}

/// Batches of `batch` entries between two looks at the clock: a power of two.
const fn per_look(batch: u32) -> u64 {
    let fitting = ENTRIES_PER_LOOK / batch as u64;
    match fitting.checked_ilog2() {
        Some(_) if fitting >= BATCHES_PER_LOOK => BATCHES_PER_LOOK,
        Some(log) => 1 << log,
        None => 1,
    }
}

/// Batches of one way.
#[derive(Clone, Debug, Default)]
struct Done {
    batches: u64,
    elapsed: Duration,
    /// Seconds per batch of each round.
    rounds: Vec<f64>,
}

/// Hardware counters over every round; `None` where one has none.
struct Counted(Option<CounterReading>);

impl Bench<'_> {
    pub(super) fn point(
        &mut self,
        batch: u32,
        amount: Amount,
    ) -> Result<BatchPoint, BatchingError> {
        let mut counted = Counted::new();
        let mut ways = vec![(Way::Own, Done::default())];
        let before;
        let mut off_cpu_share = None;
        match amount {
            Amount::Requests(requests) => {
                before = self.subject.totals()?;
                let own = &mut ways[0].1;
                self.counting(&mut counted, |bench| bench.requests(batch, requests, own))?;
            }
            Amount::Time(time) => {
                let beside = self.subject.beside();
                ways.extend(beside.iter().map(|&way| (way, Done::default())));
                self.warm_up(batch, &ways, time / 5)?;
                before = self.subject.totals()?;
                let (start, cpu) = (Instant::now(), thread_cpu());
                self.turns(batch, &mut ways, time, &mut counted)?;
                let cpu = thread_cpu().saturating_sub(cpu);
                let share = cpu.div_duration_f64(start.elapsed());
                off_cpu_share = Some((1.0 - share).max(0.0));
            }
        }
        let after = self.subject.totals()?;
        Ok(BatchPoint {
            off_cpu_share,
            ..self.conclude(batch, &ways, (&before, &after), &counted)
        })
    }

    fn requests(&mut self, batch: u32, requests: u64, own: &mut Done) -> Result<(), BatchingError> {
        while own.batches < requests && !self.stop.load(Ordering::Relaxed) {
            let count = per_look(batch).min(requests - own.batches);
            own.elapsed += self.perform(Way::Own, batch, count)?;
            own.batches += count;
        }
        Ok(())
    }

    fn warm_up(
        &mut self,
        batch: u32,
        ways: &[(Way, Done)],
        time: Duration,
    ) -> Result<(), BatchingError> {
        let time = time / u32::try_from(ways.len()).unwrap_or(1);
        for (way, _) in ways {
            self.run(*way, batch, time)?;
        }
        Ok(())
    }

    /// Measures the ways in rounds, by turns forwards and backwards (ABBA), so that drift hits all
    /// alike.
    fn turns(
        &mut self,
        batch: u32,
        ways: &mut [(Way, Done)],
        time: Duration,
        counted: &mut Counted,
    ) -> Result<(), BatchingError> {
        let round = ROUND.max(time / ROUNDS_MAX);
        let mut elapsed = Duration::ZERO;
        let mut is_forwards = true;
        // Whole pairs of turns.
        while (elapsed < time || !is_forwards) && !self.stop.load(Ordering::Relaxed) {
            for (way, done) in &mut *ways {
                let mut reading = Counted::new();
                // Each is counted, so that counting disturbs all alike.
                let measured =
                    self.counting(&mut reading, |bench| bench.run(*way, batch, round))?;
                if *way == Way::Own {
                    counted.add(reading.0);
                    elapsed += measured.elapsed;
                }
                done.add(&measured);
            }
            if ways.len() > 1 {
                ways.reverse();
                is_forwards = !is_forwards;
            }
        }
        Ok(())
    }

    /// Performs batches for `time`.
    fn run(&mut self, way: Way, batch: u32, time: Duration) -> Result<Done, BatchingError> {
        let mut done = Done::default();
        loop {
            done.elapsed += self.perform(way, batch, per_look(batch))?;
            done.batches += per_look(batch);
            if done.elapsed >= time || self.stop.load(Ordering::Relaxed) {
                return Ok(done);
            }
        }
    }

    fn perform(&mut self, way: Way, batch: u32, count: u64) -> Result<Duration, BatchingError> {
        let performed = self.subject.perform(way, batch, count);
        let took = performed.map_err(|source: SubjectError| BatchingError::Batch {
            instance: self.instance.clone(),
            batch,
            source,
        })?;
        Ok(match way {
            Way::Own => took + self.delay.after(took),
            _ => took,
        })
    }

    /// Counts what `work` takes.
    fn counting<T>(&mut self, counted: &mut Counted, work: impl FnOnce(&mut Self) -> T) -> T {
        let counting = self
            .counters
            .as_mut()
            .is_some_and(|counters| counters.start().is_ok());
        let result = work(self);
        let reading = self
            .counters
            .as_mut()
            .filter(|_| counting)
            .and_then(ThreadCounters::stop);
        counted.add(reading);
        result
    }

    fn conclude(
        &self,
        batch: u32,
        ways: &[(Way, Done)],
        (before, after): (&InstanceTotals, &InstanceTotals),
        counted: &Counted,
    ) -> BatchPoint {
        let stage = |stage| after.stage(stage).since(before.stage(stage));
        let (request, submission) = (stage(Stage::Request), stage(Stage::Submission));
        // Where nothing counts submissions there are none: that is no figure.
        let submitted = (submission.0.seen > 0).then_some(&submission);
        let own = own(ways);
        let beside = |wanted| {
            let (_, done) = ways.iter().find(|(way, _)| *way == wanted)?;
            done.beside(batch, own)
        };
        let user_only = self
            .counters
            .as_ref()
            .is_some_and(ThreadCounters::is_user_only);
        BatchPoint {
            instance: self.instance.clone(),
            batch,
            entries: own.batches * u64::from(batch),
            requests: own.batches,
            submissions: submitted.map(|submission| submission.0.seen),
            commands: submitted.map(|submission| submission.0.items),
            elapsed_ns: nanos(own.elapsed),
            request_latency: HistogramV2::encode(&request.latency()),
            submission_latency: submitted
                .map(|submission| HistogramV2::encode(&submission.latency())),
            round_ns_per_entry: own.ns_per_entry(batch),
            off_cpu_share: None,
            steadiness: Steadiness::of(&own.rounds),
            bare: beside(Way::Bare),
            guest: beside(Way::Guest),
            counters: counted.0.map(|counted| CounterPoint {
                instructions: counted.instructions,
                cycles: counted.cycles,
                user_only,
            }),
        }
    }
}

/// What was done in the own way, which is first or last.
fn own(ways: &[(Way, Done)]) -> &Done {
    let found = ways.iter().find(|(way, _)| *way == Way::Own);
    &found.unwrap_or(&ways[0]).1
}

impl Done {
    fn add(&mut self, round: &Self) {
        self.batches += round.batches;
        self.elapsed += round.elapsed;
        self.rounds
            .push(round.elapsed.as_secs_f64() / round.batches as f64);
    }

    /// Median of the rounds.
    fn ns_per_entry(&self, batch: u32) -> Option<Interval> {
        let ns = self.rounds.iter().map(|seconds| seconds * 1e9);
        Interval::median_of(&ns.map(|ns| ns / f64::from(batch)).collect::<Vec<_>>())
    }

    fn beside(&self, batch: u32, own: &Self) -> Option<Beside> {
        let rounds = self.rounds.iter().zip(&own.rounds);
        let ratios: Vec<f64> = rounds.map(|(this, own)| this / own).collect();
        Some(Beside {
            entries: self.batches * u64::from(batch),
            elapsed_ns: nanos(self.elapsed),
            ratio: Interval::median_of(&ratios)?,
        })
    }
}

impl Counted {
    const fn new() -> Self {
        Self(Some(CounterReading {
            instructions: 0,
            cycles: 0,
        }))
    }

    fn add(&mut self, reading: Option<CounterReading>) {
        self.0 = self.0.zip(reading).map(|(sum, reading)| CounterReading {
            instructions: sum.instructions + reading.instructions,
            cycles: sum.cycles + reading.cycles,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_is_looked_at_after_a_power_of_two_of_batches_and_few_entries() {
        for batch in 1..=2048 {
            let batches = per_look(batch);
            assert!(batches.is_power_of_two() && batches <= BATCHES_PER_LOOK);
            let entries = batches * u64::from(batch);
            assert!(batches == 1 || entries <= ENTRIES_PER_LOOK, "batch {batch}");
        }
        assert_eq!([1, 64, 100, 1024].map(per_look), [16, 16, 8, 1]);
    }

    #[test]
    fn what_is_waited_adds_up_to_the_part() {
        let mut delay = Delay::of(0.5);
        let took = Duration::from_micros(3);
        let waited: Duration = (0..1000).map(|_| delay.after(took)).sum();
        // However much the machine disturbs.
        let due = took.mul_f64(0.5) * 1000;
        assert!(waited >= due, "{waited:?}");
        assert!(delay.ahead <= due, "{:?}", delay.ahead);
        assert_eq!(Delay::of(0.0).after(took), Duration::ZERO);

        // What was waited too long until then is not waited, and no more than that.
        let mut delay = Delay {
            part: 1.0,
            ahead: Duration::from_micros(2),
        };
        assert_eq!(delay.after(Duration::from_micros(2)), Duration::ZERO);
        assert!(delay.after(Duration::from_micros(2)) >= Duration::from_micros(2));
    }
}
