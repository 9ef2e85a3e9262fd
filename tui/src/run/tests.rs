use std::{collections::VecDeque, io};

use hwptop_agent::snapshot::Scope;
use ratatui::{
    Terminal,
    backend::TestBackend,
    crossterm::event::{KeyCode, KeyEvent, KeyModifiers, MouseEvent, MouseEventKind},
    layout::Size,
};

use super::*;
use crate::{Export, Recorded, Said, Theme, fixture};

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

/// A screen in memory, and what became of the terminal.
struct Screen {
    terminal: Terminal<TestBackend>,
    told: Vec<&'static str>,
}

impl Screen {
    fn new() -> Self {
        Self {
            terminal: Terminal::new(TestBackend::new(80, 24)).unwrap(),
            told: Vec::new(),
        }
    }
}

impl Surface for Screen {
    fn size(&self) -> io::Result<Size> {
        Ok(self.terminal.size().unwrap())
    }

    fn draw(&mut self, app: &App) -> io::Result<()> {
        self.terminal.draw(|frame| app.draw(frame)).unwrap();
        Ok(())
    }

    fn release(&mut self) {
        self.told.push("release");
    }

    fn retake(&mut self) -> io::Result<()> {
        self.told.push("retake");
        Ok(())
    }
}

/// Runs with intervals of no length, so that every turn takes a snapshot.
fn play(
    source: &mut impl SnapshotSource,
    script: Script,
    stop: &AtomicBool,
) -> (Result<Outcome, TuiError>, String) {
    let every = Advance::Every(Duration::ZERO);
    let (outcome, screen) = play_with(source, script, every, &mut (), stop);
    (outcome, screen.terminal.backend().to_string())
}

fn play_with(
    source: &mut impl SnapshotSource,
    mut script: Script,
    advance: Advance,
    outside: &mut impl Outside,
    stop: &AtomicBool,
) -> (Result<Outcome, TuiError>, Screen) {
    let mut screen = Screen::new();
    let app = App::new(Theme::Monochrome);
    let run = Run::new(app, source, &mut script, &mut screen, outside, advance);
    let outcome = { run }.until_the_end(stop);
    (outcome, screen)
}

#[test]
fn q_ends_it_as_the_users_wish() {
    let mut source = || Ok(Some(fixture::snapshot()));
    let (outcome, screen) = play(&mut source, Script::keys(['q']), &AtomicBool::new(false));
    assert_eq!(outcome.unwrap(), Outcome::Quit);
    assert!(screen.contains("model-vtd1"), "{screen}");
}

#[test]
fn the_mouse_is_heard() {
    let mut script = Script::keys(['q']);
    let event = MouseEvent {
        kind: MouseEventKind::ScrollDown,
        column: 0,
        row: 0,
        modifiers: KeyModifiers::NONE,
    };
    // After a picture, and before the next.
    script.0.push_front(Ok(Some(Event::Mouse(event))));
    let script = script.silence_then(2);
    let mut source = || Ok(Some(fixture::snapshot()));
    let (_, screen) = play(&mut source, script, &AtomicBool::new(false));
    assert!(screen.contains(">model-vtd1"), "{screen}");
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
struct OfThen(VecDeque<Duration>, Vec<Instant>);

impl SnapshotSource for OfThen {
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
    let mut source = OfThen(pauses.into(), vec![Instant::now()]);
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

/// Remembers what it was asked for.
#[derive(Default)]
struct Asked {
    calls: Vec<String>,
    recording: Option<usize>,
    /// How many intervals fit on its disk.
    room: usize,
    news: VecDeque<News>,
}

impl Outside for Asked {
    fn begin_recording(&mut self, scope: &Scope) -> Said {
        self.calls.push(format!("begin {scope:?}"));
        self.recording = Some(0);
        Ok("recording to here.jsonl".to_owned())
    }

    fn record(&mut self, _: &Snapshot) -> Result<(), String> {
        let Some(intervals) = &mut self.recording else {
            return Ok(());
        };
        if *intervals == self.room {
            self.recording = None;
            return Err("cannot write here.jsonl: No space left on device".to_owned());
        }
        *intervals += 1;
        Ok(())
    }

    fn recorded(&self) -> Option<Recorded> {
        self.recording.map(|intervals| Recorded {
            file: "here.jsonl".to_owned(),
            length: Duration::from_secs(intervals as u64),
        })
    }

    fn end_recording(&mut self) -> Said {
        let intervals = self.recording.take();
        Ok(format!("{intervals:?} intervals are there"))
    }

    fn export(&mut self, export: Export) -> Said {
        let scope = export.scope;
        let what = match export.form {
            ExportForm::Csv => "csv".to_owned(),
            ExportForm::Json => "json".to_owned(),
            ExportForm::Svg => format!("svg, asks: {}", export.text.contains("export as")),
        };
        self.calls.push(format!("export {what} of {scope:?}"));
        Err("no room for it".to_owned())
    }

    fn save_theme(&mut self, theme: Theme) -> Said {
        self.calls.push(format!("save {}", theme.name()));
        Ok("saved".to_owned())
    }

    fn suspend(&mut self) -> Result<(), String> {
        self.calls.push("suspend".to_owned());
        Ok(())
    }

    fn news(&mut self) -> News {
        self.news.pop_front().unwrap_or(News::None)
    }
}

/// What it was asked for and the last screen, after `keys`.
fn asked_by(keys: &str, outside: &mut Asked) -> Screen {
    let mut source = || Ok(Some(fixture::snapshot()));
    let script = Script::keys(keys.chars().chain(['q'])).silence_then(1);
    let every = Advance::Every(Duration::ZERO);
    let stop = AtomicBool::new(false);
    let (outcome, screen) = play_with(&mut source, script, every, outside, &stop);
    assert_eq!(outcome.unwrap(), Outcome::Quit);
    screen
}

#[test]
fn a_recording_goes_on_until_it_is_ended_also_while_paused() {
    let mut outside = Asked {
        room: 100,
        ..Asked::default()
    };
    let screen = asked_by("r....", &mut outside);
    assert_eq!(outside.calls, ["begin Instance(\"model-vtd0\")"]);
    assert_eq!(outside.recording, Some(5));
    let shown = screen.terminal.backend().to_string();
    assert!(
        shown.contains("REC") && shown.contains("recording to here.jsonl"),
        "{shown}"
    );
    let screen = asked_by(" ..r", &mut outside);
    let shown = screen.terminal.backend().to_string();
    assert!(
        !shown.contains("REC") && shown.contains("Some(10) intervals are there"),
        "{shown}"
    );
}

#[test]
fn what_is_recorded_is_what_is_selected_and_else_what_is_shown() {
    let mut outside = Asked::default();
    asked_by("jr", &mut outside);
    assert_eq!(outside.calls, ["begin Instance(\"model-vtd1\")"]);
}

#[test]
fn a_full_disk_ends_the_recording_and_nothing_else() {
    let mut outside = Asked {
        room: 2,
        ..Asked::default()
    };
    let screen = asked_by("r....", &mut outside);
    assert_eq!(outside.recording, None);
    let shown = screen.terminal.backend().to_string();
    assert!(
        shown.contains("No space left on device") && !shown.contains("REC"),
        "{shown}"
    );
}

#[test]
fn an_export_is_asked_for_its_form_and_has_nothing_of_the_question_in_it() {
    let mut outside = Asked::default();
    let screen = asked_by("ejecesex", &mut outside);
    assert_eq!(
        outside.calls,
        [
            "export json of Everything",
            "export csv of Everything",
            "export svg, asks: false of Everything"
        ]
    );
    let shown = screen.terminal.backend().to_string();
    assert!(shown.contains("no room for it"), "{shown}");
    let screen = asked_by("e.", &mut Asked::default());
    let shown = screen.terminal.backend().to_string();
    assert!(!shown.contains("export as"), "{shown}");
}

#[test]
fn another_theme_is_shown_at_once_and_kept() {
    let mut outside = Asked::default();
    let screen = asked_by("t", &mut outside);
    let next = Theme::Monochrome.next().name();
    assert_eq!(outside.calls, [format!("save {next}")]);
    let shown = screen.terminal.backend().to_string();
    assert!(shown.contains(&format!("theme {next}, saved")), "{shown}");
}

#[test]
fn longer_and_shorter_intervals_hold_from_now_on() {
    let mut times = vec![Instant::now()];
    let mut source = || {
        times.push(Instant::now());
        Ok(Some(fixture::snapshot()))
    };
    // From a minute down to 50 ms, where it stays.
    let script = Script::keys("----------".chars());
    let stop = AtomicBool::new(false);
    let every = Advance::Every(Duration::from_mins(1));
    let screen = std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(Duration::from_millis(800));
            stop.store(true, Ordering::Relaxed);
        });
        play_with(&mut source, script, every, &mut (), &stop).1
    });
    assert!((3..=17).contains(&times.len()), "{}", times.len());
    let shown = screen.terminal.backend().to_string();
    assert!(shown.contains("every 50 ms: it stays so"), "{shown}");
}

#[test]
fn a_source_with_a_pace_of_its_own_keeps_it_and_says_whose_it_is() {
    struct Agent;
    impl SnapshotSource for Agent {
        fn next(&mut self) -> Result<Option<Snapshot>, SourceError> {
            Ok(Some(fixture::snapshot()))
        }
        fn own_pace(&self) -> Option<&'static str> {
            Some("the interval is the agent's own")
        }
    }
    let (_, screen) = play(
        &mut Agent,
        Script::keys("+q".chars()),
        &AtomicBool::new(false),
    );
    assert!(
        screen.contains("the interval is the agent's own"),
        "{screen}"
    );
}

#[test]
fn a_job_that_stops_gives_the_terminal_back_before_and_takes_it_afterwards() {
    let mut outside = Asked {
        news: [News::None, News::Suspend, News::None, News::Resumed].into(),
        ..Asked::default()
    };
    let screen = asked_by("........", &mut outside);
    assert_eq!(outside.calls, ["suspend"]);
    assert_eq!(screen.told, ["release", "retake", "retake"]);
}

#[test]
fn a_terminal_that_is_hung_up_ends_it() {
    let mut outside = Asked {
        news: [News::HungUp].into(),
        ..Asked::default()
    };
    let mut source = || Ok(Some(fixture::snapshot()));
    let every = Advance::Every(Duration::ZERO);
    let stop = AtomicBool::new(false);
    let (outcome, _) = play_with(&mut source, Script::keys([]), every, &mut outside, &stop);
    let message = outcome.unwrap_err().to_string();
    assert!(message.contains("hung up"), "{message}");
}
