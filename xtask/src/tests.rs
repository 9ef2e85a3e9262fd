use super::*;

#[path = "../../src/tests/documented.rs"]
mod documented;
#[path = "../../src/tests/documented/words.rs"]
mod split;

#[test]
fn every_line_of_the_documentation_is_accepted() {
    let lines = documented::lines("cargo xtask");
    assert!(lines.len() > 10, "{lines:?}");
    for line in lines {
        let words = split::words(&line);
        // The program is two words.
        if let Err(error) = Arguments::try_parse_from(&words[1..]) {
            panic!("{line}\n{error}");
        }
    }
}
