//! The socket that followers connect to: its owner's and root's, from the first moment.

use std::{
    fs::{self, DirBuilder},
    io,
    os::unix::{
        fs::{DirBuilderExt as _, FileTypeExt as _, MetadataExt as _},
        net::{UnixListener, UnixStream},
    },
    path::{Path, PathBuf},
    time::Duration,
};

use rustix::{
    fs::{Mode, fchmod},
    net::{
        AddressFamily, SocketAddrUnix, SocketFlags, SocketType, bind, listen, socket_with,
        sockopt::socket_peercred,
    },
    process::geteuid,
};

use super::{
    connect::connect_within,
    listener::{Listener, by},
    place::OwnTurn,
};

/// Connections that may wait to be accepted.
const BACKLOG: i32 = 64;
/// How long it is tried to connect to what listens there: whether it accepts is not asked.
const PROBE: Duration = Duration::from_millis(1);

/// A listening socket; its file goes when this is dropped.
#[derive(Debug)]
pub struct SnapshotSocket {
    pub(super) listener: UnixListener,
    path: PathBuf,
    /// Device and inode of the file, to know it again.
    file: (u64, u64),
}

/// Why there is no socket.
#[derive(Debug, thiserror::Error)]
pub enum SocketError {
    /// Somebody listens there.
    #[error(
        "{} is in use{}: an agent runs already; stop it, or take another --socket",
        path.display(),
        by(who.as_ref())
    )]
    InUse {
        /// The file.
        path: PathBuf,
        /// Who listens, where that is known.
        who: Option<Listener>,
    },
    /// There is something else.
    #[error("{} is there and no socket; it is left alone", path.display())]
    NoSocket {
        /// The file.
        path: PathBuf,
    },
    /// The system refuses.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
}

impl SnapshotSocket {
    /// Listens at `path`. What a dead agent left there is replaced, and a directory that is
    /// not there is made, for its owner only.
    ///
    /// # Errors
    /// [`SocketError`].
    pub fn bind(path: &Path) -> Result<Self, SocketError> {
        let failed = |source| SocketError::Io {
            path: path.to_owned(),
            source,
        };
        make_directory(path).map_err(failed)?;
        // Between the look whether somebody listens and the own socket nobody else has a turn:
        // of two agents that find a dead one's socket, the second would take the first's away.
        let _turn = OwnTurn::take(path).map_err(failed)?;
        make_room(path)?;
        let made = listen_at(path).and_then(|listener| {
            let file = fs::symlink_metadata(path)?;
            Ok(Self {
                listener,
                path: path.to_owned(),
                file: (file.dev(), file.ino()),
            })
        });
        made.map_err(failed)
    }
}

impl SnapshotSocket {
    /// Where it listens.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for SnapshotSocket {
    fn drop(&mut self) {
        let Ok(_turn) = OwnTurn::take(&self.path) else {
            // The next agent finds that nobody listens there.
            return;
        };
        // Another agent may have put its own there in the meantime.
        let is_ours = fs::symlink_metadata(&self.path)
            .is_ok_and(|file| (file.dev(), file.ino()) == self.file);
        if is_ours {
            // Nobody is left to tell.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Makes the directory of `path` where it is not there.
fn make_directory(path: &Path) -> io::Result<()> {
    let Some(directory) = path.parent().filter(|one| !one.as_os_str().is_empty()) else {
        return Ok(());
    };
    if directory.exists() {
        return Ok(());
    }
    match DirBuilder::new().mode(0o700).create(directory) {
        // By another agent, a moment ago.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        made => made,
    }
}

fn listen_at(path: &Path) -> io::Result<UnixListener> {
    let socket = socket_with(
        AddressFamily::UNIX,
        SocketType::STREAM,
        SocketFlags::CLOEXEC,
        None,
    )?;
    // Before bind: the file takes its mode from the socket, so that it is never wider.
    fchmod(&socket, Mode::RUSR | Mode::WUSR)?;
    bind(&socket, &SocketAddrUnix::new(path)?)?;
    listen(&socket, BACKLOG)?;
    Ok(socket.into())
}

/// Sees to it that nothing is at `path`.
fn make_room(path: &Path) -> Result<(), SocketError> {
    let failed = |source| SocketError::Io {
        path: path.to_owned(),
        source,
    };
    match fs::symlink_metadata(path) {
        Ok(file) if !file.file_type().is_socket() => {
            return Err(SocketError::NoSocket {
                path: path.to_owned(),
            });
        }
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed(error)),
    }
    let in_use = |who| SocketError::InUse {
        path: path.to_owned(),
        who,
    };
    match connect_within(path, PROBE) {
        Ok(stream) => Err(in_use(Listener::of_peer(&stream))),
        // Somebody listens, and accepts nobody.
        Err(error) if error.kind() == io::ErrorKind::TimedOut => {
            Err(in_use(Listener::of_unix_path(path)))
        }
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            fs::remove_file(path).map_err(failed)
        }
        Err(error) => Err(failed(error)),
    }
}

/// Whether the other end is this process's user or root. The file's mode says the same; this
/// holds for whoever was handed an open socket, too.
pub(super) fn is_allowed(stream: &UnixStream) -> bool {
    socket_peercred(stream).is_ok_and(|peer| peer.uid.is_root() || peer.uid == geteuid())
}

#[cfg(test)]
mod tests {
    use std::{os::unix::fs::PermissionsExt as _, thread, time::Instant};

    use super::*;
    use crate::serve::{FollowError, Follower};

    fn mode(path: &Path) -> u32 {
        let file = fs::symlink_metadata(path).expect("it is there");
        file.permissions().mode() & 0o7777
    }

    #[test]
    fn the_socket_and_its_directory_are_the_owners_only_and_go_at_the_end() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("hwptop/agent.sock");
        let socket = SnapshotSocket::bind(&path).expect("it binds");
        assert_eq!(mode(&path), 0o600);
        assert_eq!(mode(path.parent().expect("it has one")), 0o700);
        drop(socket);
        assert!(!path.exists());
    }

    #[test]
    fn a_dead_agents_socket_is_replaced_and_a_living_ones_refused() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("agent.sock");
        drop(UnixListener::bind(&path).expect("it binds"));
        let socket = SnapshotSocket::bind(&path).expect("nobody listens there");
        let error = SnapshotSocket::bind(&path).expect_err("somebody does");
        let us = std::process::id();
        assert!(
            error
                .to_string()
                .contains(&format!("in use by process {us} (")),
            "{error}"
        );
        // The refused one has not taken the file away.
        assert!(path.exists());
        drop(socket);
    }

    #[test]
    fn what_is_no_socket_is_left_alone() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("agent.sock");
        fs::write(&path, "mine").expect("it is written");
        let error = SnapshotSocket::bind(&path).expect_err("it is a file");
        assert!(matches!(error, SocketError::NoSocket { .. }), "{error}");
        assert_eq!(fs::read_to_string(&path).expect("it is there"), "mine");
        let long = directory.path().join("a".repeat(200));
        let error = SnapshotSocket::bind(&long).expect_err("too long");
        assert!(matches!(error, SocketError::Io { .. }), "{error}");
    }

    #[test]
    fn the_file_of_another_agent_is_not_removed() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("agent.sock");
        let socket = SnapshotSocket::bind(&path).expect("it binds");
        fs::remove_file(&path).expect("it is there");
        let other = SnapshotSocket::bind(&path).expect("it binds");
        drop(socket);
        assert!(path.exists());
        drop(other);
    }

    #[test]
    fn of_two_that_find_a_dead_agents_socket_the_second_leaves_the_firsts_alone() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("agent.sock");
        drop(UnixListener::bind(&path).expect("it binds"));
        // The first has found it, and is about to put its own there.
        let turn = OwnTurn::take(&path).expect("nobody else has it");
        let second = thread::spawn({
            let path = path.clone();
            move || SnapshotSocket::bind(&path)
        });
        thread::sleep(Duration::from_millis(200));
        make_room(&path).expect("nobody listens there");
        let first = listen_at(&path).expect("it is free");
        drop(turn);
        let error = second.join().expect("no panic").expect_err("it is late");
        assert!(matches!(error, SocketError::InUse { .. }), "{error}");
        let _client = UnixStream::connect(&path).expect("it is there");
        first.set_nonblocking(true).expect("it can");
        // The second has looked whether somebody listens.
        let clients = [first.accept(), first.accept()];
        assert!(clients.iter().all(Result::is_ok), "{clients:?}");
    }

    #[test]
    fn a_listener_that_accepts_nobody_is_alive_and_keeps_nobody_waiting() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("agent.sock");
        let listener = UnixListener::bind(&path).expect("it binds");
        listen(&listener, 0).expect("it takes a shorter backlog");
        let waiting = UnixStream::connect(&path).expect("there is room for one");
        let begun = Instant::now();
        let error = SnapshotSocket::bind(&path).expect_err("somebody listens");
        assert!(begun.elapsed() < Duration::from_secs(2));
        let who = format!("in use by process {}", std::process::id());
        assert!(error.to_string().contains(&who), "{error}");
        assert!(path.exists());
        let error = Follower::connect(&path).expect_err("nobody accepts");
        assert!(matches!(error, FollowError::Stuck { .. }), "{error}");
        assert!(error.to_string().contains("accepted anyone"), "{error}");
        drop(waiting);
    }
}
