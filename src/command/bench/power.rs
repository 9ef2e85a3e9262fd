//! How well the gate does on this machine.

use std::{
    env,
    ffi::OsString,
    io,
    sync::atomic::AtomicBool,
    time::{Instant, SystemTime},
};

use anyhow::anyhow;
use hwptop_bench::{
    Measuring, ProcessError, Turns, TurnsError,
    compare::{Verdict, narrowing},
    gate::{Gate, Outcome, Rules, smallest},
    run_file::{Draft, Kind, Point, RunFile},
    statistics::criterion_rule::Decision,
};

use super::{
    Progress, print,
    several::{Measured, left},
};
use crate::{
    cli::PowerArgs,
    command::{
        compare::{percent, rules},
        gate::{LIMIT, process},
        signals::stop_flag,
    },
    failure::Failure,
    output::remark,
};

pub(crate) fn power(args: &PowerArgs) -> Result<(), Failure> {
    let mut rules = rules(args.rules.as_deref())?;
    rules.budget = args.budget.unwrap_or(rules.budget);
    let bench = Bench {
        arguments: process("batching", &args.options, None)?,
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
            limit: LIMIT,
        };
        let mut slower = base.clone();
        let delay = ["--inject-delay".into(), percent.to_string().into()];
        slower.arguments.extend(delay);
        Ok(Turns::new(slower, Some(base)))
    }

    fn real(&self, args: &PowerArgs, percent: f64) -> Result<(), Failure> {
        let draft = args.output.as_deref().map(Draft::create).transpose();
        let draft = draft.map_err(Failure::input)?;
        let (started, began) = (SystemTime::now(), Instant::now());
        let (mut points, mut kind) = (Vec::new(), Kind::Modelled);
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
            match judge.run(&mut turns, None, self.stop, |_| {}) {
                Ok(outcome) => points.push(point(gate, &outcome)),
                Err(TurnsError::Process(ProcessError::Stopped)) => break,
                Err(error) => return Err(Failure::cannot(error)),
            }
            kind = turns.file().map_or(kind, |file| file.kind);
        }
        self.progress.clear();
        let (done, all) = (points.len(), args.gates as usize);
        let stopped = || Failure::Interrupted(anyhow!("stopped; {done} of {all} gates are run"));
        if done == 0 {
            return Err(stopped());
        }
        let effect = ("effect".to_owned(), format!("{percent} %"));
        let run = RunFile::from(Measured {
            suite: "power",
            target: None,
            kind,
            settings: [effect].into(),
            started,
            points,
            is_complete: done == all,
        });
        if let (Some(draft), Some(path)) = (draft, &args.output) {
            draft.write(&run).map_err(Failure::cannot)?;
            remark(&format!("wrote {}", path.display()));
        }
        let points = &run.runs[0].points;
        print::gates(&mut io::stdout().lock(), points, percent, args.format)?;
        if done == all { Ok(()) } else { Err(stopped()) }
    }

    fn played(&self, args: &PowerArgs) -> Result<(), Failure> {
        if args.output.is_some() {
            return Err(Failure::input(anyhow!(
                "--output: only gates that are run have figures to write; give --effect"
            )));
        }
        let run = self.pairs()?;
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
        print::power(&mut io::stdout().lock(), &power, args.format)?;
        Ok(())
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
            match turns.turn(self.stop) {
                Ok(()) => pairs += 1,
                Err(TurnsError::Process(ProcessError::Stopped)) => {
                    return Err(Failure::Interrupted(anyhow!("stopped")));
                }
                Err(error) => return Err(Failure::cannot(error)),
            }
        }
        let run = turns.into_file();
        run.ok_or_else(|| Failure::cannot(anyhow!("nothing was measured")))
    }
}

fn fails(point: &Point) -> bool {
    point.value("gate_failed") == Some(1.0)
}

fn point(gate: u32, outcome: &Outcome) -> Point {
    let judged = &outcome.judged;
    let is = |verdict| Some(u64::from(judged.verdict == verdict));
    let counting = || judged.rows.iter().filter(|row| row.counts());
    let worse = counting().filter_map(|row| Some(row.row.worse()?.value));
    let regressed = counting().filter(|row| row.criterion() == Some(Decision::Regressed));
    Point::at([("gate", gate.to_string())])
        .with("gate_failed", is(Verdict::Fail))
        .with("gate_indeterminate", is(Verdict::Indeterminate))
        .with("gate_pairs", Some(judged.runs as u64))
        .with("gate_seconds", Some(outcome.elapsed.as_secs_f64()))
        .with("gate_worse", worse.max_by(f64::total_cmp))
        .with("criterion_regressed", Some(regressed.count() as u64))
}
