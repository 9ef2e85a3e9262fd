//! The other end of an agent's socket.

use std::{
    io::{self, BufRead as _, BufReader, Read as _},
    net::Shutdown,
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel},
    thread,
    time::{Duration, Instant},
};

use rustix::net::sockopt::socket_peercred;

use super::{
    AGENT_SCHEMA, Greeting,
    connect::connect_within,
    deadline::read_until,
    listener::{Listener, by},
    socket::is_allowed,
};
use crate::{printable::from_json, snapshot::Snapshot};

/// The longest line. A snapshot of 64 instances and 256 objects takes some megabytes.
const MOST_BYTES: u64 = 64 << 20;
/// The longest greeting.
const MOST_OF_GREETING: usize = 4 << 10;
/// How long an agent may take to accept, and then for its greeting.
const PATIENCE: Duration = Duration::from_secs(5);
/// Snapshots that are read ahead.
const QUEUE: usize = 4;

/// Why an agent cannot be followed, or not any more.
#[derive(Debug, thiserror::Error)]
pub enum FollowError {
    /// Nobody listens.
    #[error("no agent listens at {}: {source}; `hwptop agent` starts one", path.display())]
    NoAgent {
        /// The socket.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
    /// It is another user's.
    #[error("{}: {source}; an agent is for its own user and root", path.display())]
    Denied {
        /// The socket.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
    /// Somebody listens there who is not to be trusted.
    #[error(
        "{}: user {uid} listens there{}, who is neither root nor this user: follow an agent as \
         root's or as your own",
        path.display(),
        by(who.as_ref())
    )]
    Stranger {
        /// The socket.
        path: PathBuf,
        /// Whose it is.
        uid: u32,
        /// Which process.
        who: Option<Listener>,
    },
    /// Somebody listens there and accepts nobody, or says nothing.
    #[error(
        "{}: what listens there has not {what} for {PATIENCE:?}{}; does it hang?",
        path.display(),
        by(who.as_ref())
    )]
    Stuck {
        /// The socket.
        path: PathBuf,
        /// What it should have done.
        what: &'static str,
        /// Which process.
        who: Option<Listener>,
    },
    /// What came first is not an agent's greeting.
    #[error("{}: what listens there is no hwptop agent: {found}", path.display())]
    NotAnAgent {
        /// The socket.
        path: PathBuf,
        /// What came instead.
        found: String,
    },
    /// It speaks otherwise.
    #[error(
        "{}: the agent (hwptop {hwptop}) speaks {schema}, this hwptop {AGENT_SCHEMA}",
        path.display()
    )]
    Schema {
        /// The socket.
        path: PathBuf,
        /// The agent's schema.
        schema: String,
        /// The agent's version.
        hwptop: String,
    },
    /// Snapshot `number`, counted from 1, is not one.
    #[error("{}: snapshot {number}: {what}", path.display())]
    BadSnapshot {
        /// The socket.
        path: PathBuf,
        /// Which one since this one follows.
        number: u64,
        /// What is wrong.
        what: String,
    },
}

/// Receives the snapshots of a running agent.
#[derive(Debug)]
pub struct Follower {
    stream: UnixStream,
    interval: Duration,
    queue: Receiver<Result<Snapshot, FollowError>>,
    next: Option<Result<Snapshot, FollowError>>,
    has_ended: bool,
}

impl Follower {
    /// Connects to the agent at `path`.
    ///
    /// # Errors
    /// [`FollowError`] where there is none, or one that speaks otherwise.
    pub fn connect(path: &Path) -> Result<Self, FollowError> {
        let failed = |source: io::Error| {
            let path = path.to_owned();
            match source.kind() {
                io::ErrorKind::PermissionDenied => FollowError::Denied { path, source },
                io::ErrorKind::TimedOut => FollowError::Stuck {
                    what: "accepted anyone",
                    who: Listener::of_unix_path(&path),
                    path,
                },
                _ => FollowError::NoAgent { path, source },
            }
        };
        let mut stream = connect_within(path, PATIENCE).map_err(failed)?;
        if !is_allowed(&stream) {
            let peer = socket_peercred(&stream).map_err(|errno| failed(errno.into()))?;
            return Err(FollowError::Stranger {
                path: path.to_owned(),
                uid: peer.uid.as_raw(),
                who: Listener::of_peer(&stream),
            });
        }
        let interval = greeting(path, &mut stream)?;
        stream.set_read_timeout(None).map_err(failed)?;
        let mut lines = Lines {
            reader: BufReader::new(stream.try_clone().map_err(failed)?),
            buffer: Vec::new(),
            is_cut: false,
        };
        let (sender, queue) = sync_channel(QUEUE);
        let reader_path = path.to_owned();
        thread::Builder::new()
            .name("agent".to_owned())
            .spawn(move || read(&reader_path, &mut lines, &sender))
            .map_err(failed)?;
        Ok(Self {
            stream,
            interval,
            queue,
            next: None,
            has_ended: false,
        })
    }

    /// The agent's time from one snapshot to the next.
    #[must_use]
    pub const fn interval(&self) -> Duration {
        self.interval
    }

    /// Whether there is something to take: a snapshot, an error or the end.
    pub fn has_next(&mut self) -> bool {
        if self.next.is_none() && !self.has_ended {
            match self.queue.try_recv() {
                Ok(next) => self.next = Some(next),
                Err(TryRecvError::Disconnected) => self.has_ended = true,
                Err(TryRecvError::Empty) => {}
            }
        }
        self.next.is_some() || self.has_ended
    }

    /// Whether the agent is gone and everything it sent is taken.
    pub fn has_ended(&mut self) -> bool {
        self.has_next() && self.next.is_none()
    }

    /// The next snapshot, if there is one by now.
    ///
    /// # Errors
    /// [`FollowError::BadSnapshot`]; nothing comes after it.
    pub fn take(&mut self) -> Result<Option<Snapshot>, FollowError> {
        self.has_next();
        self.next.take().transpose()
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        // Ends the thread that reads.
        let _ = self.stream.shutdown(Shutdown::Both);
    }
}

/// Reads the first line; returns the agent's interval.
fn greeting(path: &Path, stream: &mut UnixStream) -> Result<Duration, FollowError> {
    let path = || path.to_owned();
    let not_an_agent = |found: String| FollowError::NotAnAgent {
        path: path(),
        found,
    };
    let deadline = Instant::now() + PATIENCE;
    let mut line = Vec::new();
    // By the byte: what is behind it is for the one who reads snapshots.
    let mut byte = [0];
    while line.last() != Some(&b'\n') {
        match read_until(stream, &mut byte, deadline) {
            Ok(0) if line.is_empty() => {
                return Err(not_an_agent(
                    "it says nothing; has it too many followers?".into(),
                ));
            }
            Ok(0) => return Err(not_an_agent(format!("cut after {} bytes", line.len()))),
            Ok(_) if line.len() == MOST_OF_GREETING => {
                return Err(not_an_agent(format!(
                    "a line of more than {MOST_OF_GREETING} bytes"
                )));
            }
            Ok(_) => line.extend(byte),
            Err(error) if is_late(&error) => {
                return Err(FollowError::Stuck {
                    path: path(),
                    what: "greeted",
                    who: Listener::of_peer(stream),
                });
            }
            Err(error) => return Err(not_an_agent(error.to_string())),
        }
    }
    let Greeting {
        schema,
        hwptop,
        interval_ns,
    } = from_json(&line).map_err(|error| not_an_agent(error.to_string()))?;
    if schema != AGENT_SCHEMA {
        return Err(FollowError::Schema {
            path: path(),
            schema,
            hwptop,
        });
    }
    Ok(Duration::from_nanos(interval_ns))
}

fn is_late(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
    )
}

/// Hands on what comes, until the end or the first line that is no snapshot.
fn read(path: &Path, lines: &mut Lines, queue: &SyncSender<Result<Snapshot, FollowError>>) {
    for number in 1.. {
        let parsed = match lines.next() {
            Ok(None) => return,
            Ok(Some(line)) => from_json(line).map_err(|error| error.to_string()),
            Err(what) => Err(what),
        };
        if lines.is_cut {
            // The agent went, or let a slow follower go, in the middle of it.
            return;
        }
        let next = parsed.map_err(|what| FollowError::BadSnapshot {
            path: path.to_owned(),
            number,
            what,
        });
        let is_last = next.is_err();
        if queue.send(next).is_err() || is_last {
            return;
        }
    }
}

struct Lines {
    reader: BufReader<UnixStream>,
    buffer: Vec<u8>,
    /// It ended within a line.
    is_cut: bool,
}

impl Lines {
    /// The next line, `None` at the end, or what is wrong.
    fn next(&mut self) -> Result<Option<&[u8]>, String> {
        self.buffer.clear();
        let mut bounded = (&mut self.reader).take(MOST_BYTES);
        bounded
            .read_until(b'\n', &mut self.buffer)
            .map_err(|error| error.to_string())?;
        match self.buffer.last() {
            None => Ok(None),
            Some(b'\n') => Ok(Some(&self.buffer)),
            Some(_) if self.buffer.len() as u64 == MOST_BYTES => {
                Err(format!("a line of more than {MOST_BYTES} bytes"))
            }
            Some(_) => {
                self.is_cut = true;
                Err(format!("cut after {} bytes", self.buffer.len()))
            }
        }
    }
}
