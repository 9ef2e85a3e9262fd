use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;
use std::error::Error;
use std::io::Write;
use std::os::fd::AsRawFd;

use super::*;

fn read(bytes: &[u8]) -> Result<Capture, CaptureError> {
    Capture::read("foo.csv", Cursor::new(bytes), None)
}

fn message(text: &str) -> String {
    read(text.as_bytes()).unwrap_err().to_string()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn plain_and_compressed_captures_read_alike() {
    let text = b"t_us,lo,hi\n0,11,0\r\n5,0000000200000025,00000000FFFF0004\n";
    let expected = [
        CapturedCommand {
            at_us: 0,
            words: [0x11, 0],
        },
        CapturedCommand {
            at_us: 5,
            words: [0x2_0000_0025, 0xffff_0004],
        },
    ];
    assert_eq!(read(text).unwrap().commands(), expected);
    assert_eq!(read(&gzip(text)).unwrap().commands(), expected);
}

#[test]
fn what_is_written_reads_back_and_time_never_goes_back() {
    let commands = [(3, [0x25, 1]), (2, [5, u64::MAX]), (9, [0, 0])];
    for compressed in [false, true] {
        let mut file = Vec::new();
        let mut writer = CaptureWriter::new(&mut file, Vendor::Vtd, compressed).unwrap();
        for (at_us, words) in commands {
            assert!(writer.write(CapturedCommand { at_us, words }).unwrap());
            writer.flush().unwrap();
        }
        assert_eq!(writer.commands(), 3);
        let capture = read(&file).unwrap();
        assert_eq!(capture.vendor(), Vendor::Vtd);
        let read: Vec<_> = capture
            .commands()
            .iter()
            .map(|c| (c.at_us, c.words))
            .collect();
        assert_eq!(read, [(3, [0x25, 1]), (3, [5, u64::MAX]), (9, [0, 0])]);
    }
}

#[test]
fn what_was_flushed_survives_what_was_not() {
    for compressed in [false, true] {
        let mut file = Vec::new();
        let mut writer = CaptureWriter::new(&mut file, Vendor::Vtd, compressed).unwrap();
        let command = CapturedCommand {
            at_us: 0,
            words: [0x25, 0],
        };
        writer.write(command).unwrap();
        writer.flush().unwrap();
        // As after a kill: what is behind the flush never reaches the file.
        if compressed {
            writer.write(command).unwrap();
        }
        drop(writer);
        assert_eq!(read(&file).unwrap().commands(), [command]);
    }
}

#[test]
fn equal_times_are_in_order() {
    assert!(read(b"t_us,lo,hi\n7,1,0\n7,2,0\n").is_ok());
}

#[test]
fn a_builtin_capture_has_its_commands_and_an_unknown_name_lists_them() {
    for name in Capture::builtin_names() {
        let capture = Capture::builtin(name).unwrap();
        assert_eq!(capture.name(), name);
        let words = match capture.vendor() {
            Vendor::Vtd => [0x11, 0],
            Vendor::SmmuV3 => [0x0003_0000_0000_0012, 0xfffb_e701],
            Vendor::AmdVi => [0x2000_0000_0000_0018, 0],
        };
        assert_eq!(capture.commands()[0], CapturedCommand { at_us: 0, words });
    }
    let message = Capture::builtin("nvme").unwrap_err().to_string();
    assert!(message.contains("vtd-first-stage-nvme-strict"), "{message}");
}

#[test]
fn a_malformed_line_is_named_with_its_column_and_value() {
    for (line, expected) in [
        (
            "0,0,zz",
            "foo.csv:3: column hi: \"zz\" is not a hexadecimal number of at most 16 digits",
        ),
        ("0,+1,0", "foo.csv:3: column lo: \"+1\" is not"),
        (
            "0,00000000000000001,0",
            "foo.csv:3: column lo: \"00000000000000001\" is not",
        ),
        ("0,1", "foo.csv:3: column hi: missing"),
        ("0", "foo.csv:3: column lo: missing"),
        ("", "foo.csv:3: column lo: missing"),
        ("0,,0", "foo.csv:3: column lo: \"\" is not"),
        ("0,1,2,3", "foo.csv:3: has a fourth column \"3\""),
        ("x,1,2", "foo.csv:3: column t_us: \"x\" is not"),
        ("+4,1,2", "foo.csv:3: column t_us: \"+4\" is not"),
        (
            "99999999999999999999,1,2",
            "foo.csv:3: column t_us: \"99999999999999999999\" is not",
        ),
        ("3,1,2", "foo.csv:3: column t_us: 3 is before 4"),
    ] {
        let message = message(&format!("t_us,lo,hi\n4,1,2\n{line}\n4,1,2\n"));
        assert!(message.starts_with(expected), "{message}");
    }
}

#[test]
fn the_vendor_of_every_builtin_capture_is_recognised() {
    for name in Capture::builtin_names() {
        let vendor = Capture::builtin(name).unwrap().vendor();
        assert!(name.starts_with(vendor.name()), "{name}: {}", vendor.name());
    }
}

#[test]
fn a_vendor_that_is_named_decides() {
    let text = b"t_us,cmd0,cmd1\n0,ff,0\n".as_slice();
    let read = |vendor| Capture::read("foo.csv", Cursor::new(text), Some(vendor));
    for vendor in [Vendor::SmmuV3, Vendor::AmdVi] {
        assert_eq!(read(vendor).unwrap().vendor(), vendor);
    }
    let error = read(Vendor::Vtd).unwrap_err().to_string();
    assert!(error.contains("not that of a vtd stream"), "{error}");
    let vtd = Cursor::new(b"t_us,lo,hi\n0,5,0\n");
    assert!(Capture::read("foo.csv", vtd, Some(Vendor::AmdVi)).is_err());
}

#[test]
fn a_capture_that_may_be_of_two_vendors_is_refused() {
    let message = message("t_us,cmd0,cmd1\n0,ff,0\n");
    assert!(message.starts_with("foo.csv:1: "), "{message}");
    assert!(message.contains("as valid for the one"), "{message}");
}

#[test]
fn something_else_than_a_capture_is_refused() {
    assert!(message("time,lo,hi\n").starts_with("foo.csv:1: header \"time,lo,hi\" is neither"));
    assert!(message("").starts_with("foo.csv: holds no command"));
    assert!(message("t_us,lo,hi\n").starts_with("foo.csv: holds no command"));
    let error = read(b"t_us,lo,hi\n0,\xff,0\n").unwrap_err();
    assert!(matches!(error.fault(), CaptureFault::NotText));
    assert_eq!(error.line(), Some(2));
}

#[test]
fn a_missing_file_is_named() {
    let error = Capture::open(Path::new("no/such/file.csv.gz")).unwrap_err();
    assert!(
        error.to_string().starts_with("no/such/file.csv.gz: "),
        "{error}"
    );
    assert_eq!(error.line(), None);
    let reason = std::io::Error::from_raw_os_error(2).to_string();
    assert_eq!(error.to_string().matches(&reason).count(), 1, "{error}");
    assert!(error.source().is_none(), "it would say the reason again");
}

#[test]
fn only_a_regular_file_is_opened_and_anything_else_is_named_for_what_it_is() {
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("socket");
    let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    // Nobody writes to it: whoever read it would wait forever.
    let (reader, _writer) = std::io::pipe().unwrap();
    let pipe = format!("/proc/self/fd/{}", reader.as_raw_fd());
    for (path, what) in [
        (directory.path(), "directory"),
        (socket.as_path(), "socket"),
        (Path::new(&pipe), "pipe"),
        (Path::new("/dev/zero"), "device"),
    ] {
        let message = Capture::open(path).unwrap_err().to_string();
        let expected = format!("{}: is a {what}, not a regular file; ", path.display());
        assert!(message.starts_with(&expected), "{message}");
    }
}

#[test]
fn a_byte_order_mark_is_skipped_at_the_beginning_and_nowhere_else() {
    let text = "\u{feff}t_us,lo,hi\n0,11,0\n";
    assert_eq!(read(text.as_bytes()).unwrap().commands().len(), 1);
    assert_eq!(read(&gzip(text.as_bytes())).unwrap().commands().len(), 1);
    assert!(message("\u{feff}\u{feff}t_us,lo,hi\n").starts_with("foo.csv:1: header"));
    assert!(message("t_us,lo,hi\n\u{feff}0,11,0\n").starts_with("foo.csv:2: column t_us"));
}

#[test]
fn a_line_without_end_is_left_after_a_few_bytes() {
    let mut text = b"t_us,lo,hi\n0,".to_vec();
    text.resize(1 << 20, b'0');
    let error = read(&gzip(&text)).unwrap_err();
    assert!(
        matches!(error.fault(), CaptureFault::LongLine { max: 256 }),
        "{error}"
    );
    assert_eq!(error.line(), Some(2));
}

#[test]
fn a_truncated_file_is_told_with_the_line_it_got_to() {
    let mut text = b"t_us,lo,hi\n".to_vec();
    for n in 0..2000 {
        writeln!(text, "{n},{:x},{:x}", n * 77, n * n).unwrap();
    }
    let whole = gzip(&text);
    let error = read(&whole[..whole.len() / 2]).unwrap_err();
    assert!(matches!(error.fault(), CaptureFault::Truncated), "{error}");
    assert!(error.line().is_some_and(|line| line > 1), "{error}");
    let error = read(&whole[..5]).unwrap_err();
    assert!(matches!(error.fault(), CaptureFault::Truncated), "{error}");
}

#[test]
fn a_damaged_file_is_an_error_of_its_file() {
    let mut damaged = gzip(b"t_us,lo,hi\n0,1,2\n");
    let crc = damaged.len() - 6;
    damaged[crc] ^= 0xff;
    let error = read(&damaged).unwrap_err();
    assert!(matches!(error.fault(), CaptureFault::Io(_)), "{error}");
}

#[test]
fn a_capture_is_left_at_the_bound_of_commands() {
    let text = format!("t_us,lo,hi\n{}", "0,1,2\n".repeat(11));
    let error = parse::parse("foo.csv", Cursor::new(&text), 10).unwrap_err();
    assert_eq!(
        error.to_string(),
        "foo.csv:12: more than 10 commands; split the capture"
    );
    assert_eq!(
        parse::parse("foo.csv", Cursor::new(&text), 11)
            .unwrap()
            .1
            .len(),
        11
    );
}

proptest! {
    #[test]
    fn no_bytes_make_the_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = read(&bytes);
        let mut text = b"t_us,lo,hi\n".to_vec();
        text.extend_from_slice(&bytes);
        let _ = read(&text);
        let _ = read(&gzip(&text));
    }
}
