//! The command lines of the documentation, for the test that runs them and those that only read them.

/// The Markdown files.
const FILES: [&str; 3] = [
    include_str!("../../README.md"),
    include_str!("../../docs/guide.md"),
    include_str!("../../docs/reference.md"),
];

/// Every command line that begins with `program`, each once: indented or fenced, without what is said beside it. One that
/// is continued on the next line (`\` at its end) is one.
pub(crate) fn lines(program: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for text in FILES {
        let text = text.replace("\\\n", " ");
        let mut fenced = false;
        for line in text.lines() {
            if line.trim_start().starts_with("```") {
                fenced = !fenced;
                continue;
            }
            let Some(code) = line.strip_prefix("    ").or(fenced.then_some(line)) else {
                continue;
            };
            let code = code
                .strip_prefix("- run: ")
                .unwrap_or(code)
                .trim_start_matches("./");
            let command = code.split("   ").next().unwrap_or_default().trim();
            // A line may be longer than the column in which it is said what it does.
            let command = command.split("  ").next().unwrap_or_default();
            let is_it = command
                .strip_prefix(program)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with(' '));
            if is_it && !found.iter().any(|one| one == command) {
                found.push(command.to_owned());
            }
        }
    }
    found
}
