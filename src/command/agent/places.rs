//! Where there is something to hear.

use std::{
    io,
    net::{SocketAddr, TcpListener},
    sync::Arc,
};

use anyhow::anyhow;
use hwptop_agent::serve::{
    HttpServer, Latest, Listener, OtlpPusher, SnapshotServer, SnapshotSocket, SocketError, by,
};

use super::config::Settings;
use crate::{
    cli::{Listen, Socket},
    failure::Failure,
    output::remark,
};

/// Places, bound before anything is attached: whether one is
/// free is known at once, and a low port may take a capability.
pub(super) struct Places {
    http: Option<TcpListener>,
    followers: Option<SnapshotSocket>,
}

/// What is served where.
pub(super) struct Service {
    http: Option<HttpServer>,
    pub(super) followers: Option<SnapshotServer>,
    socket: Option<String>,
    otlp: Option<Pushed>,
}

/// What is pushed where.
struct Pushed {
    pusher: OtlpPusher,
    to: String,
}

impl Places {
    pub(super) fn bind(settings: &Settings) -> Result<Self, Failure> {
        let http = match settings.listen {
            Listen::Nowhere => None,
            Listen::At(address) => {
                Some(TcpListener::bind(address).map_err(|error| no_port(address, &error))?)
            }
        };
        let followers = match &settings.socket {
            Socket::Nowhere => None,
            Socket::At(path) => Some(SnapshotSocket::bind(path).map_err(|error| match error {
                SocketError::Io { .. } => {
                    Failure::input(anyhow::Error::new(error).context("the agent's socket"))
                }
                _ => Failure::input(error),
            })?),
        };
        Ok(Self { http, followers })
    }

    pub(super) fn serve(self, settings: &Settings, latest: &Arc<Latest>) -> io::Result<Service> {
        let start_http = |listener| HttpServer::start(listener, Arc::clone(latest));
        let socket = self
            .followers
            .as_ref()
            .map(|socket| socket.path().display().to_string());
        let start_followers = |socket| SnapshotServer::start(socket, Arc::clone(latest));
        Ok(Service {
            http: self.http.map(start_http).transpose()?,
            followers: self.followers.map(start_followers).transpose()?,
            socket,
            otlp: Pushed::start(settings, latest)?,
        })
    }
}

impl Pushed {
    fn start(settings: &Settings, latest: &Arc<Latest>) -> io::Result<Option<Self>> {
        let Some(options) = &settings.otlp else {
            return Ok(None);
        };
        let tell = |line: &str| remark(&line);
        Ok(Some(Self {
            pusher: OtlpPusher::start(options, Arc::clone(latest), tell)?,
            to: format!("{} every {:?}", options.endpoint, options.interval),
        }))
    }
}

impl Service {
    /// Sends what is still to be sent.
    pub(super) fn finish(self) {
        if let Some(followers) = self.followers {
            followers.finish();
        }
        if let Some(Pushed { pusher, to }) = self.otlp
            && !pusher.finish()
        {
            remark(&format_args!(
                "OTLP to {to}: the last push was not taken in time"
            ));
        }
    }
}

/// Why a port cannot be listened at: who has it, or what it takes.
fn no_port(address: SocketAddr, error: &io::Error) -> Failure {
    let rest = match error.kind() {
        io::ErrorKind::AddrInUse => by(Listener::of_tcp(address).as_ref()),
        io::ErrorKind::PermissionDenied => {
            "; ports below net.ipv4.ip_unprivileged_port_start, 1024, need CAP_NET_BIND_SERVICE"
                .to_owned()
        }
        _ => String::new(),
    };
    Failure::input(anyhow!(
        "{address} cannot be listened on (--listen): {error}{rest}"
    ))
}

impl std::fmt::Display for Service {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.http {
            Some(http) => write!(f, "http://{}/metrics", http.address())?,
            None => f.write_str("no HTTP")?,
        }
        match &self.socket {
            Some(path) => write!(f, "; top --target agent:{path}"),
            None => f.write_str("; no socket"),
        }?;
        match &self.otlp {
            Some(pushed) => write!(f, "; OTLP to {}", pushed.to),
            None => Ok(()),
        }
    }
}
