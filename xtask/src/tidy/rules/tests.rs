use super::*;

fn lines(text: &str) -> Vec<usize> {
    check("driver/src/queue.rs", text)
        .into_iter()
        .map(|violation| violation.line)
        .collect()
}

#[test]
fn a_violation_reads_as_file_line_what_and_remedy() {
    let violation = check("driver/src/queue.rs", "fn f() {\n    todo!()\n}\n").remove(0);
    assert_eq!(
        violation.to_string(),
        "driver/src/queue.rs:2: `todo!`: finish it, or leave it out and open an issue"
    );
}

#[test]
fn banned_words_count_in_code_only() {
    assert_eq!(
        lines("// todo!\nlet x = \"dbg!\";\nmy_dbg!(1);\n"),
        Vec::<usize>::new()
    );
    assert_eq!(
        lines("dbg!(1);\n#[allow(dead_code)]\n#![allow(dead_code)]\n"),
        [1, 2, 3]
    );
}

#[test]
fn the_limit_of_a_file_depends_on_what_it_holds() {
    let text = "//\n".repeat(401);
    assert_eq!(lines(&text), [401]);
    assert_eq!(check("driver/src/queue/tests.rs", &text), []);
    assert_eq!(check("driver/tests/replay.rs", &text), []);
    assert_eq!(
        check("driver/src/queue/tests.rs", &"//\n".repeat(601)).len(),
        1
    );
    assert_eq!(lines(&"//\n".repeat(400)), Vec::<usize>::new());
}

#[test]
fn a_mod_rs_is_refused() {
    assert_eq!(check("driver/src/queue/mod.rs", "").len(), 1);
}

#[test]
fn an_unsafe_block_needs_a_reason_right_before_it() {
    assert_eq!(lines("let x = unsafe { f() };\n"), [1]);
    assert_eq!(
        lines("// SAFETY: f has no conditions.\nlet x = unsafe { f() };\n"),
        Vec::<usize>::new()
    );
    assert_eq!(
        lines("// SAFETY: g is another matter.\ng();\nlet x = unsafe { f() };\n"),
        [3]
    );
    assert_eq!(lines("unsafe impl Send for X {}\n"), [1]);
}

#[test]
fn a_reason_may_span_lines_and_stand_before_attributes_or_the_statement() {
    let texts = [
        "// SAFETY: long\n// and longer.\nlet x = unsafe { f() };\n",
        "// SAFETY: y.\n#[expect(unsafe_code, reason = \"y\")]\nlet x = unsafe { f() };\n",
        "// SAFETY: y.\nlet x =\n    unsafe { f() };\n",
        "let x =\n    // SAFETY: y.\n    unsafe { f() };\n",
        "unsafe // SAFETY: y.\n{ f() }\n",
    ];
    for text in texts {
        assert_eq!(lines(text), Vec::<usize>::new(), "{text}");
    }
}

#[test]
fn declarations_and_attributes_that_say_unsafe_need_none() {
    let text = "#[unsafe(no_mangle)]\nunsafe extern \"C\" fn f();\n#![deny(unsafe_code)]\nunsafe fn g();\n";
    assert_eq!(lines(text), Vec::<usize>::new());
}
