//! A recording of what is selected in the dashboard.

use std::{io, path::Path, time::Duration};

use hwptop_agent::{
    Recording, RecordingError, Since, full_message,
    snapshot::{Scope, Snapshot},
};
use hwptop_tui::Recorded;

use super::exports::{Names, part};

/// A recording that goes on.
pub(super) struct OfScope {
    recording: Recording,
    scope: Scope,
    /// What was counted before it began, known with its first interval; `None` where nothing was.
    since: Option<Since>,
    length: Duration,
}

impl OfScope {
    /// Makes its files, in `directory`.
    pub(super) fn begin(directory: &Path, scope: &Scope) -> Result<Self, String> {
        let mut refused = None;
        for name in Names::of(&part(scope), "jsonl") {
            match Recording::create(&directory.join(name)) {
                Ok(recording) => {
                    return Ok(Self {
                        recording,
                        scope: scope.clone(),
                        since: None,
                        length: Duration::ZERO,
                    });
                }
                Err(error) => {
                    let is_taken = is_taken(&error);
                    refused = Some(full_message(&error));
                    if !is_taken {
                        break;
                    }
                }
            }
        }
        Err(refused.unwrap_or_default())
    }

    pub(super) fn begun(&self) -> String {
        format!("recording {} to {}", part(&self.scope), self.file())
    }

    /// Adds an interval. Where that fails, it has ended with the one before.
    pub(super) fn write(&mut self, snapshot: &Snapshot) -> Result<(), String> {
        if self.recording.intervals() == 0 {
            self.since = Since::begin_of(snapshot);
        }
        let mut part = snapshot.narrowed(&self.scope);
        if let Some(since) = &self.since {
            since.leave(&mut part);
        }
        self.length += part.interval;
        let written = self.recording.write(&part);
        written.map_err(|error| full_message(&error))
    }

    pub(super) fn progress(&self) -> Recorded {
        Recorded {
            file: self.file(),
            length: self.length,
        }
    }

    /// What is there. Files without an interval go.
    pub(super) fn end(self) -> Result<String, String> {
        let (file, intervals) = (self.file(), self.recording.intervals());
        if intervals == 0 {
            self.recording.discard();
            return Err(format!("no interval was over yet: {file} is not kept"));
        }
        Ok(format!(
            "{intervals} interval{} of {} in {file} and its .hlog ({} KiB): `hwptop replay {file}` shows it",
            if intervals == 1 { "" } else { "s" },
            part(&self.scope),
            self.recording.bytes().div_ceil(1024),
        ))
    }

    fn file(&self) -> String {
        let name = self.recording.path().file_name();
        name.unwrap_or_default().to_string_lossy().into_owned()
    }
}

fn is_taken(error: &RecordingError) -> bool {
    matches!(error, RecordingError::Create { source, .. } if source.kind() == io::ErrorKind::AlreadyExists)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use hwptop_agent::Replay;

    use super::*;

    /// After `second` seconds with 10 events each, half of them on each of two instances.
    fn snapshot(second: u64) -> Snapshot {
        let stage = r#"{"seen":5,"recorded":5,"lost":0,"items":5,"errors":0,"total_ns":5}"#;
        let instance = |number: u64| {
            format!(
                r#"{{"number":{number},"name":"dmar{number}","kind":"hardware",
                "interval":{{"request":{stage}}},"driver":null,"fault":null}}"#
            )
        };
        let text = format!(
            r#"{{"taken_at_unix_ns":{second}000000000,"interval_ns":1000000000,
            "since_start_ns":{second}000000000,"target":"kernel","measured_by":"ebpf",
            "policy":null,"timing_profile":null,"probes":[],"stages":[],"slow_threshold_ns":1,
            "slow":[],"diagnostics":[],"events":{{"seen":{second}0,"recorded":{second}0,"lost":0,
            "slow_dropped":0}},"instances":[{},{}],"objects":[],"objects_left_out":0,
            "failures":[],"failures_dropped":0,"hw_queues":null}}"#,
            instance(0),
            instance(1)
        );
        let mut snapshot: Snapshot = serde_json::from_str(&text).expect("a snapshot");
        for instance in &mut snapshot.instances {
            for _ in 0..5 {
                instance.interval.request.latency += 1;
            }
        }
        snapshot
    }

    #[test]
    fn a_recording_from_the_middle_has_its_part_and_the_events_of_its_own_time() {
        let folder = tempfile::tempdir().expect("a folder");
        let scope = Scope::Instance("dmar1".to_owned());
        let mut recording = OfScope::begin(folder.path(), &scope).expect("it is made");
        for second in 7..10 {
            recording.write(&snapshot(second)).expect("it is written");
        }
        let progress = recording.progress();
        assert_eq!(progress.length, Duration::from_secs(3));
        let said = recording.end().expect("there is something");
        assert!(said.starts_with("3 intervals of dmar1 in "), "{said}");

        let mut replay = Replay::open(&folder.path().join(progress.file)).expect("it is one");
        let mut last = None;
        while let Some(snapshot) = replay.next_snapshot().expect("it is whole") {
            last = Some(snapshot);
        }
        let last = last.expect("there are three");
        let names: Vec<&str> = last.instances.iter().map(|one| &*one.name).collect();
        assert_eq!(names, ["dmar1"]);
        assert_eq!(last.instances[0].total.request.seen, 15);
        assert_eq!(last.events.seen, 30);
        assert_eq!(last.since_start, Duration::from_secs(3));
    }

    #[test]
    fn a_recording_of_nothing_leaves_nothing_and_two_of_one_second_have_two_names() {
        let folder = tempfile::tempdir().expect("a folder");
        let begin = || OfScope::begin(folder.path(), &Scope::Everything).expect("it is made");
        let (one, two) = (begin(), begin());
        assert_ne!(one.progress().file, two.progress().file);
        for recording in [one, two] {
            let why = recording.end().expect_err("there is nothing");
            assert!(why.contains("is not kept"), "{why}");
        }
        assert_eq!(fs::read_dir(folder.path()).expect("it is there").count(), 0);
        let error = OfScope::begin(Path::new("/proc/nowhere"), &Scope::Everything);
        let error = error.err().expect("there is no such folder");
        assert!(error.contains("cannot be created"), "{error}");
    }
}
