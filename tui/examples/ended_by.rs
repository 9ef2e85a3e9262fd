//! Ends the dashboard by `error`, `panic` or the source's `end` (after another thread has
//! panicked): what the terminal
//! looks like afterwards is what the session gave back.

use std::{process::ExitCode, sync::atomic::AtomicBool, time::Duration};

use hwptop_agent::snapshot::Snapshot;
use hwptop_tui::{Advance, App, SourceError, Theme, run};

fn main() -> ExitCode {
    let how = std::env::args().nth(1).unwrap_or_default();
    let mut asked = 0;
    let mut source = || -> Result<Option<Snapshot>, SourceError> {
        asked += 1;
        // Long enough on the screen to be seen there.
        match (how.as_str(), asked) {
            (_, ..10) => Ok(Some(silent())),
            ("end", 10) => {
                // Of another thread, which does not end the dashboard.
                let _ = std::thread::spawn(|| panic!("a helper panicked")).join();
                Ok(Some(silent()))
            }
            ("error", _) => Err("the source failed".into()),
            ("panic", _) => panic!("the source panicked"),
            _ => Ok(None),
        }
    };
    let stop = AtomicBool::new(false);
    match run(
        App::new(Theme::Sixteen),
        &mut source,
        Advance::Every(Duration::from_millis(50)),
        &mut (),
        &stop,
    ) {
        Ok(_) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// A snapshot of nothing.
fn silent() -> Snapshot {
    use hwptop_agent::snapshot::{EventCounts, MeasuredBy};
    Snapshot {
        taken_at: std::time::SystemTime::now(),
        interval: Duration::from_millis(50),
        since_start: Duration::from_secs(1),
        target: "nothing".to_owned(),
        measured_by: MeasuredBy::Ebpf,
        policy: None,
        timing_profile: None,
        probes: Vec::new(),
        events: EventCounts::default(),
        slow_threshold: Some(Duration::from_millis(1)),
        slow_running: None,
        slow: Vec::new(),
        diagnostics: Vec::new(),
        blind: None,
        instances: Vec::new(),
        stages: Vec::new(),
        objects: Vec::new(),
        objects_left_out: 0,
        failures: Vec::new(),
        failures_dropped: 0,
        hw_queues: None,
        perf: None,
        looking: None,
    }
}
