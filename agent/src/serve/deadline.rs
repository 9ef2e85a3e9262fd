//! Reading and writing that ends in time, however slowly the other side moves.

use std::{
    io::{self, Read, Write},
    net::TcpStream,
    os::unix::net::UnixStream,
    time::{Duration, Instant},
};

/// Written at a time: the kernel applies a time-out to each of them.
const CHUNK: usize = 64 << 10;

/// A stream whose operations can be limited in time.
pub(super) trait Timed: Read + Write {
    fn limit_reads(&self, time: Duration) -> io::Result<()>;
    fn limit_writes(&self, time: Duration) -> io::Result<()>;
}

impl Timed for TcpStream {
    fn limit_reads(&self, time: Duration) -> io::Result<()> {
        self.set_read_timeout(Some(time))
    }

    fn limit_writes(&self, time: Duration) -> io::Result<()> {
        self.set_write_timeout(Some(time))
    }
}

impl Timed for UnixStream {
    fn limit_reads(&self, time: Duration) -> io::Result<()> {
        self.set_read_timeout(Some(time))
    }

    fn limit_writes(&self, time: Duration) -> io::Result<()> {
        self.set_write_timeout(Some(time))
    }
}

/// Reads something, at the latest at `deadline`.
pub(super) fn read_until(
    stream: &mut impl Timed,
    buffer: &mut [u8],
    deadline: Instant,
) -> io::Result<usize> {
    loop {
        stream.limit_reads(left(deadline)?)?;
        match stream.read(buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

/// Writes all of `bytes`, at the latest at `deadline`.
pub(super) fn write_until(
    stream: &mut impl Timed,
    mut bytes: &[u8],
    deadline: Instant,
) -> io::Result<()> {
    while !bytes.is_empty() {
        stream.limit_writes(left(deadline)?)?;
        match stream.write(&bytes[..bytes.len().min(CHUNK)]) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => bytes = &bytes[written..],
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn left(deadline: Instant) -> io::Result<Duration> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() {
        return Err(io::ErrorKind::TimedOut.into());
    }
    Ok(left)
}
