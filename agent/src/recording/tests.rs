use std::{
    fs,
    time::{Duration, Instant},
};

use hwptop_abi::{Bucket, InstanceArg, Stage, Vendor};
use tempfile::TempDir;

use super::*;
use crate::{
    Aggregator, InstanceTotals, ObjectKey, ObjectTotals, Origin, StageTotals, Totals,
    snapshot::{MeasuredBy, Snapshot},
};

const INTERVALS: u64 = 8;
/// Of each interval.
const HISTOGRAMS: usize = 6;

/// What a kernel with two instances and three objects counted after `intervals`.
fn totals(intervals: u64) -> Totals {
    let stage = |count: u64| {
        let mut totals = StageTotals::default();
        for n in 0..count {
            let ns = 900 + n * n * 37;
            totals.0.buckets[Bucket::of(ns).index()] += 1;
            totals.0.total_ns += ns;
        }
        totals.0.seen = count + 1;
        totals.0.lost_no_start = 1;
        totals.0.items = count * 16;
        totals.0.batches[16] = count + 1;
        totals.0.errors = count / 3;
        totals.0.error_codes[5] = count / 3;
        totals
    };
    let mut instances = Vec::new();
    for (number, name) in [(0, "dmar0"), (1, "an, odd\nname")] {
        let mut instance = InstanceTotals::new(InstanceArg::new(number, Vendor::Vtd, false));
        instance.name = Some(name.to_owned());
        instance.guest.doorbells = intervals;
        instance.stages[Stage::Request as usize] = stage(intervals * 30);
        instance.stages[Stage::HostSubmission as usize] = stage(intervals * u64::from(number));
        instances.push(instance);
    }
    let object = |instance, tgid, hwpt| ObjectTotals {
        key: ObjectKey {
            instance,
            tgid,
            context: 7,
            hwpt,
        },
        stages: {
            let mut stages = crate::Stages::default();
            stages[Stage::Request as usize] = stage(intervals * 5);
            stages
        },
    };
    Totals {
        instances,
        objects: vec![
            object(0, Some(u32::MAX), 3),
            object(1, None, 0),
            object(9, Some(u32::MAX), 4),
        ],
        ..Totals::default()
    }
}

pub(super) fn snapshots() -> Vec<Snapshot> {
    let start = Instant::now();
    let origin = Origin {
        target: "kernel".to_owned(),
        measured_by: MeasuredBy::InProcess {
            why: "a test".to_owned(),
        },
        timing_profile: Some("a profile".to_owned()),
        policy: Some("array".into()),
        probes: Vec::new(),
        stages: Vec::new(),
        slow_threshold: Some(Duration::from_millis(1)),
        instances: Vec::new(),
    };
    let mut aggregator = Aggregator::new(origin, start);
    (1..=INTERVALS)
        .map(|n| aggregator.snapshot(totals(n), start + Duration::from_secs(n)))
        .collect()
}

pub(super) fn written(snapshots: &[Snapshot]) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.jsonl");
    let mut recording = Recording::create(&path).unwrap();
    for snapshot in snapshots {
        recording.write(snapshot).unwrap();
    }
    assert_eq!(recording.intervals(), snapshots.len() as u64);
    let on_disk =
        fs::metadata(&path).unwrap().len() + fs::metadata(recording.log_path()).unwrap().len();
    assert_eq!(recording.bytes(), on_disk);
    (folder, path)
}

fn document(snapshot: &Snapshot) -> String {
    serde_json::to_string(&snapshot.document()).unwrap()
}

/// As it is after it was read: a control character in a name is none any more.
fn as_read(snapshot: &Snapshot) -> String {
    document(snapshot).replace(r"odd\nname", "odd?name")
}

/// All that can be read, and whether the end was cut.
fn read(path: &Path) -> Result<(Vec<Snapshot>, bool), RecordingError> {
    let mut replay = Replay::open(path)?;
    let mut all = Vec::new();
    while let Some(snapshot) = replay.next_snapshot()? {
        all.push(snapshot);
    }
    Ok((all, replay.is_cut()))
}

#[test]
fn what_is_written_is_read_again_totals_and_all() {
    let snapshots = snapshots();
    let (_folder, path) = written(&snapshots);
    let (read, is_cut) = read(&path).unwrap();
    assert!(!is_cut);
    let documents: Vec<String> = read.iter().map(document).collect();
    let expected: Vec<String> = snapshots.iter().map(as_read).collect();
    assert_eq!(documents, expected);
}

#[test]
fn a_recording_that_is_cut_anywhere_ends_with_a_whole_interval() {
    let snapshots = snapshots();
    let (_folder, path) = written(&snapshots);
    let files = [path.clone(), log_of(&path)];
    let whole = files.each_ref().map(|file| fs::read(file).unwrap());
    let documents: Vec<String> = snapshots.iter().map(as_read).collect();
    let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = |below: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        usize::try_from(seed >> 33).unwrap() % (below + 1)
    };
    let mut lengths = Vec::new();
    for round in 0..1000 {
        // Either file, or both, as after a power cut.
        for (n, bytes) in whole.iter().enumerate() {
            let is_cut = round % 3 == 2 || round % 3 == n;
            let length = if is_cut {
                random(bytes.len())
            } else {
                bytes.len()
            };
            fs::write(&files[n], &bytes[..length]).unwrap();
        }
        let found = match read(&path) {
            Ok((found, _)) => found,
            Err(RecordingError::Foreign { why, .. }) => {
                assert_eq!(why, "it has no whole line");
                Vec::new()
            }
            Err(error) => panic!("{error}"),
        };
        for (n, snapshot) in found.iter().enumerate() {
            assert_eq!(document(snapshot), documents[n]);
        }
        // No more than what is there, and no whole interval less.
        let intervals = |file: &Path, per_interval: usize, before: usize| {
            let text = fs::read(file).unwrap();
            let lines = text.split(|byte| *byte == b'\n').count() - 1;
            lines.saturating_sub(before) / per_interval
        };
        let (comments, histograms) = (5, HISTOGRAMS);
        let most = intervals(&files[0], 1, 1).min(intervals(&files[1], histograms, comments));
        assert_eq!(found.len(), most, "round {round}");
        lengths.push(found.len());
    }
    assert!(lengths.contains(&0) && lengths.iter().any(|length| *length > 5));
}

#[test]
fn a_line_that_is_whole_and_wrong_is_named() {
    let (_folder, path) = written(&snapshots());
    let lines = fs::read_to_string(&path).unwrap();
    fs::write(
        &path,
        lines.replacen("\"interval_ns\":1000000000", "\"interval_ns\":-1", 1),
    )
    .unwrap();
    let error = read(&path).unwrap_err().to_string();
    assert!(error.contains("run.jsonl:2: no snapshot"), "{error}");
    fs::write(&path, &lines).unwrap();

    // Small on disk, and gigabytes in memory.
    let first = lines.lines().nth(1).unwrap();
    let begin = first.find("\"instances\":[").unwrap() + "\"instances\":[".len();
    let instance = "{\"number\":1,\"name\":\"\",\"kind\":\"hardware\",\"interval\":{},\"driver\":null,\"fault\":null},";
    let many = format!(
        "{}{}{}",
        &first[..begin],
        instance.repeat(5000),
        &first[begin..]
    );
    fs::write(&path, lines.replacen(first, &many, 1)).unwrap();
    let error = read(&path).unwrap_err().to_string();
    assert!(error.contains("more than 1024 of a kind"), "{error}");
    fs::write(&path, &lines).unwrap();

    let log = fs::read_to_string(log_of(&path)).unwrap();
    for (from, to, expected) in [
        (
            "Tag=dmar0/request,",
            "Tag=dmar1/request,",
            "\"dmar1/request\", where \"dmar0/request\"",
        ),
        (",HISTF", ",HISTG", "HdrHistogram"),
        (",HISTF", ",HIST!", "not base64"),
        (
            "Tag=dmar0/request",
            "nonsense",
            "no line of an interval log",
        ),
    ] {
        fs::write(log_of(&path), log.replacen(from, to, 1)).unwrap();
        let error = crate::full_message(&read(&path).unwrap_err());
        assert!(
            error.contains("run.hlog:6: ") && error.contains(expected),
            "{error}"
        );
    }
}

#[test]
fn what_is_no_recording_is_said_to_be_none() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("other.jsonl");
    let error = |text: &str| {
        fs::write(&path, text).unwrap();
        fs::write(log_of(&path), "").unwrap();
        crate::full_message(&Replay::open(&path).unwrap_err())
    };
    assert!(error("").contains("no whole line"));
    assert!(error("{\"a\": 1}\n").contains("no recording"));
    let newer = error("{\"schema\":\"hwptop.recording/9\",\"hwptop\":\"9.0\"}\n");
    assert!(
        newer.contains("hwptop.recording/9") && newer.contains("9.0"),
        "{newer}"
    );
    fs::remove_file(log_of(&path)).unwrap();
    let ours = serde_json::to_string(&Header::ours()).unwrap();
    fs::write(&path, ours + "\n").unwrap();
    let without_log = Replay::open(&path).unwrap_err().to_string();
    assert!(without_log.contains("other.hlog"), "{without_log}");
}

#[test]
fn nothing_that_is_there_is_written_over() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.jsonl");
    fs::write(log_of(&path), "mine").unwrap();
    let error = Recording::create(&path).unwrap_err().to_string();
    assert!(error.contains("run.hlog"), "{error}");
    assert_eq!(fs::read_to_string(log_of(&path)).unwrap(), "mine");
    assert!(!path.exists());
    let name = Recording::create(&folder.path().join("run.hlog")).unwrap_err();
    assert!(matches!(name, RecordingError::Name { .. }));
}

#[test]
fn hindsight_keeps_the_last_minutes_and_little_more() {
    let folder = tempfile::tempdir().unwrap();
    let ring = folder.path().join("ring");
    let mut hindsight = Hindsight::create(&ring, Duration::from_secs(4)).unwrap();
    let snapshots = snapshots();
    for (n, snapshot) in snapshots.iter().enumerate() {
        hindsight.write(snapshot).unwrap();
        let path = folder.path().join(format!("dump-{n}.jsonl"));
        let dump = hindsight.dump(&path).unwrap();
        let (kept, is_cut) = read(&path).unwrap();
        assert!(!is_cut);
        assert_eq!(dump.intervals(), kept.len() as u64);
        let ends: Vec<_> = kept.iter().map(|one| one.taken_at).collect();
        let all: Vec<_> = snapshots[..=n].iter().map(|one| one.taken_at).collect();
        // The newest ones, without a gap; all there are, or at least the time.
        assert!(all.ends_with(&ends), "{ends:?}");
        assert!(ends.len() == (n + 1).min(ends.len().max(4)), "{ends:?}");
        assert!((4.min(n + 1)..=6).contains(&ends.len()), "{ends:?}");
        let length: Duration = kept.iter().map(|one| one.interval).sum();
        assert_eq!(kept.last().map(|one| one.since_start), Some(length));
    }
    let again = Hindsight::create(&ring, Duration::from_secs(4)).unwrap_err();
    assert!(matches!(again, RecordingError::Create { .. }));
    hindsight.remove().unwrap();
    assert!(!ring.exists());
}

#[test]
fn a_recording_that_begins_in_the_middle_of_a_measurement_has_totals_of_its_own() {
    let all = snapshots();
    let (_folder, path) = written(&all[3..]);
    let (read, _) = read(&path).unwrap();
    let before = &all[2].events;
    for (one, whole) in read.iter().zip(&all[3..]) {
        let since_start = whole.since_start.checked_sub(all[2].since_start);
        assert_eq!(Some(one.since_start), since_start);
        let left = [
            whole.events.seen - before.seen,
            whole.events.recorded - before.recorded,
            whole.events.lost - before.lost,
        ];
        assert_eq!(
            [one.events.seen, one.events.recorded, one.events.lost],
            left
        );
    }
    let (_folder, path) = written(&all);
    let (read, _) = self::read(&path).unwrap();
    assert_eq!(
        read.last().map(|one| one.events),
        all.last().map(|one| one.events)
    );
}

#[test]
fn only_its_owner_reads_a_recording() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = TempDir::new().unwrap();
    let lines = folder.path().join("run.jsonl");
    let _recording = Recording::create(&lines).unwrap();
    for file in [log_of(&lines), lines] {
        let mode = fs::metadata(file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}

#[test]
fn what_is_no_recording_is_named_as_it_was_given() {
    let folder = TempDir::new().unwrap();
    let error = Replay::open(folder.path()).unwrap_err().to_string();
    let path = folder.path().display().to_string();
    assert!(error.starts_with(&format!("{path}: ")), "{error}");
    assert!(
        error.contains("directory") && !error.contains("hlog"),
        "{error}"
    );
}
