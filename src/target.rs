use std::{fmt, num::NonZeroU16, str::FromStr};

use hwptop_abi::MAX_INSTANCES;

/// What is observed or driven.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// The driver in this process, on modelled instances.
    Model { instances: NonZeroU16 },
    /// A process that embeds the driver.
    Pid(u32),
}

impl Default for Target {
    fn default() -> Self {
        Self::Model {
            instances: DEFAULT_INSTANCES,
        }
    }
}

const DEFAULT_INSTANCES: NonZeroU16 = NonZeroU16::new(2).unwrap();

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Model { instances } => write!(f, "model:vtd,instances={instances}"),
            Self::Pid(pid) => write!(f, "pid:{pid}"),
        }
    }
}

impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(pid) = text.strip_prefix("pid:") {
            return pid
                .parse()
                .map(Self::Pid)
                .map_err(|_| format!("{pid:?} is no process id"));
        }
        let mut parts = text.split(',');
        match parts.next() {
            Some("model" | "model:vtd") => {}
            Some(other) if other.starts_with("model:") => {
                return Err(format!(
                    "{other:?}: this version models VT-d only (model:vtd)"
                ));
            }
            _ => {
                return Err(format!(
                    "{text:?} is no target: model[:vtd][,instances=N] or pid:N"
                ));
            }
        }
        let mut instances = None;
        for part in parts {
            let number = part
                .strip_prefix("instances=")
                .ok_or_else(|| format!("{part:?}: the model knows instances=N only"))?;
            if instances.is_some() {
                return Err(format!("instances={number}: instances is there twice"));
            }
            let allowed = |n: &NonZeroU16| u32::from(n.get()) <= MAX_INSTANCES;
            instances = number.parse().ok().filter(allowed);
            if instances.is_none() {
                return Err(format!("instances={number}: must be 1 to {MAX_INSTANCES}"));
            }
        }
        let instances = instances.unwrap_or(DEFAULT_INSTANCES);
        Ok(Self::Model { instances })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model(instances: u16) -> Target {
        Target::Model {
            instances: NonZeroU16::new(instances).unwrap(),
        }
    }

    #[test]
    fn targets_are_read_as_they_are_written() {
        for (text, target) in [
            ("model", model(2)),
            ("model:vtd", model(2)),
            ("model,instances=8", model(8)),
            ("pid:42", Target::Pid(42)),
        ] {
            assert_eq!(text.parse(), Ok(target.clone()));
            assert_eq!(target.to_string().parse(), Ok(target));
        }
    }

    #[test]
    fn a_wrong_target_is_told_what_is_wrong() {
        for (text, part) in [
            ("pid:x", "no process id"),
            ("model:smmuv3", "VT-d only"),
            ("model,instances=0", "1 to 64"),
            ("model,instances=65", "1 to 64"),
            ("model,instances=2,instances=4", "twice"),
            ("model,color=red", "instances=N only"),
            ("", "no target"),
        ] {
            let error = text.parse::<Target>().unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
