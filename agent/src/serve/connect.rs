//! Connecting to an agent's socket, in bounded time.

use std::{io, os::unix::net::UnixStream, path::Path, time::Duration};

use rustix::net::{
    AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with,
    sockopt::{Timeout, set_socket_timeout},
};

/// Connects to `path`. A listener that accepts nobody, and that enough others wait for
/// already, is waited for as long as `patience`; then the error is `TimedOut`.
pub(super) fn connect_within(path: &Path, patience: Duration) -> io::Result<UnixStream> {
    let address = SocketAddrUnix::new(path)?;
    let socket = socket_with(
        AddressFamily::UNIX,
        SocketType::STREAM,
        SocketFlags::CLOEXEC,
        None,
    )?;
    // `unix_stream_connect` waits for room in the backlog as long as a send may take.
    set_socket_timeout(&socket, Timeout::Send, Some(patience))?;
    match connect(&socket, &address) {
        Ok(()) => {}
        Err(rustix::io::Errno::AGAIN) => return Err(io::ErrorKind::TimedOut.into()),
        Err(error) => return Err(error.into()),
    }
    set_socket_timeout(&socket, Timeout::Send, None)?;
    Ok(socket.into())
}
