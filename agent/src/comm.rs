//! What the kernel calls processes.

use std::fs;

/// The name of a process. It chose that name itself, so control characters are not let
/// through to a terminal.
pub(crate) fn comm(pid: u32) -> Option<String> {
    let name = fs::read(format!("/proc/{pid}/comm")).ok()?;
    let name = name.strip_suffix(b"\n").unwrap_or(&name);
    Some(printable(&String::from_utf8_lossy(name)))
}

fn printable(name: &str) -> String {
    name.replace(char::is_control, "?")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_a_name_and_no_name_reaches_the_terminal_raw() {
        assert!(comm(std::process::id()).is_some_and(|name| !name.is_empty()));
        assert_eq!(comm(u32::MAX), None);
        assert_eq!(printable("\x1b[31mred\n"), "?[31mred?");
    }
}
