//! The systemd unit.

use std::path::Path;

use anyhow::anyhow;

/// With `@HWPTOP@` for the program.
const UNIT: &str = include_str!("hwptop-agent.service");

/// A unit that runs `program`.
pub(super) fn of(program: &Path) -> anyhow::Result<String> {
    Ok(UNIT.replace("@HWPTOP@", &quoted(program)?))
}

/// As the first word of `ExecStart=`: quoted, `%` doubled; variables are not looked for in it.
/// systemd refuses programs with control characters, quotes and backslashes in their path
/// (`string_is_safe`), however they are written.
fn quoted(program: &Path) -> anyhow::Result<String> {
    let is_safe =
        |path: &&str| !path.contains(|one: char| one.is_control() || r#""'\"#.contains(one));
    let path = program.to_str().filter(is_safe);
    let path = path.ok_or_else(|| {
        let program = program.to_string_lossy();
        anyhow!("{program:?}: systemd runs no program with such a path; install it elsewhere")
    })?;
    let is_plain = |one: char| one.is_ascii_alphanumeric() || "/._-+".contains(one);
    if path.chars().all(is_plain) {
        return Ok(path.to_owned());
    }
    Ok(format!("\"{}\"", path.replace('%', "%%")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_one_word_to_systemd_or_refused() {
        for (path, word) in [
            ("/usr/bin/hwptop", "/usr/bin/hwptop"),
            ("/opt/a b/hwptop", r#""/opt/a b/hwptop""#),
            ("/opt/100%/$c;d", r#""/opt/100%%/$c;d""#),
        ] {
            assert_eq!(quoted(Path::new(path)).expect("it can be run"), word);
        }
        for path in ["/opt/a\nb", "/opt/a'b", "/opt/a\"b", "/opt/a\\b"] {
            assert!(quoted(Path::new(path)).is_err(), "{path}");
        }
    }
}
