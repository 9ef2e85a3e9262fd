//! The long-running collector.

use std::{
    io::{self, Write as _},
    net::TcpListener,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Instant,
};

use anyhow::Context as _;
use hwptop_agent::{
    Kept, drop_privileges, full_message,
    serve::{HttpServer, Latest, SnapshotServer, SnapshotSocket, SocketError},
};

use super::{
    feed::Feed as _,
    live::Live,
    signals::stop_flag,
    top::{start, wait},
};
use crate::{
    cli::{AgentArgs, Listen, Socket},
    failure::Failure,
    output::remark,
};
use config::Settings;

mod config;

/// A systemd unit, with `@HWPTOP@` for this program.
const UNIT: &str = include_str!("agent/hwptop-agent.service");

pub(crate) fn agent(args: AgentArgs) -> Result<(), Failure> {
    if args.print_config {
        return Ok(io::stdout().write_all(config::TEMPLATE.as_bytes())?);
    }
    if args.print_unit {
        let program = std::env::current_exe()?;
        let unit = UNIT.replace("@HWPTOP@", &program.to_string_lossy());
        return Ok(io::stdout().write_all(unit.as_bytes())?);
    }
    let settings = Settings::of(args)?;
    // Before the socket is there: a signal must not leave it behind.
    let stop = stop_flag()?;
    let places = Places::bind(&settings)?;
    let mut live = start(&settings.to_measure())?;
    let target = live.target().to_owned();
    if let Some(line) = live.remark() {
        remark(&line);
    }
    // A second time, to know what was kept: it was done before the first thread was started.
    let kept = drop_privileges().map_err(Failure::cannot)?;
    let latest = Arc::new(Latest::new(settings.interval));
    let service = places.serve(&latest)?;
    remark(&format_args!(
        "agent: {target} every {:?}; {service}; {}",
        settings.interval,
        match kept {
            Kept::Nothing => "no capability is held any more",
            Kept::CapBpf =>
                "CAP_BPF is the only capability still held: this kernel is older than 5.19 and \
                 lets no one else read maps",
        }
    ));
    collect(&mut live, &latest, &service, &stop);
    if live.has_ended() {
        remark(&format_args!("agent: {target} has ended"));
    }
    live.stop();
    Ok(())
}

/// Takes snapshots until it is told to stop or the target ends.
fn collect(live: &mut Live, latest: &Latest, service: &Service, stop: &AtomicBool) {
    let mut due = Instant::now() + latest.interval();
    let mut has_failed = false;
    loop {
        wait(due.saturating_duration_since(Instant::now()), || {
            stop.load(Ordering::Relaxed) || live.has_ended()
        });
        // Asked before the snapshot is taken: the last one holds everything until the signal.
        let stopping = stop.load(Ordering::Relaxed);
        match live.next_snapshot() {
            Ok(Some(snapshot)) => {
                let snapshot = Arc::new(snapshot);
                // Before the metrics, which are never behind what a follower has seen.
                if let Some(followers) = &service.followers {
                    followers.publish(&snapshot);
                }
                latest.publish(snapshot);
                has_failed = false;
            }
            Ok(None) => return,
            Err(error) => {
                let why = full_message(error.as_ref());
                // Said once; /healthz and the counter have the rest.
                if !has_failed {
                    remark(&why);
                }
                latest.fail(why);
                has_failed = true;
            }
        }
        if stopping {
            return;
        }
        // An interval that was missed, because the machine slept say, is not made up for.
        due = (due + latest.interval()).max(Instant::now());
    }
}

/// Where there is something to hear, bound before anything is attached: whether a place is
/// free is known at once, and a low port may take a capability.
struct Places {
    http: Option<TcpListener>,
    followers: Option<SnapshotSocket>,
}

/// What is served where.
struct Service {
    http: Option<HttpServer>,
    followers: Option<SnapshotServer>,
    socket: Option<String>,
}

impl Places {
    fn bind(settings: &Settings) -> Result<Self, Failure> {
        let http = match settings.listen {
            Listen::Nowhere => None,
            Listen::At(address) => Some(
                TcpListener::bind(address)
                    .with_context(|| format!("{address} cannot be listened on (--listen)"))
                    .map_err(Failure::input)?,
            ),
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

    fn serve(self, latest: &Arc<Latest>) -> io::Result<Service> {
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
        })
    }
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
        }
    }
}
