use std::collections::BTreeSet;

use super::{ObjectScope, Process, Scope, Snapshot};

impl Snapshot {
    /// What belongs to `scope`: its objects, slow events and failures, and the instances that it is on, whole. What is
    /// counted for the measurement as a whole, as events and the cost of looking are, stays so.
    #[must_use]
    pub fn narrowed(&self, scope: &Scope) -> Self {
        let mut narrowed = self.clone();
        if *scope == Scope::Everything {
            return narrowed;
        }
        narrowed.objects.retain(|object| scope.has(self, object));
        let on: BTreeSet<u16> = narrowed
            .objects
            .iter()
            .filter_map(|object| object.instance)
            .collect();
        narrowed.instances.retain(|instance| match scope {
            Scope::Instance(name) => instance.name == *name,
            _ => on.contains(&instance.number),
        });
        narrowed.slow.retain(|event| {
            scope.has_event(
                event.instance.as_deref(),
                event.process.as_ref(),
                event.hwpt,
            )
        });
        narrowed.failures.retain(|request| {
            scope.has_event(
                request.instance.as_deref(),
                request.process.as_ref(),
                request.hwpt,
            )
        });
        narrowed
    }
}

impl Scope {
    /// Whether one event belongs to it. Of an event nothing tells which of a process's iommufd contexts it was in.
    fn has_event(&self, instance: Option<&str>, process: Option<&Process>, hwpt: u32) -> bool {
        let of_process = |id| process.is_some_and(|process| process.id == id);
        match self {
            Self::Everything => true,
            Self::Instance(name) => instance == Some(name),
            Self::Process(id) => of_process(*id),
            Self::Object(ObjectScope {
                instance: own,
                process,
                hwpt: own_hwpt,
                ..
            }) => instance == own.as_deref() && of_process(*process) && hwpt == *own_hwpt,
        }
    }
}
