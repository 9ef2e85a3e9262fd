//! Every snapshot as a line of JSON, for everyone who follows.

use std::{
    io::{self, Read as _},
    os::unix::net::{UnixListener, UnixStream},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::Ordering,
        mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel},
    },
    thread,
    time::{Duration, Instant},
};

use serde::Serialize;

use super::{
    AGENT_SCHEMA, Greeting,
    clients::Clients,
    deadline::{Timed as _, write_until},
    latest::Latest,
    socket::{SnapshotSocket, is_allowed},
};
use crate::{nanos, snapshot::Snapshot};

/// Followers at a time; further ones are closed at once.
const MOST_FOLLOWERS: usize = 16;
/// Snapshots that wait for one follower; what comes while they do is skipped.
const QUEUE: usize = 4;
/// How long a follower may take for one snapshot.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long followers may take for what they have not got yet when the server ends.
const FAREWELL: Duration = Duration::from_secs(1);
/// How often a follower is looked at between snapshots: whether it is still there.
const LOOK: Duration = Duration::from_secs(1);

type Line = Arc<[u8]>;

/// A server of snapshots on a socket; it runs until the process ends, the socket's file
/// goes when this is dropped.
#[derive(Debug)]
pub struct SnapshotServer {
    shared: Arc<Shared>,
    _socket: SnapshotSocket,
}

#[derive(Debug)]
struct Shared {
    latest: Arc<Latest>,
    followers: Mutex<Followers>,
}

#[derive(Debug, Default)]
struct Followers {
    last: Option<Arc<Snapshot>>,
    queues: Vec<SyncSender<Line>>,
}

impl SnapshotServer {
    /// Serves on `socket`; `latest` keeps the counts.
    ///
    /// # Errors
    /// Where the system gives no thread.
    pub fn start(socket: SnapshotSocket, latest: Arc<Latest>) -> io::Result<Self> {
        let listener = socket.listener.try_clone()?;
        let shared = Arc::new(Shared {
            latest,
            followers: Mutex::default(),
        });
        let server = Self {
            shared: Arc::clone(&shared),
            _socket: socket,
        };
        thread::Builder::new()
            .name("followers".to_owned())
            .spawn(move || accept(&listener, &shared))?;
        Ok(server)
    }

    /// Hands `snapshot` to everyone who follows, without waiting for any of them.
    pub fn publish(&self, snapshot: &Arc<Snapshot>) {
        let mut followers = self.shared.followers();
        followers.last = Some(Arc::clone(snapshot));
        if followers.queues.is_empty() {
            return;
        }
        let Some(line) = line(snapshot.as_ref()) else {
            return;
        };
        followers
            .queues
            .retain(|queue| match queue.try_send(Arc::clone(&line)) {
                Ok(()) => true,
                Err(TrySendError::Full(_)) => {
                    self.shared.latest.skipped.fetch_add(1, Ordering::Relaxed);
                    true
                }
                Err(TrySendError::Disconnected(_)) => false,
            });
    }

    /// Waits until followers have what was published, the last snapshot say, for a bounded time.
    pub fn finish(self) {
        // Their threads end behind what is in their queues.
        self.shared.followers().queues.clear();
        let deadline = Instant::now() + FAREWELL;
        let followers = &self.shared.latest.followers;
        while followers.load(Ordering::Relaxed) > 0 && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(1));
        }
    }
}

impl Shared {
    fn followers(&self) -> MutexGuard<'_, Followers> {
        // Nothing that holds the lock leaves half a change behind.
        let lock = self.followers.lock();
        lock.unwrap_or_else(PoisonError::into_inner)
    }

    /// A queue of every snapshot from the last one on.
    fn follow(&self) -> Receiver<Line> {
        let (sender, receiver) = sync_channel(QUEUE);
        let mut followers = self.followers();
        if let Some(line) = followers.last.as_deref().and_then(line) {
            // The queue is empty.
            let _ = sender.try_send(line);
        }
        followers.queues.push(sender);
        receiver
    }
}

/// `value` as a line of JSON. A snapshot can always be written.
fn line(value: &impl Serialize) -> Option<Line> {
    let mut bytes = serde_json::to_vec(value).ok()?;
    bytes.push(b'\n');
    Some(bytes.into())
}

fn accept(listener: &UnixListener, shared: &Arc<Shared>) {
    let clients = Clients {
        name: "follower",
        most: MOST_FOLLOWERS,
        refused: &shared.latest.refused,
    };
    let shared = Arc::clone(shared);
    clients.serve(
        || listener.accept().map(|(stream, _)| stream),
        is_allowed,
        move |stream| serve(stream, &shared),
    )
}

fn serve(mut stream: UnixStream, shared: &Shared) {
    // Whatever ends it, the follower is gone.
    if let Ok(()) = greet(&mut stream, shared) {
        let followers = &shared.latest.followers;
        followers.fetch_add(1, Ordering::Relaxed);
        let _ = feed(&mut stream, shared);
        followers.fetch_sub(1, Ordering::Relaxed);
    }
}

fn greet(stream: &mut UnixStream, shared: &Shared) -> io::Result<()> {
    let greeting = line(&Greeting {
        schema: AGENT_SCHEMA.to_owned(),
        hwptop: env!("CARGO_PKG_VERSION").to_owned(),
        interval_ns: nanos(shared.latest.interval()),
    });
    write_until(
        stream,
        &greeting.unwrap_or_default(),
        Instant::now() + PATIENCE,
    )
}

fn feed(stream: &mut UnixStream, shared: &Shared) -> io::Result<()> {
    let queue = shared.follow();
    loop {
        match queue.recv_timeout(LOOK) {
            Ok(line) => write_until(stream, &line, Instant::now() + PATIENCE)?,
            Err(RecvTimeoutError::Timeout) => {
                if has_left(stream)? {
                    return Ok(());
                }
            }
            Err(RecvTimeoutError::Disconnected) => return Ok(()),
        }
    }
}

/// Whether the other end is closed. What it sends is not listened to.
fn has_left(stream: &mut UnixStream) -> io::Result<bool> {
    stream.limit_reads(Duration::from_millis(1))?;
    match stream.read(&mut [0; 512]) {
        Ok(0) => Ok(true),
        Err(error) if error.kind() != io::ErrorKind::WouldBlock => Err(error),
        _ => Ok(false),
    }
}
