use std::{cell::RefCell, rc::Rc, time::SystemTime};

use hwptop_agent::{nanos, snapshot::latency_histogram};

use super::*;

fn snapshot(interval_ns: u64) -> Snapshot {
    let text = format!(
        r#"{{"taken_at_unix_ns":1000,"interval_ns":{interval_ns},"since_start_ns":{interval_ns},
        "target":"kernel","measured_by":"ebpf","policy":null,"timing_profile":null,
        "probes":[],"stages":[],"slow_threshold_ns":1,"slow":[],"diagnostics":[],
        "events":{{"seen":0,"recorded":0,"lost":0,"slow_dropped":0}},
        "instances":[{{"number":0,"name":"dmar0","kind":"hardware","interval":{{}},"driver":null,
        "fault":null}}],"objects":[],"objects_left_out":0,"failures":[],
        "failures_dropped":0,"hw_queues":null}}"#
    );
    serde_json::from_str(&text).expect("a snapshot")
}

/// Notes what it is asked for.
struct Notes {
    done: Rc<RefCell<Vec<&'static str>>>,
    rows: Rc<RefCell<Vec<usize>>>,
    opens: bool,
}

impl Drawing for Notes {
    fn name(&self) -> String {
        "notes".to_owned()
    }

    fn open(&mut self) -> Result<(), Absent> {
        let why = Absent("nothing is there".to_owned());
        self.opens.then_some(()).ok_or(why)
    }

    fn update(&mut self, snapshot: Snapshot) {
        self.rows.borrow_mut().push(snapshot.instances.len());
        self.done.borrow_mut().push("update");
    }

    fn row_below(&mut self) {
        self.done.borrow_mut().push("row");
    }

    fn draw(&mut self) {
        self.done.borrow_mut().push("draw");
    }

    fn diff(&self) -> usize {
        self.done.borrow_mut().push("diff");
        7
    }

    fn flip(&mut self) {
        self.done.borrow_mut().push("flip");
    }

    fn write(&mut self) -> io::Result<u64> {
        self.done.borrow_mut().push("write");
        Ok(self.done.borrow().len() as u64)
    }
}

fn notes(opens: bool) -> Notes {
    Notes {
        done: Rc::default(),
        rows: Rc::default(),
        opens,
    }
}

static GO_ON: AtomicBool = AtomicBool::new(false);

#[test]
fn time_goes_on_where_the_snapshots_begin_again() {
    let snapshots = [snapshot(10), snapshot(30)];
    let mut stream = stream::Stream::new(&snapshots).expect("there are some");
    let at = |snapshot: Snapshot| {
        let at = snapshot.taken_at.duration_since(SystemTime::UNIX_EPOCH);
        (nanos(at.expect("after 1970")), nanos(snapshot.since_start))
    };
    let times: Vec<_> = (0..4).map(|_| at(stream.next())).collect();
    assert_eq!(times, [(1010, 20), (1040, 50), (1050, 60), (1080, 90)]);
    assert!(matches!(
        stream::Stream::new(&[]),
        Err(DashboardError::Empty)
    ));
}

#[test]
fn frames_and_diffs_are_taken_in_turns_each_after_a_new_snapshot() {
    let mut screen = notes(true);
    let cost = frames::frames(&mut screen, &[snapshot(10)], 2, &GO_ON).expect("nothing fails");
    let cost = cost.expect("it can be opened");
    assert_eq!(
        (cost.frame.len(), cost.diff.len(), cost.update.len()),
        (2, 2, 4)
    );
    assert_eq!(cost.bytes.len(), 4);
    assert!((cost.cells - 7.0).abs() < f64::EPSILON);
    let done = screen.done.borrow();
    let frame = ["update", "draw", "diff", "flip", "write"];
    let diff = ["update", "diff", "draw", "flip", "write"];
    assert!(done.ends_with(&[frame, diff, frame, diff, frame].concat()));
}

#[test]
fn a_screen_with_nothing_to_show_says_so() {
    let cost = frames::frames(&mut notes(false), &[snapshot(10)], 2, &GO_ON);
    let absent = cost
        .expect("nothing fails")
        .expect_err("it cannot be opened");
    assert_eq!(absent.0, "nothing is there");
}

#[test]
fn scrolling_goes_through_every_row() {
    let mut screen = notes(true);
    let scrolled = scroll::scroll(&mut screen, &[snapshot(10)], 13, &GO_ON);
    let scrolled = scrolled.expect("nothing fails");
    assert_eq!((scrolled.key.len(), scrolled.snapshot.len()), (13, 3));
    let rows = screen.done.borrow();
    assert_eq!(rows.iter().filter(|done| **done == "row").count(), 13);
    assert!(screen.rows.borrow().iter().all(|rows| *rows == 13));
}

#[test]
fn what_is_stopped_keeps_what_there_is() {
    let stop = AtomicBool::new(true);
    let config = DashboardConfig {
        size: (1, 1),
        frames: 5,
        rows: 5,
        rounds: 1,
        time: Duration::from_secs(1),
        instances: 1,
    };
    let screens: Vec<Box<dyn Drawing>> = vec![Box::new(notes(true))];
    let none = Path::new("/nonexistent");
    let cost = dashboard(none, &config, &[snapshot(10)], screens, &stop, |_| {});
    let cost = cost.expect("nothing fails");
    assert!(!cost.is_whole && cost.screens.is_empty() && cost.beside.is_none());
}

#[test]
fn a_frame_that_took_longer_than_its_time_is_missed() {
    let mut frames = latency_histogram();
    for ms in [1, 2, 40, 90] {
        frames.saturating_record(ms * 1_000_000);
    }
    assert_eq!(Scroll::missed(&frames, Scroll::KEY_GOAL), 2);
    assert_eq!(Scroll::missed(&frames, Scroll::SNAPSHOT_GOAL), 0);
}

#[test]
fn the_ratio_is_that_of_the_rounds() {
    let used = |ms| Used {
        cpu: Duration::from_millis(ms),
        watched: Duration::from_secs(1),
    };
    let round = |dashboard, headless| Round {
        used: [dashboard, headless * 2, headless].map(used),
        frames: Vec::new(),
    };
    let beside = Beside {
        rounds: vec![round(11, 10), round(30, 20), round(24, 20)],
        ..Beside::default()
    };
    let ratio = beside.ratio_to(Shows::Nothing).expect("there are rounds");
    let close = |a: f64, b: f64| (a - b).abs() < 1e-9;
    assert!(close(ratio.median, 1.2) && close(ratio.low, 1.1) && close(ratio.high, 1.5));
    let json = beside.ratio_to(Shows::Json).expect("there are rounds");
    assert!(close(json.median, 0.6));
    assert_eq!(Beside::default().ratio_to(Shows::Nothing), None);
}

#[test]
fn a_run_file_has_the_dashboard_apart_from_what_it_is_held_against() {
    let used = |ms| Used {
        cpu: Duration::from_millis(ms),
        watched: Duration::from_secs(1),
    };
    let cost = DashboardCost {
        beside: Some(Beside {
            rounds: vec![Round {
                used: [30, 20, 10].map(used),
                frames: Vec::new(),
            }],
            ..Beside::default()
        }),
        ..DashboardCost::default()
    };
    let points = cost.points();
    let value = |at: usize, metric| points[at].value(metric);
    assert_eq!(points.len(), 3);
    assert_eq!(value(0, "core_share"), Some(0.03));
    assert_eq!(value(2, "core_share"), None);
    assert_eq!(value(2, "reference_core_share"), Some(0.01));
    assert_eq!(value(2, "cpu_ratio"), Some(3.0));
}
