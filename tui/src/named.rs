//! Screens by name, for command lines.

use std::{cmp::Reverse, fmt, str::FromStr};

use hwptop_agent::snapshot::{InstanceSnapshot, ObjectSnapshot, Scope, Snapshot};

use crate::{App, baseline, screen::Screen};

/// A screen as a command line names it. A part that is not named is one that has something to
/// show.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ScreenName {
    /// All instances: `instances`.
    #[default]
    Instances,
    /// One of them: `instance:NAME`, or the one with the most requests: `instance`.
    Instance(Option<String>),
    /// One process: `process:PID`, or the busiest in the last interval: `process`.
    Process(Option<u32>),
    /// A nested HWPT or vIOMMU: `hwpt:PID/ID`, or the busiest in the last interval: `hwpt`.
    Object(Option<(u32, u32)>),
    /// Slow requests: `outliers`.
    Outliers,
    /// Against a baseline: `compare`.
    Compare,
    /// How the figures are taken: `health`.
    Health,
    /// Keys and words: `help`.
    Help,
}

/// There is nothing to show on a screen.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}: nothing of that name is in the last snapshot")]
pub struct NotThere(pub ScreenName);

impl ScreenName {
    /// One of each, without a name of a part.
    pub const ALL: [Self; 8] = [
        Self::Instances,
        Self::Instance(None),
        Self::Process(None),
        Self::Object(None),
        Self::Outliers,
        Self::Compare,
        Self::Health,
        Self::Help,
    ];

    /// What it stands for in `snapshot`.
    fn screen(&self, snapshot: &Snapshot) -> Option<Screen> {
        let scope = match self {
            Self::Instances => return Some(Screen::Instances),
            Self::Outliers => return Some(Screen::Outliers),
            Self::Compare => return Some(Screen::Compare),
            Self::Health => return Some(Screen::Health),
            Self::Help => return Some(Screen::Help),
            Self::Instance(name) => {
                let named = |one: &&InstanceSnapshot| is_wanted(name.as_ref(), &one.name);
                let instances = snapshot.instances.iter().filter(named);
                let busiest =
                    instances.max_by_key(|one| (one.total.request.seen, Reverse(one.number)))?;
                Scope::Instance(busiest.name.clone())
            }
            Self::Process(id) => {
                let mut ids = snapshot.objects.iter().filter_map(ids);
                let (id, _) = ids.find(|(one, _)| is_wanted(id.as_ref(), one))?;
                Scope::Process(id)
            }
            Self::Object(wanted) => {
                let object = snapshot.objects.iter().find(|one| {
                    let ids = ids(one);
                    ids.is_some_and(|ids| is_wanted(wanted.as_ref(), &ids))
                })?;
                Scope::of_object(snapshot, object)?
            }
        };
        Some(Screen::Part(scope))
    }
}

fn is_wanted<T: PartialEq>(wanted: Option<&T>, one: &T) -> bool {
    wanted.is_none_or(|wanted| wanted == one)
}

/// Its process, and its own id there.
fn ids(object: &ObjectSnapshot) -> Option<(u32, u32)> {
    let owner = object.owner.as_ref()?;
    Some((owner.process.id, owner.hwpt))
}

impl App {
    /// Shows `screen` of the last snapshot.
    ///
    /// # Errors
    /// [`NotThere`], also before the first snapshot.
    pub fn open(&mut self, screen: &ScreenName) -> Result<(), NotThere> {
        let not_there = || NotThere(screen.clone());
        let snapshot = self.picture().snapshot.as_ref().ok_or_else(not_there)?;
        let opened = screen.screen(snapshot).ok_or_else(not_there)?;
        self.screens.home();
        self.screens.open(opened);
        baseline::refresh(self);
        Ok(())
    }
}

impl fmt::Display for ScreenName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Instances => f.write_str("instances"),
            Self::Instance(None) => f.write_str("instance"),
            Self::Instance(Some(name)) => write!(f, "instance:{name}"),
            Self::Process(None) => f.write_str("process"),
            Self::Process(Some(id)) => write!(f, "process:{id}"),
            Self::Object(None) => f.write_str("hwpt"),
            Self::Object(Some((process, id))) => write!(f, "hwpt:{process}/{id}"),
            Self::Outliers => f.write_str("outliers"),
            Self::Compare => f.write_str("compare"),
            Self::Health => f.write_str("health"),
            Self::Help => f.write_str("help"),
        }
    }
}

impl FromStr for ScreenName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(found) = Self::ALL.into_iter().find(|one| one.to_string() == text) {
            return Ok(found);
        }
        let part = match text.split_once(':') {
            Some(("instance", name)) if !name.is_empty() => {
                Some(Self::Instance(Some(name.to_owned())))
            }
            Some(("process", id)) => id.parse().ok().map(|id| Self::Process(Some(id))),
            Some(("hwpt", ids)) => ids.split_once('/').and_then(|(process, id)| {
                Some(Self::Object(Some((
                    process.parse().ok()?,
                    id.parse().ok()?,
                ))))
            }),
            _ => None,
        };
        part.ok_or_else(|| {
            format!(
                "{text:?} is no screen: instances, instance[:NAME], process[:PID], \
                 hwpt[:PID/ID], outliers, compare, health or help"
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Theme, fixture};

    #[test]
    fn every_name_is_read_as_it_is_written() {
        let parts = [
            ScreenName::Instance(Some("smmu3.0x0000000041000000".to_owned())),
            ScreenName::Process(Some(4711)),
            ScreenName::Object(Some((4711, 4))),
        ];
        for name in ScreenName::ALL.into_iter().chain(parts) {
            assert_eq!(name.to_string().parse(), Ok(name));
        }
        for wrong in [
            "",
            "Health",
            "instance:",
            "process:x",
            "hwpt:4",
            "hwpt:4/",
            "part",
        ] {
            assert!(wrong.parse::<ScreenName>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_part_without_a_name_is_one_with_something_to_show() {
        let mut kernel = fixture::kernel::host();
        kernel.instances[1].total.request.seen = u64::MAX;
        let names = ["instance", "process", "hwpt"].map(|name| name.parse().unwrap());
        let [instance, process, object] =
            names.map(|name: ScreenName| name.screen(&kernel).unwrap());
        let busiest = kernel.instances[1].name.clone();
        assert_eq!(instance, Screen::Part(Scope::Instance(busiest)));
        let first = &kernel.objects[0];
        let id = first.owner.as_ref().unwrap().process.id;
        assert_eq!(process, Screen::Part(Scope::Process(id)));
        let scope = Scope::of_object(&kernel, first).unwrap();
        assert_eq!(object, Screen::Part(scope));
    }

    #[test]
    fn what_is_not_there_is_not_opened() {
        let mut app = App::new(Theme::Dark);
        assert!(app.open(&ScreenName::Health).is_err());
        app.update(fixture::snapshot());
        assert_eq!(app.open(&ScreenName::Health), Ok(()));
        for name in ["instance:dmar9", "process", "hwpt:1/1"] {
            let name: ScreenName = name.parse().unwrap();
            assert_eq!(app.open(&name), Err(NotThere(name)));
        }
        assert_eq!(app.screens.here().screen, Screen::Health);
    }
}
