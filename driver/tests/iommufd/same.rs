//! What a real kernel is asked for is what the model is asked for.

use hwptop_driver::{Backend, Counts, Guest, Policy};

/// Replays the stream of both guests as it was captured, and then with a doorbell for as
/// many commands as the queue takes.
pub(crate) fn compare<R: Backend, M: Backend>(
    real: &mut Guest<R>,
    model: &mut Guest<M>,
    policy: Policy,
) {
    real.iommu_mut().set_policy(policy);
    model.iommu_mut().set_policy(policy);
    while !real.step().unwrap().last {}
    while !model.step().unwrap().last {}
    let one_by_one = same(real, model, policy);
    ahead(real);
    ahead(model);
    let both = same(real, model, policy);
    let requests = both.requests - one_by_one.requests;
    if policy != Policy::Single {
        assert!(requests <= one_by_one.requests, "{policy}");
    }
    println!(
        "{policy}: {} requests, {} entries; then {requests} requests, {} entries",
        one_by_one.requests,
        one_by_one.entries,
        both.entries - one_by_one.entries
    );
}

fn ahead<B: Backend>(guest: &mut Guest<B>) {
    guest.rewind();
    while let Some(&tail) = guest.queue_ahead().unwrap().last() {
        guest.ring_up_to(tail).unwrap();
    }
}

fn same<R: Backend, M: Backend>(real: &Guest<R>, model: &Guest<M>, policy: Policy) -> Counts {
    let (real, model) = (real.counters().snapshot(), model.counters().snapshot());
    assert_ne!(real.entries, 0, "{policy}");
    assert_eq!(real.requests, model.requests, "{policy}");
    assert_eq!(real.entries, model.entries, "{policy}");
    assert_eq!(real.handled, model.handled, "{policy}");
    assert_eq!(real.waits, model.waits, "{policy}");
    assert_eq!(real.consumed(), model.consumed(), "{policy}");
    assert_eq!((real.request_errors, real.faults), (0, 0), "{policy}");
    real
}
