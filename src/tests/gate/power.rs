//! `hwptop bench power`: its run files.

use super::*;

fn power(directory: &Path, options: &[&str]) -> (Finished, Value) {
    let file = directory.join("power.json");
    let line = ["bench", "power", "--gates", "2", "--budget", "1s", "-o"];
    let file = file.to_str().expect("UTF-8");
    let run = hwptop(&[&line[..], &[file], options, &SHORT].concat());
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let text = fs::read_to_string(file).expect("it was written");
    (run, serde_json::from_str(&text).expect("JSON"))
}

#[test]
fn gates_that_are_played_are_kept_with_what_they_were_played_on() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let (run, kept) = power(directory.path(), &["--format", "json"]);
    let told: Value = serde_json::from_str(&run.stdout).expect("JSON");
    assert_eq!(kept["suite"], "power");
    assert_eq!(kept["kind"], "modelled");
    assert_eq!(kept["settings"]["effect"], "played");
    assert_eq!(kept["settings"]["budget"], "1 s");
    let points = crate::run::points(&kept);
    let figure = |point: &Value, name: &str| point["figures"][name]["value"].clone();
    assert_eq!(
        figure(&points[0], "gate_pairs").as_f64(),
        told["pairs"].as_f64()
    );
    assert_eq!(
        figure(&points[0], "unpaired_width").as_f64(),
        told["narrowing"].as_f64()
    );
    let played = told["played"].as_array().expect("what was played");
    assert_eq!(points.len(), 1 + played.len());
    for (point, played) in points[1..].iter().zip(played) {
        for (name, of) in [
            ("gate_effect", "effect"),
            ("gates_caught", "caught"),
            ("gates_played", "gates"),
        ] {
            assert_eq!(figure(point, name).as_f64(), played[of].as_f64(), "{point}");
        }
    }
}

#[test]
fn false_alarms_are_beside_those_of_criterions_rule() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let (run, kept) = power(directory.path(), &["--effect", "0"]);
    assert!(
        run.stdout.contains("false alarms of its default rule"),
        "{}",
        run.stdout
    );
    let points = crate::run::points(&kept);
    assert_eq!(points.len(), 2);
    for point in points {
        let regressed = point["figures"]["criterion_regressed"]["value"].as_f64();
        assert!(regressed.is_some(), "{point}");
    }
}
