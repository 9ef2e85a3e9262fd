//! Who is behind a part of what was measured: its processes, and what each did with which nested
//! HWPT or vIOMMU.

use std::{borrow::Cow, cmp::Reverse};

use hwptop_agent::{
    InstanceKind,
    snapshot::{Activity, ObjectSnapshot, Scope, Snapshot},
};

use crate::{column::Row, object};

/// One who is behind a scope.
pub(crate) struct Member<'a> {
    /// What to look at for more.
    pub(crate) scope: Scope,
    /// A process, or the first of the objects of one.
    first: &'a ObjectSnapshot,
    is_process: bool,
    /// Its requests in the interval, as far as they are behind the scope.
    requests: u64,
}

/// Who is behind `scope`: each process with its objects below it, those with the most requests in
/// the interval first; below a process its objects only.
pub(crate) fn of<'a>(scope: &Scope, snapshot: &'a Snapshot) -> Vec<Member<'a>> {
    if matches!(scope, Scope::Object(_)) {
        return Vec::new();
    }
    let mut processes: Vec<(Member, Vec<Member>)> = Vec::new();
    for object in &snapshot.objects {
        let (Some(owner), Some(own)) = (&object.owner, Scope::of_object(snapshot, object)) else {
            continue;
        };
        if !is_behind(scope, snapshot, object) {
            continue;
        }
        let of_process = Scope::Process(owner.process.id);
        let known = processes
            .iter()
            .position(|(one, _)| one.scope == of_process);
        let at = known.unwrap_or(processes.len());
        let member = |scope, is_process| Member {
            scope,
            first: object,
            is_process,
            requests: 0,
        };
        if known.is_none() {
            processes.push((member(of_process, true), Vec::new()));
        }
        let (process, objects) = &mut processes[at];
        // Contexts that nothing tells apart are one.
        let known = objects.iter().position(|one| one.scope == own);
        let its = known.unwrap_or(objects.len());
        if known.is_none() {
            objects.push(member(own, false));
        }
        for sum in [&mut process.requests, &mut objects[its].requests] {
            *sum = sum.saturating_add(object.interval.request.seen);
        }
    }
    processes.sort_by_key(|(process, _)| Reverse(process.requests));
    let with_process = !matches!(scope, Scope::Process(_));
    let members = processes.into_iter().flat_map(|(process, mut objects)| {
        objects.sort_by_key(|one| Reverse(one.requests));
        with_process.then_some(process).into_iter().chain(objects)
    });
    members.collect()
}

/// Whether `object` is among what `scope` shows: what reached no instance, or nothing tells which,
/// may be of any.
fn is_behind(scope: &Scope, snapshot: &Snapshot, object: &ObjectSnapshot) -> bool {
    let is_of_any = object.instance.is_none() && matches!(scope, Scope::Instance(_));
    is_of_any || scope.has(snapshot, object)
}

impl<'a> Member<'a> {
    /// `qemu(123)` for a process, and with two blanks before it `HWPT 4` for one of its objects;
    /// with its instance where the others' differ.
    pub(crate) fn name(&self, behind: &Scope) -> String {
        if self.is_process {
            return self.full_name();
        }
        let Scope::Object(own) = &self.scope else {
            return object::name(self.first);
        };
        let on = match (behind, &own.instance) {
            (Scope::Instance(_), Some(_)) => String::new(),
            (_, Some(instance)) => format!(" on {instance}"),
            (_, None) => ", no instance".to_owned(),
        };
        format!("  {}{on}", object::hwpt(own))
    }

    /// The same where its process is not above it: `qemu(123): 4` for an object.
    pub(crate) fn full_name(&self) -> String {
        if self.is_process {
            let owner = self.first.owner.as_ref();
            object::process(owner.map(|owner| &owner.process))
        } else {
            object::name(self.first)
        }
    }

    /// What it did in the interval as far as it is behind `scope`, under `name`.
    pub(crate) fn row(&self, name: String, scope: &Scope, snapshot: &'a Snapshot) -> Row<'a> {
        let (did, errors) = self.activity(scope, snapshot);
        Row::part(name, InstanceKind::Hardware, did, snapshot.interval, errors)
    }

    /// What it did in the interval and its errors since the measurement began, as far as it is
    /// behind `scope`.
    fn activity(&self, scope: &Scope, snapshot: &'a Snapshot) -> (Cow<'a, Activity>, u64) {
        let id = |one: &ObjectSnapshot| one.owner.as_ref().map(|owner| owner.process.id);
        let mine = |one: &&ObjectSnapshot| {
            // Told at once, which leaves few of many.
            id(one) == id(self.first)
                && is_behind(scope, snapshot, one)
                && self.scope.has(snapshot, one)
        };
        let mut interval = Cow::Borrowed(&self.first.interval);
        let mut errors = 0_u64;
        for (index, object) in snapshot.objects.iter().filter(mine).enumerate() {
            if index == 0 {
                interval = Cow::Borrowed(&object.interval);
            } else {
                interval.to_mut().add(&object.interval);
            }
            errors = errors.saturating_add(object.total.errors());
        }
        (interval, errors)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::kernel;

    fn names(scope: &Scope, snapshot: &Snapshot) -> Vec<String> {
        let members = of(scope, snapshot);
        members.iter().map(|member| member.name(scope)).collect()
    }

    #[test]
    fn processes_come_first_and_each_is_followed_by_its_objects() {
        let host = kernel::host();
        assert_eq!(
            names(&Scope::Instance("dmar0".to_owned()), &host),
            [
                "qemu-system-x86(4711)",
                "  HWPT 4",
                "-(4712)",
                "  HWPT 9 (context 1)",
                "probe(4713)",
                "  HWPT 7, no instance",
            ]
        );
        assert_eq!(names(&Scope::Process(4711), &host), ["  HWPT 4 on dmar0"]);
        let members = of(&Scope::Process(4711), &host);
        assert!(of(&members[0].scope, &host).is_empty());
    }

    #[test]
    fn those_with_the_most_requests_together_come_first() {
        let mut host = kernel::host();
        let object = host.objects[0].clone();
        let mut objects = Vec::new();
        // As the kernel has them: by what each did by itself.
        for (process, hwpt, requests) in [(1, 1, 9), (2, 2, 5), (2, 3, 6), (1, 4, 0)] {
            let mut one = object.clone();
            let owner = one.owner.as_mut().unwrap();
            (owner.process.id, owner.process.name, owner.hwpt) = (process, None, hwpt);
            one.interval.request.seen = requests;
            objects.push(one);
        }
        host.objects = objects;
        assert_eq!(
            names(&Scope::Instance("dmar0".to_owned()), &host),
            [
                "-(2)", "  HWPT 3", "  HWPT 2", "-(1)", "  HWPT 1", "  HWPT 4"
            ]
        );
    }

    #[test]
    fn a_process_has_the_sum_of_its_objects_and_only_of_those_that_are_behind() {
        let many = kernel::thousand_objects();
        let scope = Scope::Instance("dmar0".to_owned());
        let members = of(&scope, &many);
        assert_eq!(members.len(), 256 + 64);
        let (did, _) = members[0].activity(&scope, &many);
        let (of_first, _) = members[1].activity(&scope, &many);
        assert_eq!(did.request.seen, 4 * of_first.request.seen);
        assert_eq!(
            did.request.latency.len(),
            4 * of_first.request.latency.len()
        );
        assert!(matches!(of_first, Cow::Borrowed(_)));
    }
}
