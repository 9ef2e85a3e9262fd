//! What a user does in the dashboard, in a real terminal (tmux), and what it leaves.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::{Duration, Instant, UNIX_EPOCH},
};

use hwptop_agent::{
    Recording,
    snapshot::{Snapshot, StageActivity},
};
use serde_json::Value;

use crate::{
    agent::recording::Small,
    run::{HWPTOP, hwptop},
    tmux::{Terminal, eventually},
};

/// A dashboard that was started in a folder.
struct Dashboard<'a> {
    terminal: Terminal,
    folder: &'a Path,
    /// The terminal's settings before it.
    before: String,
}

impl<'a> Dashboard<'a> {
    fn start(name: &str, folder: &'a Path, arguments: &str) -> Self {
        let terminal = Terminal::open(name);
        let here = folder.display();
        terminal.line(&format!("cd {here}; export XDG_CONFIG_HOME={here}/config"));
        let before = terminal.settings();
        assert!(before.contains("icanon"), "{before}");
        terminal.line(&format!("sh -c 'echo $$ > pid; exec {HWPTOP} {arguments}'"));
        Self {
            terminal,
            folder,
            before,
        }
    }

    fn of_a_model(name: &str, folder: &'a Path) -> Self {
        let dashboard = Self::start(
            name,
            folder,
            "top --target model:vtd,instances=2 --interval 100ms",
        );
        dashboard.shows("model-vtd1");
        dashboard
    }

    fn shows(&self, text: &str) {
        eventually(&format!("{text:?} is shown"), || {
            self.terminal.screen().contains(text)
        });
    }

    fn press(&self, key: &str, shown: &str) {
        self.terminal.keys(key);
        self.shows(shown);
    }

    /// The figure of the header behind PAUSED: which interval is shown.
    fn interval(&self) -> Option<u64> {
        let screen = self.terminal.screen();
        let (_, behind) = screen.split_once("PAUSED ")?;
        behind.split(' ').next()?.parse().ok()
    }

    fn pid(&self) -> String {
        let pid = fs::read_to_string(self.folder.join("pid")).expect("the shell wrote it");
        pid.trim().to_owned()
    }

    fn signal(&self, signal: &str) {
        let sent = Command::new("kill").args([signal, &self.pid()]).status();
        assert!(sent.expect("there is a kill").success());
    }

    /// The only file that ends so.
    fn file(&self, extension: &str) -> PathBuf {
        let files = fs::read_dir(self.folder).expect("it is there");
        let files = files.map(|file| file.expect("it can be read").path());
        let of_kind = |path: &PathBuf| path.extension().is_some_and(|one| one == extension);
        let found: Vec<PathBuf> = files.filter(of_kind).collect();
        assert_eq!(found.len(), 1, "{found:?}");
        found.into_iter().next().expect("there is one")
    }

    fn quit(&self) {
        self.terminal.keys("q");
        eventually("the shell is back", || self.terminal.is_at_prompt());
        self.terminal.line("echo co''de=$?");
        self.shows("code=0");
        assert_eq!(self.terminal.settings(), self.before);
    }
}

#[test]
fn one_pauses_goes_back_records_exports_and_leaves_the_terminal_as_it_was() {
    let folder = tempfile::tempdir().expect("a folder");
    let dashboard = Dashboard::of_a_model("session", folder.path());
    dashboard.press("+", "an interval every 200 ms");
    dashboard.press("-", "an interval every 100 ms");

    dashboard.terminal.keys("/");
    dashboard.press("vtd1", "1 of 2 matches 'vtd1'");
    dashboard.terminal.keys("Enter");
    dashboard.shows("q quit");
    dashboard.terminal.keys("Escape");
    dashboard.shows("model-vtd0");
    // What follows an Escape at once is taken for a key with Alt.
    thread::sleep(Duration::from_millis(300));

    // What is selected is recorded, also while the picture is held.
    dashboard.terminal.keys("j");
    dashboard.press("r", "recording model-vtd1 to hwptop-");
    dashboard.shows(".jsonl 1 s");
    dashboard.press("Space", "PAUSED");
    let held = dashboard.interval().expect("it says which");
    dashboard.terminal.keys("Left");
    dashboard.terminal.keys("h");
    eventually("the picture is two intervals older", || {
        dashboard.interval() == Some(held - 2)
    });
    dashboard.press("Right", &format!("PAUSED {} of", held - 1));

    dashboard.press("e", "export as");
    dashboard.press("c", "written: hwptop-");
    dashboard.press("e", "export as");
    dashboard.press("j", ".json");
    dashboard.press("e", "export as");
    dashboard.press("s", ".svg");
    dashboard.terminal.keys("Space");
    eventually("it goes on", || dashboard.interval().is_none());
    dashboard.press("r", "`hwptop replay");

    dashboard
        .terminal
        .tmux(&["resize-window", "-x", "60", "-y", "15"]);
    eventually("it is drawn in 15 lines of 60", || {
        let screen = dashboard.terminal.screen();
        screen.lines().count() == 15 && screen.contains("q quit") && screen.contains("model-vtd1")
    });
    dashboard
        .terminal
        .tmux(&["resize-window", "-x", "120", "-y", "30"]);
    dashboard.press("t", "saved in");
    let settings = dashboard.folder.join("config/hwptop/top.toml");
    let settings = fs::read_to_string(settings).expect("it is saved");
    assert!(settings.starts_with("theme = \""), "{settings}");
    dashboard.quit();
    check_files(&dashboard);
}

/// The recording replays, and the exports are what the command prints.
fn check_files(dashboard: &Dashboard) {
    let recording = dashboard.file("jsonl");
    let recording = recording.to_str().expect("UTF-8");
    let replayed = hwptop(&["replay", recording, "--once", "--format", "json"]).json();
    let instances = replayed["instances"].as_array().expect("a list");
    assert_eq!(instances.len(), 1, "only the selected one");
    assert_eq!(instances[0]["name"], "model-vtd1");
    let seen = &instances[0]["total"]["stages"]["request"]["seen"];
    assert!(seen.as_u64().is_some_and(|seen| seen > 0), "{replayed}");

    let text = |extension| fs::read_to_string(dashboard.file(extension)).expect("it is text");
    let json: Value = serde_json::from_str(&text("json")).expect("it is JSON");
    assert_eq!(json["schema"], "hwptop.snapshot/1");
    assert_eq!(json["instances"].as_array().map(Vec::len), Some(2));
    let csv = text("csv");
    let printed = hwptop(&["replay", recording, "--count", "1", "--format", "csv"]);
    assert_eq!(csv.lines().next(), printed.stdout.lines().next());
    assert!(csv.lines().count() > 2, "{csv}");
    let svg = text("svg");
    assert!(
        svg.starts_with("<svg") && svg.contains("PAUSED") && !svg.contains("written:"),
        "{svg}"
    );
}

#[test]
#[ignore = "needs root: mounts a small file system"]
fn a_full_disk_ends_the_recording_and_not_the_dashboard() {
    let disk = Small::mount();
    let dashboard = Dashboard::of_a_model("full", disk.path());
    dashboard.press("r", " REC ");
    dashboard.shows("No space left on device");
    eventually("the badge is gone", || {
        !dashboard.terminal.screen().contains(" REC ")
    });
    let first = dashboard.terminal.screen();
    eventually("the figures move", || dashboard.terminal.screen() != first);
    let recording = dashboard.file("jsonl");
    let recording = recording.to_str().expect("UTF-8");
    let replayed = hwptop(&["replay", recording, "--once", "--format", "json"]).json();
    assert_eq!(replayed["schema"], "hwptop.snapshot/1");
    disk.make_room();
    dashboard.press("e", "export as");
    dashboard.press("j", "written: hwptop-");
    dashboard.quit();
}

#[test]
fn a_job_is_stopped_by_its_key_and_by_signals_and_drawn_whole_when_it_goes_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let dashboard = Dashboard::of_a_model("job", folder.path());
    let terminal = &dashboard.terminal;
    for how in ["C-z", "-TSTP"] {
        if how == "C-z" {
            terminal.keys(how);
        } else {
            dashboard.signal(how);
        }
        eventually("the shell is back", || terminal.is_at_prompt());
        assert_eq!(terminal.settings(), dashboard.before, "{how}");
        terminal.line("clear; fg");
        dashboard.shows("q quit");
        let first = terminal.screen();
        assert!(first.starts_with("hwptop  model:vtd"), "{first}");
        eventually("the figures move", || terminal.screen() != first);
    }
    // Written over behind its back: it cannot know, but that it goes on.
    dashboard.signal("-CONT");
    dashboard.shows("model-vtd0");
    dashboard.quit();
}

#[test]
fn a_signal_that_ends_it_at_once_gives_the_terminal_back_before() {
    let folder = tempfile::tempdir().expect("a folder");
    // The second one comes before the first is looked at.
    let signals = ["-INT -TERM", "-USR2", "-ALRM", "-PROF", "-IO", "-16", "-37"];
    for (number, signals) in signals.into_iter().enumerate() {
        let dashboard = Dashboard::of_a_model(&format!("ends-{number}"), folder.path());
        let pid = dashboard.pid();
        let kills = signals
            .split(' ')
            .map(|signal| format!("kill {signal} {pid};"));
        let sent = Command::new("sh")
            .args(["-c", &kills.collect::<String>()])
            .status();
        assert!(sent.expect("there is a shell").success(), "{signals}");
        let terminal = &dashboard.terminal;
        eventually("the shell is back", || terminal.is_at_prompt());
        let format = "#{alternate_on} #{cursor_flag} #{mouse_standard_flag}#{mouse_sgr_flag}";
        let state = terminal.tmux(&["display-message", "-p", format]);
        assert_eq!(state.trim(), "0 1 00", "{signals}");
        terminal.line("echo co''de=$?");
        // The first of two may have been enough, where the second came late.
        dashboard.shows(if signals.contains(' ') {
            "code="
        } else {
            "code=1"
        });
        assert_eq!(terminal.settings(), dashboard.before, "{signals}");
    }
}

#[test]
fn what_is_shown_is_exported_under_the_name_of_its_screen() {
    let folder = tempfile::tempdir().expect("a folder");
    let dashboard = Dashboard::of_a_model("screens", folder.path());
    for (screen, key, form, starts) in [
        ("outliers", "o", "c", "ended_at_unix_ns,stage,latency_ns"),
        ("health", "i", "j", r#"{"lines":[{"#),
    ] {
        dashboard.terminal.keys(key);
        dashboard.press("e", "export as");
        dashboard.press(form, &format!("Z-{screen}."));
        let extension = if form == "c" { "csv" } else { "json" };
        let text = fs::read_to_string(dashboard.file(extension)).expect("it is text");
        assert!(text.starts_with(starts), "{text}");
    }
    dashboard.terminal.keys("c");
    dashboard.press("e", "export as");
    dashboard.press("c", "there is no baseline");
    dashboard.quit();
}

#[test]
fn a_terminal_that_goes_away_ends_it_at_once_and_not_with_the_next_interval() {
    // Without SIGHUP, too: a session of its own has none.
    for how in ["", "setsid -w "] {
        let terminal = Terminal::open("hang-up");
        let folder = tempfile::tempdir().expect("a folder");
        let pid = folder.path().join("pid");
        terminal.line(&format!(
            "{how}sh -c 'echo $$ > {}; exec {HWPTOP} top --target model --interval 1h'",
            pid.display()
        ));
        eventually("it runs", || terminal.screen().contains("waiting for"));
        let pid = fs::read_to_string(pid).expect("the shell wrote it");
        let process = Path::new("/proc").join(pid.trim()).join("cmdline");
        drop(terminal);
        let gone = Instant::now();
        let runs = || fs::read(&process).is_ok_and(|line| !line.is_empty());
        while runs() {
            assert!(gone.elapsed() < Duration::from_secs(3), "{how:?}");
            thread::sleep(Duration::from_millis(20));
        }
    }
}

#[test]
fn settings_that_are_wrong_are_told_with_their_line_before_anything_is_started() {
    let printed = hwptop(&["top", "--print-config"]);
    assert_eq!(printed.code, Some(0), "{}", printed.stderr);
    let terminal = Terminal::open("settings");
    let folder = tempfile::tempdir().expect("a folder");
    let settings = folder.path().join("hwptop/top.toml");
    fs::create_dir(folder.path().join("hwptop")).expect("it is made");
    let wrong = printed.stdout.replace("quit =", "quti =");
    let line = wrong.lines().position(|line| line.starts_with("quti"));
    let line = line.expect("it is there") + 1;
    fs::write(&settings, wrong).expect("it is written");
    let start = format!(
        "clear; XDG_CONFIG_HOME={} {HWPTOP} --target model; echo code=$?",
        folder.path().display()
    );
    terminal.line(&start);
    eventually("it ends", || terminal.screen().contains("code=2"));
    let screen = terminal.screen().replace('\n', "");
    for part in [
        format!("top.toml:{line}:1: "),
        "did you mean quit?".to_owned(),
    ] {
        assert!(screen.contains(&part), "{part}: {screen}");
    }

    let other = printed.stdout.replace("quit = [\"q\"", "quit = [\"x\"");
    fs::write(&settings, other).expect("it is written");
    terminal.line(&start);
    eventually("the hint has the key", || {
        terminal.screen().contains("x quit")
    });
    terminal.keys("x");
    eventually("it ends", || terminal.screen().contains("code=0"));
}

#[test]
fn one_drills_from_the_instances_to_an_object_and_back() {
    let folder = tempfile::tempdir().expect("a folder");
    let recording = folder.path().join("objects.jsonl");
    record_objects(&recording);
    let dashboard = Dashboard::start(
        "drill",
        folder.path(),
        &format!("replay {}", recording.display()),
    );
    dashboard.shows("q quit");
    // The titles of the table of all instances.
    let is_at_the_instances = || {
        let screen = dashboard.terminal.screen();
        screen
            .lines()
            .any(|line| line.trim_start().starts_with("instance "))
    };
    eventually("all instances are shown", is_at_the_instances);
    dashboard.press("Enter", "── dmar0");
    eventually("one instance is shown", || !is_at_the_instances());
    dashboard.press("Enter", "── qemu(7)");
    dashboard.press("Enter", "── HWPT 4242 of qemu(7) on dmar0");
    for before in ["── qemu(7)", "── dmar0"] {
        dashboard.press("Escape", before);
        // What follows at once is taken for the same key with Alt.
        thread::sleep(Duration::from_millis(300));
    }
    dashboard.terminal.keys("Escape");
    eventually("all instances are shown", is_at_the_instances);
    dashboard.quit();
}

/// Ten minutes of an instance with one nested HWPT on it.
fn record_objects(path: &Path) {
    let text = r#"{"taken_at_unix_ns":1,"interval_ns":1000000000,"since_start_ns":1,
        "target":"kernel","measured_by":"ebpf","policy":null,"timing_profile":null,
        "probes":[],"stages":[{"stage":"request","site":"iommufd_hwpt_invalidate","how":"fentry",
        "why_not_better":null}],"slow_threshold_ns":1,"slow":[],"diagnostics":[],
        "events":{"seen":0,"recorded":0,"lost":0,"slow_dropped":0},
        "instances":[{"number":0,"name":"dmar0","kind":"hardware","interval":{},"driver":null,
        "fault":null}],
        "objects":[{"instance":0,"owner":{"process":{"id":7,"name":"qemu"},"context":0,
        "hwpt":4242},"interval":{}}],"objects_left_out":0,"failures":[],
        "failures_dropped":0,"hw_queues":null}"#;
    let mut snapshot: Snapshot = serde_json::from_str(text).expect("a snapshot");
    let mut recording = Recording::create(path).expect("it is made");
    for second in 1..600 {
        snapshot.since_start = Duration::from_secs(second);
        snapshot.taken_at = UNIX_EPOCH + Duration::from_secs(1_700_000_000 + second);
        worked(&mut snapshot.objects[0].interval.request);
        worked(&mut snapshot.instances[0].interval.request);
        recording.write(&snapshot).expect("it is written");
    }
}

fn worked(stage: &mut StageActivity) {
    stage.seen = 1;
    stage.recorded = 1;
    stage.items = 16;
    stage.total_ns = 1500;
    stage.batches = [(16, 1)].into_iter().collect();
    stage.latency.reset();
    stage.latency += 1500;
}
