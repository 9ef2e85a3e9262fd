//! How the figures are taken, in words.

use hwptop_agent::{
    HwQueues,
    snapshot::{MeasuredBy, Snapshot, Stage, StageAttachment},
};

use crate::{
    costs, figure,
    history::{History, KEPT},
};

mod counted;

/// A heading and what is below it.
pub(crate) struct Section {
    pub(crate) title: &'static str,
    pub(crate) lines: Vec<Said>,
}

/// A line, however long.
pub(crate) struct Said {
    pub(crate) text: String,
    /// Something is not as it should be.
    pub(crate) is_alarm: bool,
    /// What is said is of something that is not hardware.
    pub(crate) is_unreal: bool,
}

fn plain(text: impl Into<String>) -> Said {
    Said {
        text: text.into(),
        is_alarm: false,
        is_unreal: false,
    }
}

/// With a sign of its own: colour alone tells nothing.
fn alarm(text: &str) -> Said {
    Said {
        is_alarm: true,
        ..plain(format!("! {text}"))
    }
}

fn alarm_if(is_alarm: bool, text: String) -> Said {
    if is_alarm { alarm(&text) } else { plain(text) }
}

/// Everything that is known, what is wrong first; `bytes` are what is kept in memory.
pub(crate) fn sections(snapshot: &Snapshot, history: &History, bytes: usize) -> Vec<Section> {
    let sections = [
        ("not as it should be", alarms(snapshot)),
        ("measurement", measurement(snapshot)),
        ("probes", probes(snapshot)),
        ("events since the start", counted::events(snapshot)),
        ("slow events", counted::slow(snapshot, history)),
        ("what is left out", counted::left_out(snapshot)),
        ("cost of looking", looking(snapshot)),
        ("performance counters", counters(snapshot)),
        ("hardware queues", hw_queues(snapshot)),
        ("kept by this dashboard", kept(snapshot, history, bytes)),
    ];
    sections
        .into_iter()
        .map(|(title, lines)| Section { title, lines })
        .filter(|section| !section.lines.is_empty())
        .collect()
}

/// What makes all other figures doubtful.
fn alarms(snapshot: &Snapshot) -> Vec<Said> {
    let blind = snapshot.blind.iter().map(|why| alarm(why));
    let said = snapshot.diagnostics.iter();
    let said = said.map(|said| alarm(&format!("eBPF program: {said}")));
    let frozen = snapshot.instances.iter().filter_map(|one| {
        let fault = one.fault.as_ref()?;
        Some(alarm(&format!("{}: {fault}", one.name)))
    });
    blind.chain(said).chain(frozen).collect()
}

fn measurement(snapshot: &Snapshot) -> Vec<Said> {
    let mut lines = vec![plain(format!("target: {}", snapshot.target))];
    if let Some(policy) = &snapshot.policy {
        lines.push(plain(format!(
            "batching policy of the guest queues: {policy}"
        )));
    }
    lines.push(match &snapshot.measured_by {
        MeasuredBy::Ebpf => plain("measured by eBPF"),
        MeasuredBy::InProcess { why } => plain(format!("measured in-process: {why}")),
    });
    lines.push(plain(format!(
        "for {}, every {}",
        figure::span(snapshot.since_start),
        figure::span(snapshot.interval)
    )));
    let time = figure::time_of_day(snapshot.taken_at);
    let time = time.unwrap_or_else(|| figure::ABSENT.to_owned());
    lines.push(plain(format!("this picture: {time}")));
    let profile = snapshot.timing_profile.as_deref();
    let kinds = snapshot.kinds().into_iter();
    let legends = kinds.filter_map(|kind| figure::legend(kind, profile));
    lines.extend(legends.map(|text| Said {
        is_unreal: true,
        ..plain(text)
    }));
    lines
}

fn probes(snapshot: &Snapshot) -> Vec<Said> {
    let mut lines: Vec<Said> = snapshot.stages.iter().map(attachment).collect();
    let not_timed = snapshot.stages.iter().map(|one| one.stage);
    let mut not_timed: Vec<Stage> = not_timed.filter(|one| !snapshot.times(*one)).collect();
    not_timed.sort_unstable();
    not_timed.dedup();
    for stage in not_timed {
        lines.push(alarm(&format!("nothing times the stage {}", stage.name())));
    }
    let probes = snapshot.probes.iter();
    lines.extend(probes.map(|probe| {
        let (name, offset) = (&probe.name, probe.offset);
        plain(format!("static probe {name} at file offset {offset:#x}"))
    }));
    if lines.is_empty() {
        lines.push(plain("none is attached"));
    }
    lines
}

fn attachment(attachment: &StageAttachment) -> Said {
    let StageAttachment {
        stage,
        site,
        how,
        why_not_better,
    } = attachment;
    let how = how.map_or("not attached", |how| how.name());
    let why = why_not_better.as_deref().map_or_else(String::new, |why| {
        format!("; nothing better, because {why}")
    });
    plain(format!("{}: {how}, {site}{why}", stage.name()))
}

fn looking(snapshot: &Snapshot) -> Vec<Said> {
    let Some(looking) = &snapshot.looking else {
        let why = match snapshot.measured_by {
            MeasuredBy::Ebpf => "not known: the source does not say",
            MeasuredBy::InProcess { .. } => {
                "clock reads in the measured process: no program of ours runs"
            }
        };
        return vec![plain(why)];
    };
    let sum = costs::looking(snapshot);
    let sum = sum.unwrap_or_else(|| "what looking costs is not known".to_owned());
    let mut lines = vec![plain(sum)];
    lines.extend(costs::looking_how(looking).into_iter().map(plain));
    let ran = looking.programs.iter().filter(|one| one.runs > 0);
    lines.extend(ran.map(|one| {
        plain(format!(
            "program {}: {} a run, {} runs timed",
            one.name,
            figure::latency(one.ns / one.runs.max(1)),
            figure::count(one.runs)
        ))
    }));
    lines
}

fn counters(snapshot: &Snapshot) -> Vec<Said> {
    let Some(perf) = &snapshot.perf else {
        return vec![plain("not counted: --perf counts them, of one process")];
    };
    let mut lines = vec![plain(perf.of.clone())];
    if perf.user_only {
        lines.push(plain("user space only: the kernel's part may not be seen"));
    }
    for one in &perf.counts {
        let counted = figure::percent(one.counted.clamp(0.0, 1.0));
        let name = one.event.name();
        lines.push(plain(format!("{name}: counted {counted} of the time")));
    }
    for absent in &perf.absent {
        let names: Vec<&str> = absent.events.iter().map(|event| event.name()).collect();
        let text = format!("not counted: {}: {}", names.join(", "), absent.why);
        lines.push(plain(text));
    }
    for (count, what) in [
        (
            perf.threads_left_out,
            "threads are left out: too many, or refused",
        ),
        (perf.unread, "threads could not be read"),
    ] {
        if count > 0 {
            lines.push(alarm(&format!("{count} {what}")));
        }
    }
    if perf.unsettled {
        let text = "threads were started while counting began: some may be missing";
        lines.push(alarm(text));
    }
    lines
}

fn hw_queues(snapshot: &Snapshot) -> Vec<Said> {
    let Some(HwQueues { allocated, failed }) = snapshot.hw_queues else {
        return Vec::new();
    };
    vec![
        plain(format!("allocated since the start: {allocated}")),
        alarm_if(failed > 0, format!("failed: {failed}")),
    ]
}

fn kept(snapshot: &Snapshot, history: &History, bytes: usize) -> Vec<Said> {
    let intervals = history.intervals();
    let time = snapshot
        .interval
        .saturating_mul(u32::try_from(intervals).unwrap_or(u32::MAX));
    vec![
        plain(format!(
            "intervals: {intervals} of at most {KEPT}, about {}",
            figure::span(time)
        )),
        plain(format!("memory: about {}B", figure::scaled(bytes as f64))),
    ]
}

#[cfg(test)]
mod tests;
