use std::{collections::VecDeque, io};

use ratatui::{
    backend::TestBackend,
    crossterm::event::{KeyCode, KeyEvent},
};

use super::*;
use crate::fixture;

/// Plays back what a user does; then nothing happens for as long as asked.
struct Script(VecDeque<io::Result<Option<Event>>>);

impl Script {
    fn keys(keys: impl IntoIterator<Item = char>) -> Self {
        let press = |key| Ok(Some(Event::Key(KeyEvent::from(KeyCode::Char(key)))));
        Self(keys.into_iter().map(press).collect())
    }

    fn silence_then(mut self, times: usize) -> Self {
        for _ in 0..times {
            self.0.push_front(Ok(None));
        }
        self
    }
}

impl Input for Script {
    fn next(&mut self, timeout: Duration) -> io::Result<Option<Event>> {
        self.0.pop_front().unwrap_or_else(|| {
            std::thread::sleep(timeout);
            Ok(None)
        })
    }
}

/// Runs with intervals of no length, so that every turn takes a snapshot.
fn play(
    source: &mut impl SnapshotSource,
    mut script: Script,
    stop: &AtomicBool,
) -> (Result<Outcome, TuiError>, String) {
    let mut terminal = Terminal::new(TestBackend::new(80, 24)).unwrap();
    let mut app = App::new(Theme::Monochrome);
    let pace = Pace {
        advance: Advance::Every(Duration::ZERO),
        stop,
    };
    let outcome = drive(&mut app, source, &mut script, &mut terminal, &pace);
    (outcome, terminal.backend().to_string())
}

#[test]
fn q_ends_it_as_the_users_wish() {
    let mut source = || Ok(Some(fixture::snapshot()));
    let (outcome, screen) = play(&mut source, Script::keys(['q']), &AtomicBool::new(false));
    assert_eq!(outcome.unwrap(), Outcome::Quit);
    assert!(screen.contains("model-vtd1"), "{screen}");
}

#[test]
fn the_stop_flag_ends_it_without_a_key() {
    let stop = AtomicBool::new(false);
    let mut taken = 0;
    let mut source = || {
        taken += 1;
        stop.store(taken == 3, Ordering::Relaxed);
        Ok(Some(fixture::snapshot()))
    };
    let (outcome, _) = play(&mut source, Script::keys([]), &stop);
    assert_eq!(outcome.unwrap(), Outcome::Stopped);
}

/// Has a snapshot every third time it is asked.
struct Seldom {
    asked: usize,
    taken: usize,
}

impl SnapshotSource for Seldom {
    fn has_next(&mut self) -> bool {
        self.asked += 1;
        self.asked.is_multiple_of(3)
    }

    fn next(&mut self) -> Result<Option<Snapshot>, SourceError> {
        assert!(self.asked.is_multiple_of(3), "taken where there is none");
        self.taken += 1;
        Ok(Some(fixture::snapshot()))
    }
}

#[test]
fn a_source_with_times_of_its_own_is_asked_for_a_snapshot_once_it_has_one() {
    let mut source = Seldom { asked: 0, taken: 0 };
    let script = Script::keys(['q']).silence_then(6);
    let (outcome, screen) = play(&mut source, script, &AtomicBool::new(false));
    assert_eq!(outcome.unwrap(), Outcome::Quit);
    assert_eq!((source.asked, source.taken), (7, 2));
    assert!(screen.contains("model-vtd1"), "{screen}");
}

/// Three snapshots with pauses of their own.
struct Recorded(VecDeque<Duration>, Vec<Instant>);

impl SnapshotSource for Recorded {
    fn next(&mut self) -> Result<Option<Snapshot>, SourceError> {
        self.1.push(Instant::now());
        Ok(self.0.pop_front().map(|_| fixture::snapshot()))
    }

    fn pause(&self) -> Option<Duration> {
        self.0.front().copied()
    }

    fn note(&mut self) -> Option<String> {
        self.0.is_empty().then(|| "nobody is there".to_owned())
    }
}

#[test]
fn each_interval_has_its_own_length_and_what_is_waited_for_is_shown() {
    let pauses = [0, 300, 0].map(Duration::from_millis);
    let mut source = Recorded(pauses.into(), vec![Instant::now()]);
    let script = Script(VecDeque::new());
    let stop = AtomicBool::new(false);
    let screen = std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(Duration::from_millis(900));
            stop.store(true, Ordering::Relaxed);
        });
        play(&mut source, script, &stop).1
    });
    let between = |n: usize| source.1[n + 1] - source.1[n];
    assert!(between(0) < pauses[1], "{:?}", between(0));
    assert!(between(1) >= pauses[1], "{:?}", between(1));
    assert!(between(2) < pauses[1], "{:?}", between(2));
    assert!(
        screen.contains("WAITING") && screen.contains("nobody is there"),
        "{screen}"
    );
}

#[test]
fn a_source_that_has_ended_leaves_its_last_picture_and_is_not_asked_again() {
    let mut snapshots = VecDeque::from([Some(fixture::snapshot()), None]);
    let mut source = || Ok(snapshots.pop_front().expect("asked after its end"));
    let script = Script::keys(['q']).silence_then(5);
    let (outcome, screen) = play(&mut source, script, &AtomicBool::new(false));
    assert_eq!(outcome.unwrap(), Outcome::Quit);
    assert!(
        screen.contains("ENDED") && screen.contains("model-vtd0"),
        "{screen}"
    );
}

#[test]
fn a_failing_source_ends_it_with_the_sources_words() {
    let mut source = || Err("the process has exited".into());
    let (outcome, _) = play(&mut source, Script::keys([]), &AtomicBool::new(false));
    let message = outcome.unwrap_err().to_string();
    assert_eq!(
        message,
        "no snapshot can be taken any more: the process has exited"
    );
}

#[test]
fn a_terminal_that_cannot_be_read_ends_it() {
    let mut source = || Ok(Some(fixture::snapshot()));
    let script = Script(VecDeque::from([Err(io::Error::other("hung up"))]));
    let (outcome, _) = play(&mut source, script, &AtomicBool::new(false));
    let message = outcome.unwrap_err().to_string();
    assert!(
        message.contains("be read from") && message.contains("hung up"),
        "{message}"
    );
}
