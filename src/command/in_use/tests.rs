use std::os::unix::fs::symlink;

use super::*;

#[test]
fn a_file_is_the_same_by_every_name_and_where_it_is_not_there_yet() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let at = |name: &str| directory.path().join(name);
    fs::write(at("base.json"), "x").expect("it can be written");
    symlink("base.json", at("link")).expect("it can be linked");
    symlink("new.json", at("to-come")).expect("it can be linked");
    fs::hard_link(at("base.json"), at("hard")).expect("it can be linked");
    fs::create_dir(at("store")).expect("a directory");
    let refused = |outputs: [&str; 2]| {
        let mut in_use = InUse::by_this_binary()
            .reads("--base", Some(&at("base.json")))
            .reads("--store", Some(&at("store")));
        for (option, output) in ["-o", "--junit"].into_iter().zip(outputs) {
            match in_use.writes(option, Some(&at(output))) {
                Ok(next) => in_use = next,
                Err(failure) => return Some(failure.to_string()),
            }
        }
        None
    };
    for (outputs, said) in [
        (["base.json", "x"], "the same file as --base ("),
        (["link", "x"], "the same file as --base ("),
        (["hard", "x"], "the same file as --base ("),
        (["x", "store/../link"], "the same file as --base ("),
        (["new.json", "store/../new.json"], "the same file as -o ("),
        (["new.json", "to-come"], "the same file as -o ("),
        (["store/new.json", "x"], "a file in --store ("),
    ] {
        let told = refused(outputs).unwrap_or_else(|| panic!("{outputs:?}"));
        assert!(told.contains(said), "{told}");
    }
    assert_eq!(refused(["new.json", "other.json"]), None);
    assert_eq!(refused(["nowhere/new.json", "nowhere/new.json"]), None);
}

#[test]
fn a_binary_is_not_replaced_and_a_device_is_no_file() {
    let own = env::current_exe().expect("a binary");
    let by_own = InUse::by_this_binary().writes("-o", Some(&own));
    assert!(by_own.is_err_and(|told| told.to_string().contains("as this binary (")));
    // As a shell finds it.
    let found = InUse::default().runs("--against", Some(Path::new("sh")));
    let (_, place) = found.files.first().expect("there is a shell");
    assert!(matches!(place, Place::There { .. }));
    let null = Some(Path::new("/dev/null"));
    let both = InUse::default()
        .writes("-o", null)
        .and_then(|of| of.writes("--junit", null));
    assert!(both.is_ok());
}
