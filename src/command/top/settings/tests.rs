use super::*;

#[test]
fn the_template_says_the_defaults() {
    let text = template();
    assert_eq!(said(text.as_bytes()).expect("it is right"), Said::default());
    let with_all = text.replace("#theme", "theme");
    let all = said(with_all.as_bytes()).expect("it is right");
    assert_eq!(all.theme, Some(Theme::ALL[0]));
}

#[test]
fn what_is_wrong_is_told_with_its_line_its_value_and_a_remedy() {
    for (text, (line, column), part) in [
        (
            "theme = \"pink\"\n",
            (1, 9),
            "there is no theme `pink`: say dark, light",
        ),
        ("# \ncolour = \"red\"\n", (2, 1), "unknown field `colour`"),
        ("[keys]\nquti = [\"q\"]\n", (2, 1), "did you mean quit?"),
        (
            "[keys]\nquit = [\"Hyper-Q\"]\n",
            (2, 1),
            "\"Hyper-Q\" is no key",
        ),
        ("[keys]\nquit = \"q\"\n", (2, 8), "expected a sequence"),
        (
            "[keys]\nsort = [\"x\"]\nrecord = [\"x\"]\n",
            (3, 1),
            "x is a key of sort too",
        ),
        (
            "[keys]\nrecord = [\"e\"]\n",
            (2, 1),
            "e is a key of export too",
        ),
        ("[keys]\nquit = []\n", (2, 1), "a key to quit with"),
        (
            "[keys]\nquit = [\"q\"]\nquit = [\"x\"]\n",
            (3, 1),
            "duplicate key",
        ),
    ] {
        let wrong = said(text.as_bytes()).expect_err(text);
        assert_eq!(
            (wrong.line, wrong.column),
            (line, column),
            "{text}: {wrong}"
        );
        assert!(wrong.what.contains(part), "{text}: {wrong}");
    }
}

#[test]
fn a_theme_is_changed_and_the_rest_stays_as_it_is() {
    let text = "# mine\ntheme = 'sixteen' # dark room\n\n[keys]\nquit = [\"x\"]\n";
    let changed = with_theme(text.as_bytes(), Theme::Monochrome).expect("it is right");
    assert_eq!(
        String::from_utf8(changed).expect("it is text"),
        "# mine\ntheme = \"monochrome\" # dark room\n\n[keys]\nquit = [\"x\"]\n"
    );
    let text = "[keys]\nquit = [\"x\"]\n";
    let changed = with_theme(text.as_bytes(), Theme::Monochrome).expect("it is right");
    let changed = said(&changed).expect("it is right");
    assert_eq!(changed.theme, Some(Theme::Monochrome));
    assert_ne!(changed.keys, Keys::default());
    assert!(with_theme(b"theme =", Theme::Monochrome).is_err());
}

#[test]
fn a_saved_theme_is_read_again_and_the_file_keeps_its_rights() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("a/hwptop/top.toml");
    let file = SettingsFile(Some(path.clone()));
    assert_eq!(file.read().expect("it is not there"), Said::default());
    assert_eq!(file.save(Theme::Monochrome).expect("it is saved"), path);
    assert_eq!(
        file.read().expect("it is there").theme,
        Some(Theme::Monochrome)
    );
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("it is ours");
    let next = Theme::Monochrome.next();
    file.save(next).expect("it is saved");
    assert_eq!(file.read().expect("it is there").theme, Some(next));
    let mode = fs::metadata(&path)
        .expect("it is there")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    let files = fs::read_dir(path.parent().expect("it has one")).expect("it is there");
    assert_eq!(files.count(), 1, "nothing is left beside it");
}

#[test]
fn settings_without_a_place_and_wrong_ones_are_not_overwritten() {
    let nowhere = SettingsFile(None);
    assert_eq!(nowhere.read().expect("it is nowhere"), Said::default());
    let error = nowhere.save(Theme::Monochrome).expect_err("it is nowhere");
    assert!(error.to_string().contains("HOME"), "{error}");

    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("top.toml");
    fs::write(&path, "theme = [").expect("it is written");
    let file = SettingsFile(Some(path.clone()));
    let error = file.save(Theme::Monochrome).expect_err("it is wrong");
    assert!(error.to_string().contains("top.toml:1:"), "{error}");
    assert_eq!(fs::read_to_string(&path).expect("it is there"), "theme = [");
}
