use std::{fmt, num::NonZeroU16, path::PathBuf, str::FromStr};

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
    /// The IOMMUs of this kernel; nothing is driven.
    Kernel,
    /// The driver in this process, on the kernel's selftest mock.
    Selftest {
        /// None: that of the captures.
        vendor: Option<Vendor>,
    },
    /// The driver in this process, on the IOMMU of a device that vfio-pci has.
    Vfio {
        /// Its character device, `/dev/vfio/devices/vfioN`.
        device: PathBuf,
    },
    /// What a running agent measures.
    Agent {
        /// Its socket.
        socket: PathBuf,
    },
    /// A recording, played.
    File {
        /// Its NAME.jsonl.
        path: PathBuf,
    },
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
            Self::Kernel => f.write_str("kernel"),
            Self::Selftest { vendor: None } => f.write_str("selftest"),
            Self::Selftest {
                vendor: Some(vendor),
            } => write!(f, "selftest:{}", vendor.name()),
            Self::Vfio { device } => write!(f, "vfio:{}", device.display()),
            Self::Agent { socket } => write!(f, "agent:{}", socket.display()),
            Self::File { path } => write!(f, "file:{}", path.display()),
        }
    }
}

impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (kind, rest) = match text.find([':', ',']) {
            Some(at) => text.split_at(at),
            None => (text, ""),
        };
        match (kind, rest.strip_prefix(':')) {
            ("model", _) => model(rest),
            ("pid", Some(pid)) => pid
                .parse()
                .map(Self::Pid)
                .map_err(|_| format!("{pid:?} is no process id")),
            ("kernel", _) if rest.is_empty() => Ok(Self::Kernel),
            ("kernel", _) => Err(format!("{rest:?}: kernel takes no options")),
            ("selftest", _) if rest.is_empty() => Ok(Self::Selftest { vendor: None }),
            ("selftest", Some(name)) => Ok(Self::Selftest {
                vendor: Some(vendor(name)?),
            }),
            ("selftest", None) => Err(format!("{rest:?}: selftest takes a vendor only")),
            ("vfio", Some(device)) => vfio(device),
            ("agent", Some(socket)) if !socket.is_empty() => Ok(Self::Agent {
                socket: PathBuf::from(socket),
            }),
            ("file", Some(path)) if !path.is_empty() => Ok(Self::File {
                path: PathBuf::from(path),
            }),
            _ => Err(format!("{text:?} is no target: {TARGETS}")),
        }
    }
}

const TARGETS: &str = "model[:vtd|smmuv3|amdvi][,instances=N], pid:N, kernel, \
selftest[:vtd|smmuv3|amdvi], vfio:/dev/vfio/devices/vfioN, agent:PATH or file:PATH";

/// The target `model` with `rest` after that word.
fn model(rest: &str) -> Result<Target, String> {
    let mut parts = rest.split(',');
    let vendor = match parts.next().and_then(|first| first.strip_prefix(':')) {
        Some(name) => Some(vendor(name)?),
        None => None,
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
    Ok(Target::Model { vendor, instances })
}

/// Where vfio keeps the character devices of its devices.
const VFIO_DEVICES: &str = "/dev/vfio/devices/";

/// The target `vfio:` with `device` after it. Whether the device is there is seen when
/// it is opened.
fn vfio(device: &str) -> Result<Target, String> {
    let number = device
        .strip_prefix(VFIO_DEVICES)
        .and_then(|name| name.strip_prefix("vfio"));
    if number.is_some_and(|number| number.parse::<u32>().is_ok()) {
        return Ok(Target::Vfio {
            device: PathBuf::from(device),
        });
    }
    let group = device.strip_prefix("/dev/vfio/");
    Err(if group.is_some_and(|group| group.parse::<u32>().is_ok()) {
        format!(
            "vfio:{device}: this is a VFIO group; iommufd wants the device itself, \
             {VFIO_DEVICES}vfioN (needs CONFIG_VFIO_DEVICE_CDEV)"
        )
    } else {
        format!(
            "vfio:{device}: must be {VFIO_DEVICES}vfioN; of a PCI device that vfio-pci has, N is \
             in the directory /sys/bus/pci/devices/ADDRESS/vfio-dev/"
        )
    })
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
            ("kernel", Target::Kernel),
            ("selftest", Target::Selftest { vendor: None }),
            (
                "selftest:smmuv3",
                Target::Selftest {
                    vendor: Some(Vendor::SmmuV3),
                },
            ),
            (
                "vfio:/dev/vfio/devices/vfio0",
                Target::Vfio {
                    device: "/dev/vfio/devices/vfio0".into(),
                },
            ),
            (
                "agent:/run/hwptop/agent.sock",
                Target::Agent {
                    socket: "/run/hwptop/agent.sock".into(),
                },
            ),
            (
                "file:run,1.jsonl",
                Target::File {
                    path: "run,1.jsonl".into(),
                },
            ),
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
            ("pid", "no target"),
            ("kernel:vtd", "no options"),
            ("selftest:arm", "no vendor"),
            ("selftest,instances=2", "a vendor only"),
            ("vfio", "no target"),
            ("agent", "no target"),
            ("agent:", "no target"),
            ("file:", "no target"),
            ("vfio:/dev/vfio/12", "VFIO group"),
            ("vfio:0000:00:02.0", "vfio-dev"),
            ("vfio:/dev/vfio/devices/vfio", "vfio-dev"),
        ] {
            let error = text.parse::<Target>().unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
