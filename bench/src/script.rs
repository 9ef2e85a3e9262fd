//! Shell scripts in the place of a binary, for tests.

use std::{
    io::Write as _,
    path::Path,
    process::{Command, Stdio},
};

/// Makes `path` a script of `text`. Another process writes it: a file that this one has open for
/// writing, or a child of it between fork and exec, cannot be executed.
pub(crate) fn write(path: &Path, text: &str) {
    let mut writer = Command::new("sh")
        .args(["-c", "cat > \"$0\" && chmod +x \"$0\""])
        .arg(path)
        .stdin(Stdio::piped())
        .spawn()
        .expect("there is a shell");
    let mut input = writer.stdin.take().expect("a pipe");
    write!(input, "#!/bin/sh\n{text}\n").expect("it reads");
    drop(input);
    assert!(writer.wait().expect("it ends").success());
}
