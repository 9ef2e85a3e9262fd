use std::io::{self, Write};

use flate2::{Compression, write::GzEncoder};

use super::parse::Header;
use super::{COMMANDS_MAX, CapturedCommand};
use crate::Vendor;

/// Writes a command stream as [`super::Capture`] reads it.
///
/// Compressed, every [`Self::flush`] ends a gzip member (RFC 1952, 2.2): what was flushed
/// is a whole file, whatever happens to the process afterwards. Plain, every flushed line
/// is.
#[derive(Debug)]
pub struct CaptureWriter<W: Write> {
    output: Output<W>,
    commands: usize,
    last_us: u64,
}

#[derive(Debug)]
enum Output<W: Write> {
    Plain(W),
    Gzip {
        file: W,
        /// Of the lines since the last flush; `None` where there is none.
        member: Option<Box<GzEncoder<Vec<u8>>>>,
    },
}

impl<W: Write> CaptureWriter<W> {
    /// Begins a stream of `vendor`'s commands.
    ///
    /// # Errors
    /// As the file system answers.
    pub fn new(file: W, vendor: Vendor, compressed: bool) -> io::Result<Self> {
        let output = if compressed {
            Output::Gzip { file, member: None }
        } else {
            Output::Plain(file)
        };
        let mut writer = Self {
            output,
            commands: 0,
            last_us: 0,
        };
        let [low, high] = Header::of(vendor).columns();
        writer.line(&format!("t_us,{low},{high}\n"))?;
        Ok(writer)
    }

    /// Appends a command. A time before the last command's becomes that: the clocks of
    /// two CPUs may differ by less than they can tell. `false` where the stream has as
    /// many commands as a capture may have, and the command is not in it.
    ///
    /// # Errors
    /// As the file system answers.
    pub fn write(&mut self, command: CapturedCommand) -> io::Result<bool> {
        if self.commands == COMMANDS_MAX {
            return Ok(false);
        }
        self.last_us = command.at_us.max(self.last_us);
        self.commands += 1;
        let [low, high] = command.words;
        self.line(&format!("{},{low:016x},{high:016x}\n", self.last_us))?;
        Ok(true)
    }

    /// How many commands the stream has.
    pub const fn commands(&self) -> usize {
        self.commands
    }

    /// Puts everything until now into the file.
    ///
    /// # Errors
    /// As the file system answers, a full disk for one; what was flushed before stays.
    pub fn flush(&mut self) -> io::Result<()> {
        match &mut self.output {
            Output::Plain(file) => file.flush(),
            Output::Gzip { file, member } => {
                if let Some(member) = member.take() {
                    file.write_all(&member.finish()?)?;
                }
                file.flush()
            }
        }
    }

    fn line(&mut self, text: &str) -> io::Result<()> {
        match &mut self.output {
            Output::Plain(file) => file.write_all(text.as_bytes()),
            Output::Gzip { member, .. } => member
                // Fast: a recording has to keep up with what it records.
                .get_or_insert_with(|| Box::new(GzEncoder::new(Vec::new(), Compression::fast())))
                .write_all(text.as_bytes()),
        }
    }
}
