//! The schemas in docs/schema, held against what the built command writes and what is stored.

use std::{
    env,
    fs::{self, File},
    io::Write as _,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::{Value, json};

use crate::run::{Finished, hwptop, unprivileged};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// Documents, each with the name of its schema.
struct Documents(Vec<(&'static str, Value)>);

impl Documents {
    fn add(&mut self, schema: &'static str, text: &str) {
        for line in text.lines() {
            let document = serde_json::from_str(line).expect("JSON");
            self.0.push((schema, document));
        }
    }

    /// The only document of a file, on however many lines.
    fn add_file(&mut self, schema: &'static str, path: &Path) -> Value {
        let text =
            fs::read_to_string(path).unwrap_or_else(|why| panic!("{}: {why}", path.display()));
        let document: Value = serde_json::from_str(&text).expect("JSON");
        self.0.push((schema, document.clone()));
        document
    }

    /// What the script says of them.
    fn validated(&self, folder: &Path) -> String {
        let lines = folder.join("documents");
        let mut file = File::create(&lines).expect("it can be made");
        for (schema, document) in &self.0 {
            writeln!(file, "{schema}\t{document}").expect("it is written");
        }
        let python =
            env::var_os("HWPTOP_PYTHON").expect("HWPTOP_PYTHON, which `cargo xtask test` sets");
        let mut command = Command::new("sh");
        command
            .args(["-c", "exec \"$0\" \"$1\" \"$2\" < \"$3\""])
            .arg(python)
            .arg(Path::new(ROOT).join("src/tests/schemas/validate.py"))
            .arg(Path::new(ROOT).join("docs/schema"))
            .arg(lines);
        said(&Finished::of_command(&mut command))
    }
}

fn said(told: &Finished) -> String {
    assert_eq!(told.code, Some(0), "{}", told.stderr);
    told.stdout.clone()
}

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

/// A sweep as the first version wrote it, with a latency of today's.
fn first_schema(today: &Value) -> Value {
    let latency = &today["runs"][0]["points"][0]["latencies"]["request_latency"];
    assert!(latency.is_string(), "{today}");
    json!({
        "schema": "hwptop.run/1", "suite": "batching", "target": "model:vtd", "modelled": true, "timing_profile": null,
        "started_unix_s": 5, "command": ["hwptop"],
        "environment": {"hwptop": "0.1.0", "kernel": "6.12.0", "cpu": "A CPU", "cpus": 2},
        "points": [{"instance": "model-vtd0", "batch": 1, "entries": 9, "requests": 9, "submissions": 9, "commands": 9,
            "elapsed_ns": 99, "request_latency": latency, "submission_latency": latency,
            "counters": {"instructions": 5, "cycles": 7}}],
    })
}

/// Run files: of today's suites, and old ones, which are opened still.
fn add_runs(documents: &mut Documents, folder: &Path) {
    let path = |name: &str| text(&folder.join(name)).to_owned();
    let run = path("run.json");
    let sweep = [
        "bench", "batching", "--batch", "1,64", "--time", "10ms", "--runs", "5",
    ];
    said(&hwptop(&[&sweep[..], &["-o", &run]].concat()));
    let today = documents.add_file("run-file", Path::new(&run));
    let front_end = [
        "bench",
        "front-end",
        "--rounds",
        "3",
        "--capture",
        "smmuv3-nvme-strict",
    ];
    said(&hwptop(
        &[&front_end[..], &["-o", &path("front-end.json")]].concat(),
    ));
    documents.add_file("run-file", Path::new(&path("front-end.json")));
    for stored in ["batching", "instructions.debuginfo-0"] {
        let stored = format!("{ROOT}/bench/baselines/{stored}.json");
        documents.add_file("run-file", Path::new(&stored));
        said(&hwptop(&["compare", &stored, &stored, "--format", "json"]));
    }
    fs::write(path("first.json"), first_schema(&today).to_string()).expect("it is written");
    documents.add_file("run-file", Path::new(&path("first.json")));
    said(&hwptop(&[
        "report",
        &path("first.json"),
        "-o",
        &path("report"),
    ]));

    let compared = ["compare", &run, &run, "--format", "json"];
    documents.add("comparison", &said(&hwptop(&compared)));
    let gated = [
        "gate", "batching", "--base", &run, "--budget", "1s", "--format", "json",
    ];
    let gated = hwptop(&gated);
    assert!(matches!(gated.code, Some(0 | 1)), "{}", gated.stderr);
    documents.add("gate", &gated.stdout);
}

/// Snapshots and recordings: of the model, and of a kernel, recorded by an earlier version.
fn add_snapshots(documents: &mut Documents, folder: &Path) {
    let kernel = format!("{ROOT}/docs/kernel.jsonl");
    documents.add(
        "recording",
        &fs::read_to_string(&kernel).expect("it is there"),
    );
    documents.add(
        "snapshot",
        &said(&hwptop(&["replay", &kernel, "--format", "json"])),
    );
    let model = [
        "--target",
        "model",
        "--interval",
        "50ms",
        "--slow",
        "0s",
        "--slow-rate",
        "20",
    ];
    let top = ["--perf", "--count", "2", "--format", "json"];
    documents.add(
        "snapshot",
        &said(&unprivileged(&[&["top"], &model[..], &top].concat())),
    );
    let recording: PathBuf = folder.join("run.jsonl");
    let record = ["--perf", "--time", "150ms", "-o", text(&recording)];
    said(&unprivileged(&[&["record"], &model[..], &record].concat()));
    documents.add(
        "recording",
        &fs::read_to_string(&recording).expect("it is there"),
    );
}

#[test]
#[ignore = "needs Python's jsonschema: validates what hwptop writes"]
fn what_is_written_and_stored_is_as_the_schemas_say_and_nothing_else_is() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut documents = Documents(Vec::new());
    add_runs(&mut documents, folder.path());
    add_snapshots(&mut documents, folder.path());
    documents.add("doctor", &said(&hwptop(&["doctor", "--format", "json"])));
    let told = documents.validated(folder.path());
    assert!(!told.contains("WRONG"), "{told}");
    let mut published: Vec<String> = fs::read_dir(format!("{ROOT}/docs/schema"))
        .expect("it is there")
        .map(|entry| entry.expect("a file").path())
        .map(|path| {
            path.file_stem()
                .expect("a name")
                .to_string_lossy()
                .into_owned()
        })
        .collect();
    published.sort();
    let held: Vec<&str> = told
        .lines()
        .filter_map(|line| line.split(' ').next())
        .collect();
    assert_eq!(held, published, "each schema is held against something");
    for line in told.lines() {
        let changes = line
            .rsplit(' ')
            .next()
            .and_then(|count| count.parse::<u32>().ok());
        assert!(
            changes >= Some(10),
            "{line}: not enough that has to be refused"
        );
    }
}
