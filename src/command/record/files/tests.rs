use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt as _,
};

use hwptop_driver::Capture;

use super::*;

fn submission(time_ns: u64, words: &[[u64; 2]]) -> SubmittedCommands {
    SubmittedCommands {
        time_ns,
        instance: 0,
        words: words.to_vec(),
    }
}

#[test]
fn an_instances_name_stands_before_the_extension() {
    for (output, named) in [
        ("hwptop-commands.csv.gz", "hwptop-commands.dmar1.csv.gz"),
        ("a/b.csv", "a/b.dmar1.csv"),
        ("b.gz", "b.dmar1.gz"),
        ("b.txt", "b.txt.dmar1"),
        ("b", "b.dmar1"),
        (".csv", ".csv.dmar1"),
    ] {
        assert_eq!(with_instance(Path::new(output), "dmar1"), Path::new(named));
    }
}

#[test]
fn one_instance_has_the_file_itself_and_more_have_one_each() {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("c.csv.gz");
    let names = |count: usize| (0..count).map(|n| format!("dmar{n}")).collect::<Vec<_>>();
    let paths = |files: &Files| {
        let paths = files.iter().map(|file| file.path().to_owned());
        paths.collect::<Vec<_>>()
    };
    let one = Files::create(&output, Vendor::Vtd, &names(1)).unwrap();
    assert_eq!(paths(&one), std::slice::from_ref(&output));
    let two = Files::create(&output, Vendor::Vtd, &names(2)).unwrap();
    let expected = ["c.dmar0.csv.gz", "c.dmar1.csv.gz"].map(|name| folder.path().join(name));
    assert_eq!(paths(&two), expected);
}

#[test]
fn an_instance_that_was_not_there_at_first_gets_a_named_file() {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("c.csv");
    let mut files = Files::create(&output, Vendor::Vtd, &["dmar0".to_owned()]).unwrap();
    assert_eq!(files.file_of("dmar0").unwrap(), 0);
    assert_eq!(files.file_of("dmar7").unwrap(), 1);
    assert_eq!(files.each[1].path, folder.path().join("c.dmar7.csv"));
}

#[test]
fn a_file_is_its_owners_alone_even_where_it_was_not() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("c.csv");
    fs::write(&path, "old").unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
    let mut file = InstanceFile::create("dmar0", &path, Vendor::Vtd).unwrap();
    file.write(&submission(0, &[[0x11, 7]])).unwrap();
    file.flush().unwrap();
    let mode = fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.starts_with("t_us,lo,hi\n0,"), "{text}");
}

/// What a folder has.
fn names_in(folder: &Path) -> Vec<OsString> {
    let entries = fs::read_dir(folder).unwrap();
    entries.map(|entry| entry.unwrap().file_name()).collect()
}

#[test]
fn an_older_recording_stays_until_there_is_something_to_put_in_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("c.csv");
    fs::write(&path, "old").unwrap();
    let names = ["dmar0".to_owned()];
    // A program that could not be started, and an IOMMU that was idle.
    drop(Files::create(&path, Vendor::Vtd, &names).unwrap());
    let mut files = Files::create(&path, Vendor::Vtd, &names).unwrap();
    files.flush().unwrap();
    drop(files);
    assert_eq!(fs::read_to_string(&path).unwrap(), "old");
    assert_eq!(names_in(folder.path()), ["c.csv"]);

    let mut files = Files::create(&path, Vendor::Vtd, &names).unwrap();
    files.each[0].write(&submission(0, &[[0x11, 7]])).unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "old");
    files.flush().unwrap();
    assert_eq!(Capture::open(&path).unwrap().commands().len(), 1);
    files.each[0].write(&submission(1, &[[0x11, 8]])).unwrap();
    files.flush().unwrap();
    drop(files);
    assert_eq!(Capture::open(&path).unwrap().commands().len(), 2);
    assert_eq!(names_in(folder.path()), ["c.csv"]);
}

#[test]
fn a_link_to_a_recording_stays_a_link() {
    let folder = tempfile::tempdir().unwrap();
    let [path, link] = ["c.csv", "link.csv"].map(|name| folder.path().join(name));
    fs::write(&path, "old").unwrap();
    std::os::unix::fs::symlink(&path, &link).unwrap();
    let mut file = InstanceFile::create("dmar0", &link, Vendor::Vtd).unwrap();
    file.write(&submission(0, &[[0x11, 7]])).unwrap();
    file.flush().unwrap();
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(Capture::open(&path).unwrap().commands().len(), 1);
}

#[test]
fn times_are_microseconds_since_the_first_submission_of_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("c.csv.gz");
    let mut file = InstanceFile::create("dmar0", &path, Vendor::Vtd).unwrap();
    file.write(&submission(5_000_000, &[[0x11, 0], [5, 0]]))
        .unwrap();
    file.write(&submission(5_002_999, &[[0x11, 0]])).unwrap();
    file.write(&submission(4_000_000, &[[0x11, 0]])).unwrap();
    file.flush().unwrap();
    let capture = Capture::open(&path).unwrap();
    let times: Vec<u64> = capture.commands().iter().map(|one| one.at_us).collect();
    assert_eq!(times, [0, 0, 2, 2], "never back");
}

#[test]
fn what_was_flushed_stays_whole_when_the_disk_is_full() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("c.csv.gz");
    let mut file = InstanceFile::create("dmar0", &path, Vendor::Vtd).unwrap();
    file.write(&submission(0, &[[0x11, 7]])).unwrap();
    file.flush().unwrap();
    // Half a member, as a full disk leaves it.
    let whole = fs::read(&path).unwrap();
    fs::write(&path, [whole.as_slice(), &whole[..9]].concat()).unwrap();
    assert!(Capture::open(&path).is_err());
    let error = file.failed(io::Error::from_raw_os_error(28)).to_string();
    assert!(error.contains("c.csv.gz"), "{error}");
    assert_eq!(Capture::open(&path).unwrap().commands().len(), 1);
}

#[test]
fn a_device_that_is_full_is_an_error_that_names_it() {
    let error = Files::create(Path::new("/dev/full"), Vendor::Vtd, &["dmar0".to_owned()]);
    let Err(error) = error else {
        panic!("/dev/full takes nothing")
    };
    assert!(format!("{error:#}").starts_with("/dev/full: "), "{error:#}");
    let mode = fs::metadata("/dev/full").unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o666, "a device keeps its mode");
}

#[test]
fn a_file_without_a_command_is_not_kept() {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("c.csv.gz");
    let names = ["dmar0", "dmar1"].map(str::to_owned);
    let mut files = Files::create(&output, Vendor::Vtd, &names).unwrap();
    files.each[1].write(&submission(0, &[[0x11, 0]])).unwrap();
    files.flush().unwrap();
    drop(files);
    assert!(!folder.path().join("c.dmar0.csv.gz").exists());
    assert!(folder.path().join("c.dmar1.csv.gz").exists());
}
