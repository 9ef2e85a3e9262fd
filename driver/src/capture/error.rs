use std::fmt;
use std::io;

/// Why a capture could not be read, and where. Its message is complete: there is
/// no source behind it.
#[derive(Debug)]
pub struct CaptureError {
    file: Box<str>,
    /// From 1; 0 where the file as a whole is meant.
    line: u64,
    fault: CaptureFault,
}

/// What is wrong with a capture.
#[derive(Debug, thiserror::Error)]
pub enum CaptureFault {
    /// The file could not be read, or not be decompressed.
    #[error("{0}")]
    Io(io::Error),
    /// The path names something else than a regular file.
    #[error(
        "is a {0}, not a regular file; write the capture to a file (standard input and process \
         substitution are not read)"
    )]
    NotAFile(&'static str),
    /// The compressed file ends early.
    #[error("the compressed file is truncated; copy it again")]
    Truncated,
    /// There is no builtin capture of that name.
    #[error("no builtin capture has this name; there are: {}", .0.join(", "))]
    NoSuchBuiltin(Vec<&'static str>),
    /// There is no command in it.
    #[error(
        "holds no command; a capture is a header line (t_us,lo,hi or t_us,cmd0,cmd1) and one \
         command a line"
    )]
    Empty,
    /// As many commands are valid under one vendor's specification as under the
    /// other's.
    #[error(
        "header t_us,cmd0,cmd1 is that of an SMMUv3 or AMD-Vi stream, but the commands are as valid for \
         the one as for the other; name the vendor (--target model:smmuv3 or model:amdvi)"
    )]
    VendorUnclear,
    /// The header is not that of the vendor whose stream this should be.
    #[error(
        "the header is not that of a {0} stream (t_us,lo,hi for vtd, t_us,cmd0,cmd1 for smmuv3 and amdvi); \
         give a stream of that vendor, or leave the vendor out of the target where it can be"
    )]
    OtherVendor(&'static str),
    /// The header is none of a capture.
    #[error("header {0:?} is neither t_us,lo,hi (VT-d) nor t_us,cmd0,cmd1 (SMMUv3, AMD-Vi)")]
    Header(String),
    /// More bytes than a line can have.
    #[error("line is longer than {max} bytes")]
    LongLine {
        /// The most that a line may have.
        max: usize,
    },
    /// Bytes that are not text.
    #[error("line is not UTF-8 text")]
    NotText,
    /// A column is not there.
    #[error("column {column}: missing; a line is a time and two words")]
    MissingColumn {
        /// Its name.
        column: &'static str,
    },
    /// More columns than there should be.
    #[error("has a fourth column {0:?}; a line is a time and two words")]
    ExtraColumn(String),
    /// The time is no number.
    #[error("column t_us: {0:?} is not a decimal number of microseconds")]
    Time(String),
    /// The time is before that of the line above.
    #[error(
        "column t_us: {now} is before {before} of the line above; commands must be oldest first"
    )]
    TimeGoesBack {
        /// On the line above, in microseconds.
        before: u64,
        /// On this line, in microseconds.
        now: u64,
    },
    /// A word is no hexadecimal number.
    #[error("column {column}: {value:?} is not a hexadecimal number of at most 16 digits")]
    Word {
        /// The column's name.
        column: &'static str,
        /// What stands there.
        value: String,
    },
    /// More commands than are accepted.
    #[error("more than {max} commands; split the capture")]
    TooMany {
        /// The most that a capture may have.
        max: usize,
    },
}

impl CaptureError {
    pub(super) fn new(file: &str, line: u64, fault: CaptureFault) -> Self {
        Self {
            file: file.into(),
            line,
            fault,
        }
    }

    /// The line it is about, from 1; none where the file as a whole is meant.
    #[must_use]
    pub fn line(&self) -> Option<u64> {
        (self.line != 0).then_some(self.line)
    }

    /// What is wrong.
    #[must_use]
    pub fn fault(&self) -> &CaptureFault {
        &self.fault
    }
}

impl fmt::Display for CaptureError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}: {}", self.file, self.fault),
            line => write!(f, "{}:{line}: {}", self.file, self.fault),
        }
    }
}

impl std::error::Error for CaptureError {}
