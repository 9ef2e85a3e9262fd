use std::io::{self, BufRead, Read};

use super::CapturedCommand;
use super::error::{CaptureError, CaptureFault};
use crate::Vendor;

const HEADER: &str = "t_us,lo,hi";
/// What some editors and spreadsheets put before UTF-8 text.
const BYTE_ORDER_MARK: char = '\u{feff}';
const HEADER_OTHER_VENDOR: &str = "t_us,cmd0,cmd1";

/// What the header says of the vendor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Header {
    /// The words are called as the VT-d specification does.
    Vtd,
    /// SMMUv3 or AMD-Vi.
    Other,
}

impl Header {
    pub(super) const fn of(vendor: Vendor) -> Self {
        match vendor {
            Vendor::Vtd => Self::Vtd,
            Vendor::SmmuV3 | Vendor::AmdVi => Self::Other,
        }
    }

    pub(super) const fn columns(self) -> [&'static str; 2] {
        match self {
            Self::Vtd => ["lo", "hi"],
            Self::Other => ["cmd0", "cmd1"],
        }
    }
}

/// Bytes of a line without its end. A command has at most 54.
const LINE_MAX: usize = 256;

/// Reads commands, line by line: a file that decompresses to more than it should
/// is left as soon as that shows.
///
/// The commands take 24 bytes each, up to twice that in address space while
/// they are read. (Growing doubles the space and moves the commands; where the
/// system remaps large blocks, as Linux' C libraries do, neither the unused half
/// nor the move takes memory.)
pub(super) fn parse(
    name: &str,
    mut input: impl BufRead,
    commands_max: usize,
) -> Result<(Header, Vec<CapturedCommand>), CaptureError> {
    let mut commands: Vec<CapturedCommand> = Vec::new();
    let mut header = Header::Vtd;
    let mut bytes = Vec::with_capacity(LINE_MAX);
    for line in 1.. {
        let at_line = |fault| CaptureError::new(name, line, fault);
        if !read_line(&mut input, &mut bytes).map_err(at_line)? {
            break;
        }
        let text = std::str::from_utf8(&bytes).map_err(|_| at_line(CaptureFault::NotText))?;
        if line == 1 {
            let text = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text);
            header = parse_header(text).map_err(at_line)?;
            continue;
        }
        if commands.len() == commands_max {
            return Err(at_line(CaptureFault::TooMany { max: commands_max }));
        }
        let command = parse_line(header, text).map_err(at_line)?;
        if let Some(last) = commands.last()
            && command.at_us < last.at_us
        {
            let fault = CaptureFault::TimeGoesBack {
                before: last.at_us,
                now: command.at_us,
            };
            return Err(at_line(fault));
        }
        commands.push(command);
    }
    if commands.is_empty() {
        return Err(CaptureError::new(name, 0, CaptureFault::Empty));
    }
    commands.shrink_to_fit();
    Ok((header, commands))
}

/// Reads a line without its end into `bytes`; false at the end of the input.
fn read_line(input: &mut impl BufRead, bytes: &mut Vec<u8>) -> Result<bool, CaptureFault> {
    bytes.clear();
    let limit = LINE_MAX as u64 + 2;
    let read = input.by_ref().take(limit).read_until(b'\n', bytes);
    let read = read.map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => CaptureFault::Truncated,
        _ => CaptureFault::Io(error),
    })?;
    if bytes.last() == Some(&b'\n') {
        bytes.pop();
        if bytes.last() == Some(&b'\r') {
            bytes.pop();
        }
    }
    if bytes.len() > LINE_MAX {
        return Err(CaptureFault::LongLine { max: LINE_MAX });
    }
    Ok(read > 0)
}

fn parse_header(text: &str) -> Result<Header, CaptureFault> {
    match text {
        HEADER => Ok(Header::Vtd),
        HEADER_OTHER_VENDOR => Ok(Header::Other),
        _ => Err(CaptureFault::Header(text.to_owned())),
    }
}

fn parse_line(header: Header, text: &str) -> Result<CapturedCommand, CaptureFault> {
    let mut columns = text.split(',');
    let mut next = |column| columns.next().ok_or(CaptureFault::MissingColumn { column });
    let time = next("t_us")?;
    let [low, high] = header.columns();
    let words = [word(low, next(low)?)?, word(high, next(high)?)?];
    if let Some(extra) = columns.next() {
        return Err(CaptureFault::ExtraColumn(extra.to_owned()));
    }
    let decimal = !time.is_empty() && time.bytes().all(|byte| byte.is_ascii_digit());
    let at_us = time.parse().ok().filter(|_| decimal);
    let at_us = at_us.ok_or_else(|| CaptureFault::Time(time.to_owned()))?;
    Ok(CapturedCommand { at_us, words })
}

fn word(column: &'static str, text: &str) -> Result<u64, CaptureFault> {
    // from_str_radix alone would take a sign.
    let hexadecimal =
        (1..=16).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let value = u64::from_str_radix(text, 16).ok().filter(|_| hexadecimal);
    value.ok_or_else(|| CaptureFault::Word {
        column,
        value: text.to_owned(),
    })
}
