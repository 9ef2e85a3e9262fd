use std::borrow::Cow;

use super::{
    Activity, FailedRequest, InstanceSnapshot, ObjectSnapshot, Process, SlowEvent, Snapshot,
};

/// A part of what a snapshot has figures of.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// All instances together.
    Everything,
    /// The instance with this name.
    Instance(String),
    /// All objects of the process with this id, on whatever instance.
    Process(u32),
    /// One nested HWPT or vIOMMU on one instance.
    Object(ObjectScope),
}

/// Which nested HWPT or vIOMMU, as a snapshot has it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectScope {
    /// The name of its instance; `None` where none was reached, or nothing tells which one.
    pub instance: Option<String>,
    /// Id of its process.
    pub process: u32,
    /// Which of the process's iommufd contexts, where that is known.
    pub context: Option<u32>,
    /// Its id within the context.
    pub hwpt: u32,
}

impl Scope {
    /// What `object` of `snapshot` is; `None` for those that are not kept apart.
    #[must_use]
    pub fn of_object(snapshot: &Snapshot, object: &ObjectSnapshot) -> Option<Self> {
        let owner = object.owner.as_ref()?;
        let instance = object
            .instance
            .and_then(|number| snapshot.instance_name(number));
        Some(Self::Object(ObjectScope {
            instance: instance.map(ToOwned::to_owned),
            process: owner.process.id,
            context: owner.context,
            hwpt: owner.hwpt,
        }))
    }

    /// Whether `object` of `snapshot` belongs to it.
    #[must_use]
    pub fn has(&self, snapshot: &Snapshot, object: &ObjectSnapshot) -> bool {
        match self {
            Self::Everything => true,
            Self::Instance(name) => {
                let number = object.instance;
                number.is_some_and(|number| snapshot.instance_name(number) == Some(name))
            }
            Self::Process(id) => {
                let owner = object.owner.as_ref();
                owner.is_some_and(|owner| owner.process.id == *id)
            }
            Self::Object(_) => Self::of_object(snapshot, object).as_ref() == Some(self),
        }
    }

    /// Whether a slow event belongs to it. Nothing tells the iommufd context of an event: of one
    /// process, objects of the same id in several contexts are not told apart.
    #[must_use]
    pub fn has_slow(&self, event: &SlowEvent) -> bool {
        self.has_event(event.instance.as_ref(), event.process.as_ref(), event.hwpt)
    }

    /// As [`Self::has_slow`], of a request that failed.
    #[must_use]
    pub fn has_failed(&self, failed: &FailedRequest) -> bool {
        self.has_event(
            failed.instance.as_ref(),
            failed.process.as_ref(),
            failed.hwpt,
        )
    }

    fn has_event(&self, instance: Option<&String>, process: Option<&Process>, hwpt: u32) -> bool {
        let is_process = |id: u32| process.is_some_and(|process| process.id == id);
        match self {
            Self::Everything => true,
            Self::Instance(name) => instance == Some(name),
            Self::Process(id) => is_process(*id),
            Self::Object(object) => {
                instance == object.instance.as_ref()
                    && hwpt == object.hwpt
                    && is_process(object.process)
            }
        }
    }

    /// Its errors since the measurement began. No distributions are added up for them.
    #[must_use]
    pub fn errors(&self, snapshot: &Snapshot) -> u64 {
        let errors: &mut dyn Iterator<Item = u64> = match self {
            Self::Everything => &mut snapshot.instances.iter().map(|one| one.total.errors()),
            Self::Instance(name) => {
                let its = snapshot.instances.iter().filter(|one| one.name == *name);
                &mut its.map(|one| one.total.errors())
            }
            Self::Process(_) | Self::Object(_) => {
                let its = snapshot
                    .objects
                    .iter()
                    .filter(|one| self.has(snapshot, one));
                &mut its.map(|one| one.total.errors())
            }
        };
        errors.fold(0, u64::saturating_add)
    }

    /// What it did in the interval of `snapshot`; `None` where it is not in it.
    #[must_use]
    pub fn interval<'a>(&self, snapshot: &'a Snapshot) -> Option<Cow<'a, Activity>> {
        self.sum(snapshot, |one| &one.interval, |one| &one.interval)
    }

    /// What it did since the measurement began; `None` where it is not in `snapshot`.
    #[must_use]
    pub fn total<'a>(&self, snapshot: &'a Snapshot) -> Option<Cow<'a, Activity>> {
        self.sum(snapshot, |one| &one.total, |one| &one.total)
    }

    fn sum<'a>(
        &self,
        snapshot: &'a Snapshot,
        of_instance: fn(&'a InstanceSnapshot) -> &'a Activity,
        of_object: fn(&'a ObjectSnapshot) -> &'a Activity,
    ) -> Option<Cow<'a, Activity>> {
        let instances = snapshot.instances.iter();
        match self {
            Self::Everything => added(instances.map(of_instance)),
            Self::Instance(name) => {
                added(instances.filter(|one| one.name == *name).map(of_instance))
            }
            Self::Process(_) | Self::Object(_) => {
                let objects = snapshot.objects.iter();
                added(objects.filter(|one| self.has(snapshot, one)).map(of_object))
            }
        }
    }
}

/// The sum of `parts`; that of one is itself.
fn added<'a>(parts: impl Iterator<Item = &'a Activity>) -> Option<Cow<'a, Activity>> {
    let mut sum: Option<Cow<Activity>> = None;
    for part in parts {
        match &mut sum {
            None => sum = Some(Cow::Borrowed(part)),
            Some(sum) => sum.to_mut().add(part),
        }
    }
    sum
}

#[cfg(test)]
mod tests;
