//! Who has a place that this process wanted.

use std::{
    fmt, fs,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    os::unix::net::UnixStream,
    path::Path,
};

use rustix::net::sockopt::socket_peercred;

use crate::comm::comm;

/// A process that listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    /// Its number.
    pub pid: u32,
    /// What the kernel calls it, where that can be read.
    pub name: Option<String>,
}

impl Listener {
    /// Who listens at `address`, where this process may look at its descriptors.
    #[must_use]
    pub fn of_tcp(address: SocketAddr) -> Option<Self> {
        let table = match address {
            SocketAddr::V4(_) => ["/proc/net/tcp", "/proc/net/tcp6"],
            SocketAddr::V6(_) => ["/proc/net/tcp6", "/proc/net/tcp"],
        };
        let inode = table.iter().find_map(|table| {
            let table = fs::read_to_string(table).ok()?;
            table.lines().find_map(|line| listening(line, address))
        })?;
        Self::of_inode(inode)
    }

    /// Who listens at `path` and accepts nobody.
    pub(super) fn of_unix_path(path: &Path) -> Option<Self> {
        let table = fs::read_to_string("/proc/net/unix").ok()?;
        let inode = table.lines().find_map(|line| {
            let fields: Vec<&str> = line.split_ascii_whitespace().collect();
            let [_, _, _, flags, _, _, inode, at] = fields[..] else {
                return None;
            };
            (flags == UNIX_LISTENS && Path::new(at) == path).then(|| inode.parse().ok())?
        })?;
        Self::of_inode(inode)
    }

    /// The other end of a connection.
    pub(super) fn of_peer(stream: &UnixStream) -> Option<Self> {
        let peer = socket_peercred(stream).ok()?;
        Self::of_pid(u32::try_from(peer.pid.as_raw_nonzero().get()).ok()?)
    }

    fn of_pid(pid: u32) -> Option<Self> {
        // 0: it is in another pid namespace.
        (pid != 0).then(|| Self {
            pid,
            name: comm(pid),
        })
    }

    fn of_inode(inode: u64) -> Option<Self> {
        let wanted = format!("socket:[{inode}]");
        let mut pids = fs::read_dir("/proc").ok()?.filter_map(|entry| {
            let name = entry.ok()?.file_name();
            name.to_str()?.parse::<u32>().ok()
        });
        let has_it = |pid: &u32| {
            fs::read_dir(format!("/proc/{pid}/fd")).is_ok_and(|descriptors| {
                descriptors
                    .filter_map(|one| fs::read_link(one.ok()?.path()).ok())
                    .any(|link| link.as_os_str() == wanted.as_str())
            })
        };
        Self::of_pid(pids.find(has_it)?)
    }
}

impl fmt::Display for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "process {}", self.pid)?;
        match &self.name {
            Some(name) => write!(f, " ({name})"),
            None => Ok(()),
        }
    }
}

/// ` by process N (NAME)`, or nothing where that is not known.
#[must_use]
pub fn by(who: Option<&Listener>) -> String {
    who.map(|who| format!(" by {who}")).unwrap_or_default()
}

/// `__SO_ACCEPTCON`, as `/proc/net/unix` has it.
const UNIX_LISTENS: &str = "00010000";

/// `TCP_LISTEN`, as `/proc/net/tcp` has it.
const TCP_LISTENS: &str = "0A";

/// The inode of a line of `/proc/net/tcp` or `tcp6` that listens where `address` cannot be
/// listened at as well.
fn listening(line: &str, address: SocketAddr) -> Option<u64> {
    let fields: Vec<&str> = line.split_ascii_whitespace().collect();
    let (&local, &state, inode) = (fields.get(1)?, fields.get(3)?, fields.get(9)?);
    let (ip, port) = local.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    if state != TCP_LISTENS || port != address.port() {
        return None;
    }
    let ip = ip_of(ip)?;
    let is_same = ip == address.ip() || ip.is_unspecified() || address.ip().is_unspecified();
    is_same.then(|| inode.parse().ok())?
}

/// An address as the kernel prints it: 32-bit words in this machine's order of bytes.
fn ip_of(hex: &str) -> Option<IpAddr> {
    let word = |at: usize| {
        let word = u32::from_str_radix(hex.get(8 * at..8 * at + 8)?, 16).ok()?;
        Some(word.to_ne_bytes())
    };
    match hex.len() {
        8 => Some(Ipv4Addr::from(word(0)?).into()),
        32 => {
            let mut bytes = [0; 16];
            for (at, four) in bytes.chunks_exact_mut(4).enumerate() {
                four.copy_from_slice(&word(at)?);
            }
            Some(Ipv6Addr::from(bytes).to_canonical())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::{
        net::{TcpListener, TcpStream},
        os::unix::net::UnixListener,
    };

    use super::*;

    #[test]
    fn who_listens_at_a_port_or_a_path_is_found_and_who_connects_there_is_not() {
        let us = std::process::id();
        for place in ["127.0.0.1:0", "[::1]:0"] {
            let Ok(listener) = TcpListener::bind(place) else {
                // A machine without IPv6.
                continue;
            };
            let address = listener.local_addr().expect("it has one");
            let client = TcpStream::connect(address).expect("it listens");
            let found = Listener::of_tcp(address).expect("we listen");
            assert_eq!(found.pid, us);
            assert!(found.name.is_some_and(|name| !name.is_empty()));
            let everywhere = SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), address.port());
            assert_eq!(Listener::of_tcp(everywhere).map(|one| one.pid), Some(us));
            drop(client);
            drop(listener);
            assert_eq!(Listener::of_tcp(address), None);
        }
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("a.sock");
        let listener = UnixListener::bind(&path).expect("it binds");
        let found = Listener::of_unix_path(&path).expect("we listen");
        assert_eq!(found.pid, us);
        drop(listener);
        assert_eq!(Listener::of_unix_path(&path), None);
    }

    #[test]
    fn addresses_are_read_as_the_kernel_prints_them() {
        let ne = |bytes: [u8; 4]| format!("{:08X}", u32::from_ne_bytes(bytes));
        let v4 = ne([127, 0, 0, 1]);
        assert_eq!(ip_of(&v4), Some(Ipv4Addr::LOCALHOST.into()));
        let zero = ne([0; 4]);
        let v6 = format!("{zero}{zero}{zero}{}", ne([0, 0, 0, 1]));
        assert_eq!(ip_of(&v6), Some(Ipv6Addr::LOCALHOST.into()));
        for wrong in ["", "0100007", "0100007G", "é1000000"] {
            assert_eq!(ip_of(wrong), None, "{wrong}");
        }
    }
}
