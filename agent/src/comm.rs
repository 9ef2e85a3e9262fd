//! What the kernel calls processes.

use std::fs;

use crate::printable::printable;

/// The name of a process. It chose that name itself, so control characters are not let
/// through to a terminal.
pub(crate) fn comm(pid: u32) -> Option<String> {
    let name = fs::read(format!("/proc/{pid}/comm")).ok()?;
    let name = name.strip_suffix(b"\n").unwrap_or(&name);
    Some(cleaned(name))
}

fn cleaned(name: &[u8]) -> String {
    let name = String::from_utf8_lossy(name);
    name.chars().map(printable).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_a_name_and_no_name_reaches_the_terminal_raw() {
        assert!(comm(std::process::id()).is_some_and(|name| !name.is_empty()));
        assert_eq!(comm(u32::MAX), None);
        assert_eq!(cleaned(b"\x1b[31mred\n"), "?[31mred?");
    }
}
