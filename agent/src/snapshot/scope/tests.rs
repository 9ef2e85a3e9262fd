use super::super::{InstanceSnapshot, Owner, Process};
use super::*;

/// Two instances, and what three objects did on them, of two processes.
fn snapshot() -> Snapshot {
    let text = r#"{"taken_at_unix_ns":1,"interval_ns":1,"since_start_ns":1,
        "target":"kernel","measured_by":"ebpf","policy":null,"timing_profile":null,
        "probes":[],"stages":[],"slow_threshold_ns":1,"slow":[],"diagnostics":[],
        "events":{"seen":0,"recorded":0,"lost":0,"slow_dropped":0},
        "instances":[],"objects":[],"objects_left_out":0,"failures":[],
        "failures_dropped":0,"hw_queues":null}"#;
    let mut snapshot: Snapshot = serde_json::from_str(text).unwrap();
    let did = |requests| {
        let mut activity = Activity::default();
        activity.request.seen = requests;
        activity
    };
    for (number, name) in [(0, "dmar0"), (7, "dmar1")] {
        snapshot.instances.push(InstanceSnapshot {
            number,
            name: name.to_owned(),
            kind: crate::InstanceKind::Hardware,
            interval: did(100 + u64::from(number)),
            total: Activity::default(),
            driver: None,
            fault: None,
        });
    }
    for (instance, process, hwpt, requests) in [(0, 10, 4, 1), (7, 10, 4, 2), (7, 11, 5, 4)] {
        snapshot.objects.push(ObjectSnapshot {
            instance: Some(instance),
            owner: Some(Owner {
                process: Process {
                    id: process,
                    name: None,
                },
                context: None,
                hwpt,
            }),
            interval: did(requests),
            total: Activity::default(),
        });
    }
    snapshot
}

fn requests(scope: &Scope) -> Option<u64> {
    Some(scope.interval(&snapshot())?.request.seen)
}

#[test]
fn a_part_is_the_sum_of_what_belongs_to_it() {
    assert_eq!(requests(&Scope::Everything), Some(207));
    assert_eq!(requests(&Scope::Instance("dmar1".to_owned())), Some(107));
    assert_eq!(requests(&Scope::Instance("dmar2".to_owned())), None);
    assert_eq!(requests(&Scope::Process(10)), Some(3));
    assert_eq!(requests(&Scope::Process(12)), None);
}

#[test]
fn the_same_hwpt_on_two_instances_is_two_objects() {
    let snapshot = snapshot();
    let scopes: Vec<Scope> = snapshot
        .objects
        .iter()
        .filter_map(|one| Scope::of_object(&snapshot, one))
        .collect();
    assert_eq!(
        scopes.iter().map(requests).collect::<Vec<_>>(),
        [Some(1), Some(2), Some(4)]
    );
}

#[test]
fn what_is_narrowed_has_what_belongs_to_the_part_and_nothing_else() {
    let mut whole = snapshot();
    let failed = |instance: &str, process, hwpt| {
        let text = format!(
            r#"{{"instance":"{instance}","hwpt":{hwpt},"process":{{"id":{process},"name":null}},
            "tid":null,"asked":null,"handled":0,"errno":5,"latency_ns":1}}"#
        );
        serde_json::from_str(&text).unwrap()
    };
    whole.failures = vec![
        failed("dmar0", 10, 4),
        failed("dmar1", 10, 4),
        failed("dmar1", 11, 5),
    ];
    whole.events.seen = 77;
    let parts = |scope: &Scope| {
        let part = whole.narrowed(scope);
        assert_eq!(part.events, whole.events);
        (
            part.instances.len(),
            part.objects.len(),
            part.failures.len(),
        )
    };
    assert_eq!(parts(&Scope::Everything), (2, 3, 3));
    assert_eq!(parts(&Scope::Instance("dmar1".to_owned())), (1, 2, 2));
    assert_eq!(parts(&Scope::Process(10)), (2, 2, 2));
    assert_eq!(parts(&Scope::Process(12)), (0, 0, 0));
    let object = Scope::of_object(&whole, &whole.objects[1]).unwrap();
    assert_eq!(parts(&object), (1, 1, 1));
}

#[test]
fn the_errors_of_a_part_are_those_of_what_belongs_to_it() {
    let mut snapshot = snapshot();
    for (errors, one) in (1..).zip(&mut snapshot.instances) {
        one.total.request.errors = 100 * errors;
    }
    for (errors, one) in (1..).zip(&mut snapshot.objects) {
        one.total.request.errors = errors;
    }
    let object = Scope::of_object(&snapshot, &snapshot.objects[1]).unwrap();
    let all = [
        (Scope::Everything, 300),
        (Scope::Instance("dmar1".to_owned()), 200),
        (Scope::Instance("dmar2".to_owned()), 0),
        (Scope::Process(10), 3),
        (object, 2),
    ];
    for (scope, errors) in all {
        assert_eq!(scope.errors(&snapshot), errors, "{scope:?}");
    }
}
