use std::{fmt, num::NonZeroU16, str::FromStr};

use hwptop_abi::{MAX_INSTANCES, Vendor};

/// What is observed or driven.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// The driver in this process, on modelled instances.
    Model {
        /// None: that of the captures.
        vendor: Option<Vendor>,
        instances: NonZeroU16,
    },
    /// A process that embeds the driver.
    Pid(u32),
}

impl Default for Target {
    fn default() -> Self {
        Self::Model {
            vendor: None,
            instances: DEFAULT_INSTANCES,
        }
    }
}

const DEFAULT_INSTANCES: NonZeroU16 = NonZeroU16::new(2).unwrap();

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Model { vendor, instances } => {
                f.write_str("model")?;
                if let Some(vendor) = vendor {
                    write!(f, ":{}", vendor.name())?;
                }
                write!(f, ",instances={instances}")
            }
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
        let first = parts.next().unwrap_or_default();
        let vendor = match first.strip_prefix("model") {
            Some("") => None,
            Some(rest) if rest.starts_with(':') => Some(vendor(&rest[1..])?),
            _ => {
                return Err(format!(
                    "{text:?} is no target: model[:vtd|smmuv3|amdvi][,instances=N] or pid:N"
                ));
            }
        };
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
        Ok(Self::Model { vendor, instances })
    }
}

fn vendor(name: &str) -> Result<Vendor, String> {
    [Vendor::Vtd, Vendor::SmmuV3, Vendor::AmdVi]
        .into_iter()
        .find(|vendor| vendor.name() == name)
        .ok_or_else(|| format!("{name:?} is no vendor: vtd, smmuv3 or amdvi"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model(vendor: Option<Vendor>, instances: u16) -> Target {
        Target::Model {
            vendor,
            instances: NonZeroU16::new(instances).unwrap(),
        }
    }

    #[test]
    fn targets_are_read_as_they_are_written() {
        for (text, target) in [
            ("model", model(None, 2)),
            ("model:vtd", model(Some(Vendor::Vtd), 2)),
            ("model:smmuv3,instances=3", model(Some(Vendor::SmmuV3), 3)),
            ("model:amdvi", model(Some(Vendor::AmdVi), 2)),
            ("model,instances=8", model(None, 8)),
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
            ("model:arm", "no vendor"),
            ("models", "no target"),
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
