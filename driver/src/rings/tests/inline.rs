use super::*;

fn inline<P: Kind>() {
    let (log, counters) = (
        Arc::new(Log::default()),
        Arc::new(Counters::new(Vendor::Vtd)),
    );
    let instance = InstanceArg::new(0, P::VENDOR, true);
    let queue = InlineQueue::new(instance, log.clone(), Arc::clone(&counters));
    let commands: Vec<_> = (0..1000).map(command::<P>).collect();
    queue.submit_sync(TARGET, &commands).unwrap();
    assert!(log.take().into_iter().eq(0..1000), "no ring limits it");
    let rejected = [1, ILLEGAL, 2].map(command::<P>);
    assert_eq!(
        queue.submit_sync(TARGET, &rejected),
        Err(SubmitError::Rejected {
            index: 1,
            error: HardwareError::Illegal
        })
    );
    assert_eq!(log.take(), [1]);
    assert_eq!(
        queue.submit_sync(TARGET, &[P::SYNC]),
        Err(SubmitError::ForeignSync { index: 0 })
    );
    let counts = counters.snapshot();
    assert_eq!(
        (
            counts.submissions,
            counts.commands,
            counts.submission_errors
        ),
        (2, 1003, 1)
    );
}

#[test]
fn an_inline_queue_executes_at_once_and_stops_at_a_rejected_command() {
    inline::<Vtd>();
    inline::<SmmuV3>();
    inline::<AmdVi>();
}
