use super::*;

fn status(text: &str) -> Status {
    Status {
        text: text.into(),
        ..Status::new(PathBuf::new())
    }
}

#[test]
fn an_exit_code_counts_once_its_line_is_whole() {
    assert_eq!(status("").code(), None);
    assert_eq!(status("ready\nexit 12").code(), None);
    assert_eq!(status("ready\nexit 12\n").code(), Some(12));
    assert_eq!(status("ready\nexit 999\n").code(), None);
    assert!(status("ready\n").is_ready());
    assert!(!status("exit 1\n").is_ready());
}

#[test]
fn the_end_of_a_console_has_its_last_lines_without_escapes() {
    let lines: Vec<String> = (0..40).map(|line| format!("line {line}\r\n")).collect();
    let end = last_lines(&lines.join("\n"));
    assert!(end.starts_with("line 15\nline 16\n"), "{end}");
    assert!(end.ends_with("\nline 39"), "{end}");
    assert_eq!(last_lines("\x1b[2J\n"), "[2J");
    assert_eq!(last_lines(" \r\n"), "(nothing)");
}

#[test]
fn a_process_that_is_dropped_has_ended() {
    let mut running = Running::start(Command::new("sleep").arg("1000")).unwrap();
    assert!(running.0.try_wait().unwrap().is_none());
    let process = PathBuf::from(format!("/proc/{}", running.0.id()));
    assert!(process.exists());
    drop(running);
    assert!(!process.exists());
}

#[test]
fn a_qemu_that_aborts_before_cmd_began_boots_again_a_few_times_and_no_other_does() {
    let silence = |status| End::Silence(ExitStatus::from_raw(status));
    let booted = Some(Duration::from_secs(1));
    let report = |end, boot| Report {
        end,
        boot,
        whole: Duration::from_secs(2),
        complaints: String::new(),
    };
    for (end, boot, boots) in [
        (silence(SIGABRT), None, BOOTS),
        (silence(SIGABRT), booted, 1),
        (silence(9), None, 1),
        (silence(0), None, 1),
        (End::Hang { booted: false }, None, 1),
        (End::Exit(0), booted, 1),
    ] {
        let mut begun = 0;
        let last = until_qemu_holds(Voice::Quiet, || {
            begun += 1;
            Ok(report(end, boot))
        });
        assert_eq!((last.unwrap().end, begun), (end, boots), "{end:?}");
    }
    // What comes of it is the last one's.
    let mut ends = [End::Exit(7), silence(SIGABRT)].to_vec();
    let last = until_qemu_holds(Voice::Quiet, || Ok(report(ends.pop().unwrap(), None)));
    assert_eq!((last.unwrap().end, ends.len()), (End::Exit(7), 0));
}
