use std::{collections::BTreeSet, fmt};

use crate::{
    InstanceKind,
    snapshot::{MeasuredBy, Snapshot, Stage},
};

/// What was measured and how, as far as it has a part in the figures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Circumstances {
    /// The target as the user would write it.
    pub target: String,
    /// What stands behind the instances.
    pub kinds: BTreeSet<InstanceKind>,
    /// The batching policy, where it is known.
    pub policy: Option<String>,
    /// The timing profile of the model, where one runs.
    pub timing_profile: Option<String>,
    /// How the figures were taken.
    pub measured_by: &'static str,
    /// What times the kernel's stages, and how.
    timed: Vec<(Stage, &'static str)>,
}

/// Something that sets two measurements apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// What it is.
    pub what: &'static str,
    /// Of the base.
    pub base: String,
    /// Of the new.
    pub new: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} against {}", self.what, self.base, self.new)
    }
}

impl Circumstances {
    pub(super) fn of(snapshot: &Snapshot) -> Self {
        let timed = snapshot.stages.iter();
        Self {
            target: snapshot.target.clone(),
            kinds: snapshot.kinds(),
            policy: snapshot.policy.as_deref().map(str::to_owned),
            timing_profile: snapshot.timing_profile.clone(),
            measured_by: match snapshot.measured_by {
                MeasuredBy::Ebpf => "eBPF",
                MeasuredBy::InProcess { .. } => "the process itself",
            },
            timed: timed
                .filter_map(|one| Some((one.stage, one.how?.name())))
                .collect(),
        }
    }

    /// What sets it apart from `new` where `stage` is compared.
    pub(super) fn differences(&self, new: &Self, stage: Stage) -> Vec<Difference> {
        let [mine, theirs] = [self, new].map(|one| {
            let kinds: Vec<&str> = one.kinds.iter().map(|kind| kind.name()).collect();
            let told = |text: &Option<String>| text.clone().unwrap_or_else(|| "unknown".to_owned());
            [
                ("kind of target", one.kind_of_target().to_owned()),
                ("instances", listed(&kinds)),
                ("policy", told(&one.policy)),
                ("timing profile", told(&one.timing_profile)),
                ("measured by", one.measured_by.to_owned()),
                ("the stage is timed by", listed(&one.how(stage))),
            ]
        });
        let both = mine.into_iter().zip(theirs);
        let apart = both.filter(|((_, base), (_, new))| base != new);
        apart
            .map(|((what, base), (_, new))| Difference { what, base, new })
            .collect()
    }

    /// The word in front of what the target has of its own; of a model or a mock with the vendor
    /// that it is of.
    fn kind_of_target(&self) -> &str {
        let target = self.target.as_str();
        let whole = target.split(',').next().unwrap_or(target);
        match whole.split_once(':') {
            None | Some(("model" | "selftest", _)) => whole,
            Some((word, _)) => word,
        }
    }

    /// How `stage` is timed in the kernel.
    fn how(&self, stage: Stage) -> Vec<&'static str> {
        let delimited_by: &[Stage] = match stage {
            Stage::Unattributed => &[Stage::Request, Stage::DriverOp],
            Stage::Request => &[Stage::Request],
            Stage::DriverOp => &[Stage::DriverOp],
            Stage::Submission | Stage::HostSubmission => &[Stage::Submission],
        };
        let ways = self
            .timed
            .iter()
            .filter(|(own, _)| delimited_by.contains(own));
        let ways: BTreeSet<_> = ways.map(|(_, how)| *how).collect();
        ways.into_iter().collect()
    }
}

fn listed(words: &[&str]) -> String {
    if words.is_empty() {
        return "nothing that is known".to_owned();
    }
    words.join(" and ")
}
