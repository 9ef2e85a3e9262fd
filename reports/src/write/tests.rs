use super::*;
use crate::fixture;
use hwptop_bench::run_file::{BatchingRun, Kind};

fn read(dir: &Path, name: &str) -> Vec<u8> {
    fs::read(dir.join(name)).unwrap()
}

fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// Both pictures as SVG.
fn pictures(runs: &[(PathBuf, BatchingRun)]) -> Vec<String> {
    let document = fixture::document(runs);
    let figures = document.figures();
    assert_eq!(figures.len(), 2);
    let draw = |figure: &&Figure| svg(&figure.picture, Form::File).unwrap();
    figures.iter().map(draw).collect()
}

fn written(runs: &[(PathBuf, BatchingRun)], dir: &Path) -> Result<Vec<PathBuf>, ReportError> {
    render(&fixture::inputs(runs))?.write(dir)
}

fn some_files() -> Vec<(String, Vec<u8>)> {
    let file = |name: &str, text: &str| (name.to_owned(), text.into());
    vec![file("a.svg", "a"), file("report.md", "b")]
}

const BATCH_PNG: &str = "ns-per-entry.png";
const PERCENTILES_PNG: &str = "latency-percentiles.png";
const ALL: [&str; 6] = [
    BATCH_PNG,
    "ns-per-entry.svg",
    PERCENTILES_PNG,
    "latency-percentiles.svg",
    HTML,
    MARKDOWN,
];

#[test]
fn the_same_runs_give_the_same_bytes() {
    let (a, b) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let runs = fixture::with_counters();
    let paths = written(&runs, a.path()).unwrap();
    written(&runs, &b.path().join("made/for/it")).unwrap();
    assert_eq!(paths[0], a.path().join(MARKDOWN));
    assert_eq!(paths.len(), ALL.len());
    for name in ALL {
        assert_eq!(
            read(a.path(), name),
            read(&b.path().join("made/for/it"), name),
            "{name}"
        );
    }
}

#[test]
fn pictures_name_every_instance_their_units_and_that_they_are_modelled() {
    for svg in pictures(&fixture::two_instances()) {
        for said in ["model-vtd0", "model-vtd1", "modelled", "(ns, log scale)"] {
            assert!(svg.contains(said), "{said}");
        }
        assert!(
            svg.contains("width=\"960\" height=\"560\""),
            "shown at another size"
        );
    }
}

#[test]
fn pictures_are_well_formed_whatever_the_names_hold() {
    for svg in pictures(&fixture::hostile()) {
        // XML 1.0, section 2.2.
        let forbidden =
            |c: char| (c.is_control() && c != '\n') || matches!(c, '\u{fffe}' | '\u{ffff}');
        assert!(!svg.contains(forbidden));
        assert!(!svg.contains("<script"));
        assert!(svg.contains("&lt;script&gt;alert(1)&lt;/script&gt;&amp;amp;"));
        // What is left after the tags and the entities is text alone.
        let mut rest = svg.as_str();
        let mut open = Vec::new();
        while let Some((text, tagged)) = rest.split_once('<') {
            assert!(!text.contains('>'), "{text}");
            let (tag, after) = tagged.split_once('>').unwrap();
            assert_eq!(tag.matches('"').count() % 2, 0, "{tag}");
            let name = tag.split([' ', '/']).find(|word| !word.is_empty());
            if tag.starts_with('/') {
                assert_eq!(open.pop(), name, "{tag}");
            } else if !tag.ends_with('/') {
                open.extend(name);
            }
            rest = after;
        }
        assert!(open.is_empty(), "{open:?}");
        for entity in svg.split('&').skip(1) {
            let known = ["lt;", "gt;", "amp;", "quot;", "apos;"];
            assert!(known.iter().any(|one| entity.starts_with(one)), "{entity}");
        }
    }
}

#[test]
fn the_png_has_the_size_it_should_and_shows_every_line() {
    let dir = tempfile::tempdir().unwrap();
    written(&fixture::two_instances(), dir.path()).unwrap();
    for name in [BATCH_PNG, PERCENTILES_PNG] {
        let bytes = read(dir.path(), name);
        let mut reader = png::Decoder::new(io::Cursor::new(bytes))
            .read_info()
            .unwrap();
        assert_eq!(reader.info().size(), (1920, 1120), "{name}");
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        reader.next_frame(&mut pixels).unwrap();
        // The first two lines' colours.
        for colour in [[0, 114, 178], [213, 94, 0]] {
            let count = pixels
                .chunks_exact(3)
                .filter(|pixel| **pixel == colour)
                .count();
            assert!(count > 500, "{name}: {colour:?} {count} times");
        }
    }
}

#[test]
fn runs_of_the_same_instance_are_told_apart_by_their_file() {
    let mut runs = fixture::two_instances();
    let mut other = fixture::two_instances().remove(0);
    other.0 = "runs/later.json".into();
    other.1.kind = Kind::Hardware;
    runs.push(other);
    for svg in pictures(&runs) {
        for said in [
            "run.json: model-vtd0 (modelled)",
            "later.json: model-vtd0",
            "partly modelled",
        ] {
            assert!(svg.contains(said), "{said}");
        }
    }
}

#[test]
fn nothing_to_report_on_is_said() {
    let dir = tempfile::tempdir().unwrap();
    let error = written(&[], dir.path()).unwrap_err().to_string();
    assert!(error.starts_with("nothing to report on"), "{error}");
    let mut runs = fixture::two_instances();
    runs[0].1.points.clear();
    let error = written(&runs, dir.path()).unwrap_err().to_string();
    assert!(
        error.contains("runs/run.json") && error.contains("no points"),
        "{error}"
    );
    assert!(names(dir.path()).is_empty());
}

#[test]
fn a_damaged_histogram_is_named_and_nothing_is_written() {
    let dir = tempfile::tempdir().unwrap();
    let mut runs = fixture::two_instances();
    let damaged = serde_json::from_str("\"AAAA\"").unwrap();
    runs[0].1.points[3].request_latency = damaged;
    let error = written(&runs, dir.path()).unwrap_err().to_string();
    assert!(
        error.starts_with("runs/run.json: model-vtd0, batch 8: "),
        "{error}"
    );
    assert!(names(dir.path()).is_empty());
}

#[test]
fn a_directory_that_cannot_be_made_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    fs::write(&file, "in the way").unwrap();
    let below = file.join("report");
    let error = Rendered(some_files())
        .write(&below)
        .unwrap_err()
        .to_string();
    assert!(error.contains(&below.display().to_string()), "{error}");
    assert_eq!(names(dir.path()), ["file"]);
}

#[test]
fn a_file_that_cannot_be_replaced_leaves_nothing_half_written() {
    let dir = tempfile::tempdir().unwrap();
    // The first to be put into place is the one that cannot be.
    fs::create_dir(dir.path().join("a.svg")).unwrap();
    let error = Rendered(some_files())
        .write(dir.path())
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("a.svg") && error.contains("cannot be replaced"),
        "{error}"
    );
    assert_eq!(names(dir.path()), ["a.svg"]);
}

#[test]
fn a_file_that_cannot_be_written_takes_those_before_it_along() {
    let dir = tempfile::tempdir().unwrap();
    let mut files = some_files();
    files.push(("no/such/place.svg".to_owned(), Vec::new()));
    let error = Rendered(files).write(dir.path()).unwrap_err().to_string();
    assert!(error.contains("no/such/place.svg"), "{error}");
    assert!(names(dir.path()).is_empty());
}

#[test]
fn of_sixty_four_instances_the_ends_and_the_middle_are_named_and_the_others_counted() {
    let names: Vec<String> = (0..64).map(|number| format!("model-vtd{number}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    for svg in pictures(&[("run.json".into(), fixture::run(&names))]) {
        for said in ["lowest: model-vtd0", "highest: model-vtd63", "61 others"] {
            assert!(svg.contains(said), "{said}");
        }
    }
}
