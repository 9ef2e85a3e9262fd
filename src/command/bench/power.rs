//! How well the gate does on this machine.

use std::{
    collections::BTreeMap,
    env,
    ffi::OsString,
    io, iter,
    sync::atomic::AtomicBool,
    time::{Instant, SystemTime},
};

use anyhow::anyhow;
use hwptop_bench::{
    Measuring, ProcessError, Turns, TurnsError,
    compare::{Comparison, Verdict, narrowing},
    gate::{Gate, JudgedRow, Outcome, Played, Rules, smallest},
    run_file::{Draft, Key, Kind, Point, RunFile},
    statistics::criterion_rule::Decision,
};

use super::{
    Progress, print,
    several::{Measured, left, settings},
};
use crate::{
    cli::PowerArgs,
    command::{
        compare::percent,
        gate::{failure, held, hold_something, process},
        in_use::InUse,
        signals::stop_flag,
    },
    failure::Failure,
    output::remark,
};

pub(crate) fn power(args: &PowerArgs) -> Result<(), Failure> {
    let rules = held(args.rules.as_deref(), args.budget)?;
    let arguments = process("batching", &args.options, None)?;
    InUse::by_this_binary()
        .reads("--rules", args.rules.as_deref())
        .writes("--output", args.output.as_deref())?;
    let bench = Bench {
        arguments,
        rules,
        stop: &*stop_flag()?,
        progress: Progress::start(),
    };
    match args.effect {
        Some(percent) => bench.real(args, percent),
        None => bench.played(args),
    }
}

struct Bench<'a> {
    arguments: Vec<OsString>,
    rules: Rules,
    stop: &'a AtomicBool,
    progress: Progress,
}

impl Bench<'_> {
    /// Processes of this binary in turns with others of it that are slower by `percent`.
    fn turns(&self, percent: f64) -> Result<Turns, Failure> {
        let base = Measuring {
            program: env::current_exe()?,
            arguments: self.arguments.clone(),
        };
        let mut slower = base.clone();
        let delay = ["--inject-delay".into(), percent.to_string().into()];
        slower.arguments.extend(delay);
        Ok(Turns::new(slower, Some(base)))
    }

    fn real(&self, args: &PowerArgs, percent: f64) -> Result<(), Failure> {
        let draft = draft(args)?;
        let (started, began) = (SystemTime::now(), Instant::now());
        let (mut points, mut kind, mut ended) = (Vec::new(), Kind::Modelled, None);
        for gate in 0..args.gates {
            let failed = points.iter().filter(|point| fails(point)).count();
            let left = match gate {
                0 => String::new(),
                _ => format!(", about {} left", left(began.elapsed(), gate, args.gates)),
            };
            self.progress.show(&format!(
                "gate {} of {}; {failed} of {gate} said FAIL{left}",
                gate + 1,
                args.gates
            ));
            let mut turns = self.turns(percent)?;
            let judge = Gate::new(self.rules.clone(), true);
            match judge.run(&mut turns, None, Instant::now(), self.stop, |_| {}) {
                Ok(outcome) if outcome.is_stopped() => break,
                Ok(outcome) => {
                    if let Some(file) = turns.file().filter(|_| gate == 0) {
                        hold_something(file, &self.rules, args.rules.as_deref())?;
                    }
                    let regressed = turns.file().map(|file| self.regressed(file));
                    points.push(point(gate, &outcome, regressed));
                }
                Err(TurnsError::Process(ProcessError::Stopped)) => break,
                Err(error) => {
                    // The gates before are kept.
                    ended = Some(failure(error));
                    break;
                }
            }
            kind = turns.file().map_or(kind, |file| file.kind);
        }
        self.progress.clear();
        let (done, all) = (points.len(), args.gates as usize);
        let ended = ended.unwrap_or_else(|| {
            Failure::Interrupted(anyhow!("stopped; {done} of {all} gates are run"))
        });
        if done == 0 {
            return Err(ended);
        }
        let run = RunFile::from(Measured {
            suite: "power",
            target: None,
            kind,
            timing_profile: None,
            settings: self.settings(format!("{percent} %")),
            started,
            probes: Vec::new(),
            points,
            is_complete: done == all,
        });
        write(draft, args, &run)?;
        let points = &run.runs[0].points;
        print::gates(&mut io::stdout().lock(), points, percent, args.format)?;
        if done == all { Ok(()) } else { Err(ended) }
    }

    fn played(&self, args: &PowerArgs) -> Result<(), Failure> {
        let draft = draft(args)?;
        let started = SystemTime::now();
        let run = self.pairs()?;
        hold_something(&run, &self.rules, args.rules.as_deref())?;
        let base = run.base.as_ref().map_or(&[][..], |base| &base.runs);
        let played = smallest((base, &run.runs), &self.rules, args.gates, |effect| {
            self.progress.show(&format!(
                "playing {} gates with a slow-down of {} %",
                args.gates,
                percent(effect)
            ));
        });
        self.progress.clear();
        let power = print::Power {
            pairs: run.runs.len(),
            budget: self.rules.budget,
            narrowing: narrowing(base, &run.runs, self.rules.confidence),
            played,
        };
        let pairs = Point::default()
            .with("gate_pairs", Some(power.pairs as u64))
            .with("unpaired_width", power.narrowing);
        let played = power.played.iter().map(Played::point);
        let file = RunFile::from(Measured {
            suite: "power",
            target: run.target.clone(),
            kind: run.kind,
            timing_profile: None,
            settings: self.settings("played".to_owned()),
            started,
            probes: Vec::new(),
            points: iter::once(pairs).chain(played).collect(),
            is_complete: true,
        });
        write(draft, args, &file)?;
        print::power(&mut io::stdout().lock(), &power, args.format)?;
        Ok(())
    }

    /// What the figures of gates depend on.
    fn settings(&self, effect: String) -> BTreeMap<String, String> {
        let options: Vec<_> = self
            .arguments
            .iter()
            .map(|of| of.to_string_lossy())
            .collect();
        settings([
            ("effect", effect),
            ("budget", format!("{} s", self.rules.budget.as_secs())),
            ("options", options.join(" ")),
        ])
    }

    /// How many of the metrics that a gate hangs on criterion's default rule calls regressed, of
    /// all pairs of it.
    fn regressed(&self, file: &RunFile) -> u64 {
        let base = file.base.as_ref().map_or(&[][..], |base| &base.runs);
        let (rules, confidence) = (&self.rules, self.rules.confidence);
        let of = |key: &Key| rules.fails(key);
        let all = Comparison::of_these(base, &file.runs, true, confidence, of);
        let rows = JudgedRow::all(all, rules);
        let regressed = |row: &&JudgedRow| row.criterion() == Some(Decision::Regressed);
        rows.iter().filter(regressed).count() as u64
    }

    /// As many pairs as a gate has time for.
    fn pairs(&self) -> Result<RunFile, Failure> {
        let mut turns = self.turns(0.0)?;
        let (start, budget) = (Instant::now(), self.rules.budget);
        let mut pairs = 0;
        while start.elapsed() < budget && pairs < self.rules.most {
            if pairs % 20 == 0 {
                let left = budget.saturating_sub(start.elapsed()).as_secs();
                self.progress
                    .show(&format!("pair {}; {left} s left", pairs + 1));
            }
            match turns.turn(budget.saturating_sub(start.elapsed()), self.stop) {
                Ok(()) => pairs += 1,
                Err(TurnsError::Process(ProcessError::Stopped)) => {
                    return Err(Failure::Interrupted(anyhow!("stopped")));
                }
                Err(error) => return Err(failure(error)),
            }
        }
        let run = turns.into_file();
        run.ok_or_else(|| Failure::cannot(anyhow!("nothing was measured")))
    }
}

fn fails(point: &Point) -> bool {
    point.value("gate_failed") == Some(1.0)
}

fn draft(args: &PowerArgs) -> Result<Option<Draft>, Failure> {
    let draft = args.output.as_deref().map(Draft::create).transpose();
    draft.map_err(Failure::input)
}

fn write(draft: Option<Draft>, args: &PowerArgs, run: &RunFile) -> Result<(), Failure> {
    if let (Some(draft), Some(path)) = (draft, &args.output) {
        draft.write(run).map_err(Failure::cannot)?;
        remark(&format!("wrote {}", path.display()));
    }
    Ok(())
}

fn point(gate: u32, outcome: &Outcome, regressed: Option<u64>) -> Point {
    let judged = &outcome.judged;
    let is = |verdict| Some(u64::from(judged.verdict == verdict));
    let counting = judged.rows.iter().filter(|row| row.counts());
    let worse = counting.filter_map(|row| Some(row.row.worse()?.value));
    Point::at([("gate", gate.to_string())])
        .with("gate_failed", is(Verdict::Fail))
        .with("gate_indeterminate", is(Verdict::Indeterminate))
        .with("gate_pairs", Some(judged.runs as u64))
        .with("gate_seconds", Some(outcome.elapsed.as_secs_f64()))
        .with("gate_worse", worse.max_by(f64::total_cmp))
        .with("criterion_regressed", regressed)
}
