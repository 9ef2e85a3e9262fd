use std::{
    collections::{BTreeMap, BTreeSet},
    io::{self, Write},
};

use hwptop_bench::{
    compare::{Comparison, Row, Verdict, narrowing},
    gate::{Action, JudgedRow, Rules},
    run_file::{Base, Difference, Environment, Key, Labels, RunFile},
    statistics::{Confidence, criterion_rule::Decision},
};
use serde_json::{Value, json};

/// Two sides of runs, compared.
pub(in crate::command) struct Compared {
    suite: String,
    target: Option<String>,
    kind: &'static str,
    /// The binaries, the base first.
    binaries: [String; 2],
    runs: [usize; 2],
    dropped: u32,
    pub(in crate::command) is_paired: bool,
    confidence: Confidence,
    narrowing: Option<f64>,
    differences: Vec<String>,
    one_sided: Vec<String>,
    pub(in crate::command) rows: Vec<JudgedRow>,
}

impl Compared {
    /// The runs of two files.
    pub(in crate::command) fn files(
        base: &RunFile,
        new: &RunFile,
        rules: &Rules,
        differences: &[Difference],
    ) -> Self {
        let confidence = rules.confidence;
        let comparison = Comparison::of(&base.runs, &new.runs, false, confidence);
        Self {
            differences: differences.iter().map(Difference::to_string).collect(),
            runs: [base.runs.len(), new.runs.len()],
            ..Self::of(new, &base.environment, comparison, rules)
        }
    }

    /// The two binaries of one file; none where it has one.
    pub(in crate::command) fn in_turns(run: &RunFile, rules: &Rules) -> Option<Self> {
        let Base {
            environment, runs, ..
        } = run.base.as_ref()?;
        let comparison = Comparison::of(runs, &run.runs, true, rules.confidence);
        Some(Self {
            narrowing: narrowing(runs, &run.runs, rules.confidence),
            runs: [runs.len(), run.runs.len()],
            ..Self::of(run, environment, comparison, rules)
        })
    }

    fn of(run: &RunFile, base: &Environment, comparison: Comparison, rules: &Rules) -> Self {
        let sided = |keys: &[_], side| -> Vec<String> {
            let keys = keys.iter();
            keys.map(|key: &Key| format!("{key}: only {side} has it"))
                .collect()
        };
        let mut one_sided = sided(&comparison.only_base, "the base");
        one_sided.extend(sided(&comparison.only_new, "the other"));
        let binary = |of: &Environment| {
            let revision = of.revision.as_deref();
            format!("{} ({})", of.hwptop, revision.unwrap_or("revision unknown"))
        };
        Self {
            suite: run.suite.clone(),
            target: run.target.clone(),
            kind: run.kind.name(),
            binaries: [binary(base), binary(&run.environment)],
            runs: [0, 0],
            dropped: run.dropped,
            is_paired: comparison.is_paired,
            confidence: comparison.confidence,
            narrowing: None,
            differences: Vec::new(),
            one_sided,
            rows: JudgedRow::all(comparison, rules),
        }
    }

    pub(in crate::command) fn text(&self, out: &mut impl Write) -> io::Result<()> {
        write!(out, "{}", self.suite)?;
        if let Some(target) = &self.target {
            write!(out, " on {target}")?;
        }
        writeln!(out, " ({})", self.kind)?;
        let [base, new] = &self.binaries;
        let [base_runs, new_runs] = self.runs;
        if self.is_paired {
            let pairs = base_runs.min(new_runs);
            writeln!(
                out,
                "base {base}, new {new}: {pairs} pairs of processes, in turns"
            )?;
        } else {
            writeln!(
                out,
                "base {base}: {base_runs} processes; new {new}: {new_runs} processes"
            )?;
        }
        for difference in &self.differences {
            writeln!(out, "NOT OF THE SAME: {difference}")?;
        }
        self.table(out)?;
        writeln!(
            out,
            "\nratio: new / base, with its {} % interval; p: rank test, all metrics together\n\
             PASS: not worse by more than the floor; (…): told, fails no gate\n\
             C: what criterion's default rule says of the same figures: R regressed, I improved",
            percent(self.confidence.part())
        )?;
        let without = self
            .rows
            .iter()
            .filter_map(|row| row.row.ratio.as_ref().err());
        let reasons: BTreeSet<String> = without.map(ToString::to_string).collect();
        for why in reasons {
            writeln!(out, "no ratio: {why}")?;
        }
        if let Some(narrowing) = self.narrowing {
            writeln!(
                out,
                "pairs make the intervals {narrowing:.1} times as narrow as the same runs without"
            )?;
        }
        if self.dropped > 0 {
            writeln!(out, "dropped, as a process failed: turns: {}", self.dropped)?;
        }
        for line in &self.one_sided {
            writeln!(out, "{line}")?;
        }
        Ok(())
    }

    fn table(&self, out: &mut impl Write) -> io::Result<()> {
        let width = metric_width(self.rows.iter().map(|row| &row.row.key));
        writeln!(
            out,
            "\n{:<width$} {:>8} {:>8}  {:<23} {:>6} {:>5} {:<15} C",
            "metric", "base", "new", "ratio", "p", "floor", "verdict"
        )?;
        let mut place = None;
        for row in by_place(&self.rows, |row| &row.row.key) {
            heading(out, &mut place, &row.row.key)?;
            let median = |figures: &[f64]| Row::median(figures).map_or("-".to_owned(), figure);
            let ratio = match &row.row.ratio {
                Ok(of) => format!("{:.4} [{:.4}, {:.4}]", of.value, of.low, of.high),
                Err(_) => "none".to_owned(),
            };
            let verdict = match row.action {
                Action::Fail => row.verdict.name().to_owned(),
                Action::Report => format!("({})", row.verdict.name()),
            };
            let criterion = match row.criterion() {
                Some(Decision::Regressed) => " R",
                Some(Decision::Improved) => " I",
                _ => "",
            };
            let line = format!(
                "{:<width$} {:>8} {:>8}  {ratio:<23} {:>6.4} {:>4}% {verdict:<15}{criterion}",
                format!("  {}", row.row.key.metric),
                median(&row.row.base),
                median(&row.row.new),
                row.row.p_adjusted,
                percent(row.floor),
            );
            writeln!(out, "{}", line.trim_end())?;
        }
        Ok(())
    }

    pub(in crate::command) fn csv(&self, out: &mut impl Write) -> io::Result<()> {
        writeln!(
            out,
            "metric,unit,base,new,ratio,low,high,p,floor,action,verdict,criterion"
        )?;
        for row in &self.rows {
            let median = |figures: &[f64]| text(Row::median(figures));
            let ratio = row.row.ratio.as_ref().ok();
            writeln!(
                out,
                "{},{},{},{},{},{},{},{},{},{},{},{}",
                quoted(&row.row.key),
                row.row.metric.unit,
                median(&row.row.base),
                median(&row.row.new),
                text(ratio.map(|of| of.value)),
                text(ratio.map(|of| of.low)),
                text(ratio.map(|of| of.high)),
                row.row.p_adjusted,
                row.floor,
                action(row.action),
                row.verdict.name(),
                row.criterion().map_or("", said),
            )?;
        }
        Ok(())
    }

    pub(in crate::command) fn json_line(&self, out: &mut impl Write) -> io::Result<()> {
        serde_json::to_writer(&mut *out, &self.json())?;
        writeln!(out)
    }

    pub(in crate::command) fn json(&self) -> Value {
        let rows: Vec<Value> = self.rows.iter().map(row).collect();
        json!({
            "schema": "hwptop.comparison/1",
            "suite": self.suite,
            "target": self.target,
            "kind": self.kind,
            "base": self.binaries[0],
            "new": self.binaries[1],
            "base_runs": self.runs[0],
            "new_runs": self.runs[1],
            "paired": self.is_paired,
            "confidence": self.confidence.part(),
            "narrowing": self.narrowing,
            "dropped": self.dropped,
            "differences": self.differences,
            "one_sided": self.one_sided,
            "metrics": rows,
        })
    }
}

fn row(judged: &JudgedRow) -> Value {
    let row = &judged.row;
    json!({
        "metric": row.key.metric,
        "labels": row.key.labels,
        "unit": row.metric.unit,
        "better": row.better,
        "base": Row::median(&row.base),
        "new": Row::median(&row.new),
        "ratio": row.ratio.as_ref().ok(),
        "why_no_ratio": row.ratio.as_ref().err().map(ToString::to_string),
        "p": row.p_adjusted,
        "floor": judged.floor,
        "action": action(judged.action),
        "verdict": judged.verdict.name(),
        "criterion": judged.criterion().map(said),
    })
}

const fn action(action: Action) -> &'static str {
    match action {
        Action::Fail => "fail",
        Action::Report => "report",
    }
}

/// In criterion's words.
const fn said(decision: Decision) -> &'static str {
    match decision {
        Decision::Improved => "improved",
        Decision::Regressed => "regressed",
        Decision::WithinNoise => "within noise",
        Decision::NoChange => "no change",
    }
}

fn text(value: Option<f64>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}

/// How wide the names of metrics are, in a table with a [`heading`] of each place.
pub(in crate::command) fn metric_width<'a>(keys: impl Iterator<Item = &'a Key>) -> usize {
    let width = keys.map(|key| key.metric.len() + 2).max();
    width.unwrap_or(0).max("metric".len())
}

/// The rows of each place together: not every process has enough latencies for every percentile,
/// and the first that does may be a late one.
pub(in crate::command) fn by_place<T>(rows: &[T], key: impl Fn(&T) -> &Key) -> Vec<&T> {
    let mut places = BTreeMap::new();
    for row in rows {
        let next = places.len();
        places.entry(&key(row).labels).or_insert(next);
    }
    let mut rows: Vec<&T> = rows.iter().collect();
    rows.sort_by_key(|row| places.get(&key(row).labels));
    rows
}

/// The place of the rows to come, in a line of its own, where it is not that of those before: in
/// each row it would make the table wider than a terminal.
pub(in crate::command) fn heading<'a>(
    out: &mut impl Write,
    place: &mut Option<&'a Labels>,
    key: &'a Key,
) -> io::Result<()> {
    if place.replace(&key.labels) == Some(&key.labels) || key.labels.is_empty() {
        return Ok(());
    }
    let labels = key.labels.iter();
    let labels: Vec<String> = labels
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    writeln!(out, "{}", labels.join(", "))
}

/// As a field of CSV.
pub(in crate::command) fn quoted(key: &Key) -> String {
    format!("\"{}\"", key.to_string().replace('"', "\"\""))
}

/// A part in percent, without what binary fractions leave: 0.07 is 7.
pub(in crate::command) fn percent(part: f64) -> f64 {
    (part * 1e6).round() / 1e4
}

/// Four digits that count, at least.
pub(in crate::command) fn figure(value: f64) -> String {
    let decimals = match value.abs() {
        1000.0.. => 0,
        100.0.. => 1,
        10.0.. => 2,
        _ => 3,
    };
    format!("{value:.decimals$}")
}

/// How a verdict is put where it is the only word.
pub(in crate::command) const fn meaning(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "nothing is worse by more than its floor",
        Verdict::Fail => "something is worse by more than its floor, and so on fresh runs",
        Verdict::Indeterminate => "it could not be told by then",
    }
}
