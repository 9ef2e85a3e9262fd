use std::{collections::BTreeSet, fmt};

use super::RunFile;

/// Something in which two run files are not alike, so that their figures may differ by it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// What, e.g. `target` or `kernel`.
    pub what: String,
    /// As it is in the base.
    pub base: Option<String>,
    /// As it is in the other.
    pub new: Option<String>,
    /// Whether it is the machine that differs, and not what was measured.
    pub is_of_the_machine: bool,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let said = |value: &Option<String>| {
            let value = value.as_deref();
            value.map_or_else(|| "absent".to_owned(), |value| format!("{value:?}"))
        };
        let (base, new) = (said(&self.base), said(&self.new));
        write!(
            f,
            "{} is {base} in the base and {new} in the other",
            self.what
        )
    }
}

impl RunFile {
    /// Why the figures of this file and of `base` are not of the same; empty where they can be
    /// compared. Versions and revisions of hwptop may differ: that is what is compared.
    #[must_use]
    pub fn differences(&self, base: &Self) -> Vec<Difference> {
        let mut differences = Vec::new();
        let mut compare = |what: &str, base: Option<String>, new: Option<String>, machine| {
            if base != new {
                differences.push(Difference {
                    what: what.to_owned(),
                    base,
                    new,
                    is_of_the_machine: machine,
                });
            }
        };
        let suite = |run: &Self| Some(run.suite.clone());
        compare("suite", suite(base), suite(self), false);
        compare("target", base.target.clone(), self.target.clone(), false);
        let kind = |run: &Self| Some(run.kind.name().to_owned());
        compare("kind", kind(base), kind(self), false);
        let profile = |run: &Self| run.timing_profile.clone();
        compare("timing profile", profile(base), profile(self), false);
        // What an older version did not say may be the same.
        let built = |run: &Self| run.environment.profile.clone();
        let probes = |run: &Self| Some(run.environment.probes.as_ref()?.join(", "));
        for (what, base, new) in [
            ("build profile", built(base), built(self)),
            ("probes", probes(base), probes(self)),
        ] {
            if base.is_some() && new.is_some() {
                compare(what, base, new, false);
            }
        }
        let settings: BTreeSet<_> = self.settings.keys().chain(base.settings.keys()).collect();
        for name in settings {
            let of = |run: &Self| run.settings.get(name).cloned();
            compare(name, of(base), of(self), false);
        }
        let (base, new) = (&base.environment, &self.environment);
        for (what, base, new) in [
            ("kernel", Some(&base.kernel), Some(&new.kernel)),
            ("CPU", Some(&base.cpu), Some(&new.cpu)),
            ("governor", base.governor.as_ref(), new.governor.as_ref()),
            (
                "virtualisation",
                base.virtualisation.as_ref(),
                new.virtualisation.as_ref(),
            ),
        ] {
            compare(what, base.cloned(), new.cloned(), true);
        }
        let number = |number: usize| Some(number.to_string());
        compare("CPUs", number(base.cpus), number(new.cpus), true);
        let (base, new) = (base.ebpf_programs, new.ebpf_programs);
        compare(
            "eBPF programs",
            base.and_then(number),
            new.and_then(number),
            true,
        );
        differences
    }
}
