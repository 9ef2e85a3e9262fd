//! The rules about one Rust file.

use std::path::Path;

use super::Violation;
use super::source::code_only;

const MAX_LINES: usize = 400;
const MAX_TEST_LINES: usize = 600;

/// What must not be in code, and what to do instead.
const BANNED: &[(&str, &str)] = &[
    ("todo!", "finish it, or leave it out and open an issue"),
    (
        "unimplemented!",
        "finish it, or leave it out and open an issue",
    ),
    (
        "dbg!",
        "remove it; what is worth printing goes through the log crate",
    ),
    (
        "#[allow(",
        "use #[expect(lint, reason = \"…\")], which tells when it is no longer needed",
    ),
    (
        "#![allow(",
        "use #![expect(lint, reason = \"…\")], which tells when it is no longer needed",
    ),
];

/// Every place in `file` (a path relative to the root) that breaks a rule.
pub(super) fn check(file: &str, text: &str) -> Vec<Violation> {
    let code = code_only(text);
    let mut found = length(file, text);
    if Path::new(file)
        .file_name()
        .is_some_and(|name| name == "mod.rs")
    {
        found.push((
            1,
            "a mod.rs: name the file after its module, beside the folder of the same name".into(),
        ));
    }
    found.extend(banned(&code));
    found.extend(undocumented_unsafe(text, &code));
    found.sort();
    found
        .into_iter()
        .map(|(line, message)| Violation {
            file: file.to_owned(),
            line,
            message,
        })
        .collect()
}

fn length(file: &str, text: &str) -> Vec<(usize, String)> {
    let path = Path::new(file);
    let is_tests = path.file_name().is_some_and(|name| name == "tests.rs")
        || path
            .parent()
            .is_some_and(|folder| folder.components().any(|part| part.as_os_str() == "tests"));
    let (limit, remedy) = if is_tests {
        (MAX_TEST_LINES, "split it by what is tested")
    } else {
        (
            MAX_LINES,
            "move a part into a module of its own (long tests into tests.rs)",
        )
    };
    let lines = text.lines().count();
    if lines <= limit {
        return Vec::new();
    }
    vec![(
        limit + 1,
        format!("{lines} lines, more than {limit}: {remedy}"),
    )]
}

fn banned(code: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (number, line) in code.lines().enumerate() {
        for (what, remedy) in BANNED {
            let is_word = |at: usize| {
                !line[..at].ends_with(|before: char| before.is_alphanumeric() || before == '_')
            };
            if line.match_indices(what).any(|(at, _)| is_word(at)) {
                found.push((number + 1, format!("`{what}`: {remedy}")));
            }
        }
    }
    found
}

/// `unsafe` blocks and impls that no `// SAFETY:` comment stands before.
fn undocumented_unsafe(text: &str, code: &str) -> Vec<(usize, String)> {
    let (text, code): (Vec<&str>, Vec<&str>) = (text.lines().collect(), code.lines().collect());
    let mut found = Vec::new();
    for number in 0..code.len() {
        if opens_unsafe(&code, number) && !is_explained(&text, &code, number) {
            let message = "`unsafe` without a reason: say in a `// SAFETY:` comment before it why it is sound";
            found.push((number + 1, message.to_owned()));
        }
    }
    found
}

/// Whether line `number` has an `unsafe` that a block or an impl follows, on this line or the next.
fn opens_unsafe(code: &[&str], number: usize) -> bool {
    let line = code[number];
    line.match_indices("unsafe").any(|(at, word)| {
        let is_word = |character: char| character.is_alphanumeric() || character == '_';
        let behind = &line[at + word.len()..];
        if line[..at].ends_with(is_word) || behind.starts_with(is_word) {
            return false;
        }
        let next = if behind.trim().is_empty() {
            code.get(number + 1).unwrap_or(&"")
        } else {
            behind
        };
        next.trim_start().starts_with('{') || next.trim_start().starts_with("impl")
    })
}

/// Whether the comment above the statement that line `number` belongs to has `SAFETY:`.
fn is_explained(text: &[&str], code: &[&str], number: usize) -> bool {
    let mut at = number;
    loop {
        if text[at].contains("// SAFETY:") {
            return true;
        }
        let Some(above) = at.checked_sub(1) else {
            return false;
        };
        let (above_text, above_code) = (text[above].trim(), code[above].trim());
        let is_comment = above_text.starts_with("//");
        let is_attribute = above_code.starts_with("#[");
        // An earlier line of the same statement, unless an earlier statement or block ends there.
        let continues = !above_code.is_empty() && !above_code.ends_with([';', '{', '}', ',']);
        if !is_comment && !is_attribute && !continues {
            return false;
        }
        at = above;
    }
}

#[cfg(test)]
mod tests;
