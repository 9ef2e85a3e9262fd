use super::*;

/// A unit that hangs in each command until it is let go.
struct Hung(Mutex<Receiver<()>>);

impl Hung {
    fn new() -> (Arc<Self>, Sender<()>) {
        let (let_go, wait) = channel();
        (Arc::new(Self(Mutex::new(wait))), let_go)
    }
}

impl Unit for Hung {
    fn execute(&self, _: Command) -> Result<(), HardwareError> {
        // Without a sender it hangs no longer.
        let _ = self.0.lock().unwrap().recv();
        Err(HardwareError::Abort)
    }
}

fn hung_unit<P: Kind>() {
    let (unit, let_go) = Hung::new();
    let mut ring: HostRing<P> = spawn(
        TimingProfile::INSTANT,
        unit,
        Arc::new(Counters::new(Vendor::Vtd)),
    );
    ring.set_timeout(Duration::from_millis(10));
    let error = ring.submit_sync(TARGET, &[command::<P>(1)]).unwrap_err();
    assert!(
        matches!(error, SubmitError::TimedOut { waited_ms: 10.. }),
        "{error}"
    );
    assert_eq!(error.errno(), errno::ETIMEDOUT);
    // It comes back: nobody gets the verdict about what was given up.
    drop(let_go);
    ring.set_timeout(Duration::from_mins(1));
    assert_eq!(ring.submit_sync(TARGET, &[]), Ok(()));
    let rejected = SubmitError::Rejected {
        index: 0,
        error: HardwareError::Abort,
    };
    assert_eq!(ring.submit_sync(TARGET, &[command::<P>(2)]), Err(rejected));
    assert_eq!(ring.ring().notes(), 0);
}

#[test]
fn a_unit_that_hangs_is_a_timeout_and_the_ring_goes_on_when_it_comes_back() {
    hung_unit::<Vtd>();
    hung_unit::<SmmuV3>();
    hung_unit::<AmdVi>();
}

fn no_hardware<P: Kind>() {
    let instance = InstanceArg::new(0, P::VENDOR, true);
    let counters = Arc::new(Counters::new(Vendor::Vtd));
    let mut ring =
        HostRing::without_hardware(instance, Arc::clone(&counters), P::protocol(), P::SIZE);
    ring.set_timeout(Duration::from_millis(1));
    let commands = [command::<P>(1); 50];
    // The commands stay: once the ring is full, there is no room to wait for.
    let submissions = P::ROOM / 51 + 3;
    for _ in 0..submissions {
        let error = ring.submit_sync(TARGET, &commands).unwrap_err();
        assert!(matches!(error, SubmitError::TimedOut { .. }), "{error}");
    }
    assert_eq!(
        ring.ring().notes() as u64,
        P::ROOM / 51,
        "bounded by the ring"
    );
    let counts = counters.snapshot();
    assert_eq!(
        (counts.submissions, counts.submission_errors),
        (submissions, submissions)
    );
}

#[test]
fn a_full_ring_that_nobody_executes_is_a_timeout_and_not_a_hang() {
    no_hardware::<Vtd>();
    no_hardware::<SmmuV3>();
    no_hardware::<AmdVi>();
}
