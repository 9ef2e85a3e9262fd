use std::collections::BTreeSet;

use super::{Scope, Snapshot};

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
        narrowed.slow.retain(|event| scope.has_slow(event));
        narrowed.failures.retain(|failed| scope.has_failed(failed));
        narrowed
    }
}
