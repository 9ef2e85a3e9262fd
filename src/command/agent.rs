//! The long-running collector.

use std::{
    io::{self, Write as _},
    net::TcpListener,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::Context as _;
use hwptop_agent::{
    Kept, drop_privileges, full_message,
    serve::{HttpServer, Latest, OtlpPusher, SnapshotServer, SnapshotSocket, SocketError},
};

use super::{
    feed::Feed,
    signals::stop_flag,
    top::{start, wait},
};
use crate::{
    cli::{AgentArgs, Listen, Socket},
    failure::Failure,
    output::remark,
    target::Target,
};
use config::Settings;
use played::Played;

mod config;
mod played;

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
    let Source {
        mut feed,
        target,
        interval,
    } = Source::of(&settings)?;
    if let Some(line) = feed.remark() {
        remark(&line);
    }
    // A second time, to know what was kept: it was done before the first thread was started.
    let kept = drop_privileges().map_err(Failure::cannot)?;
    let latest = Arc::new(Latest::new(interval));
    let service = places.serve(&settings, &latest)?;
    remark(&format_args!(
        "agent: {target} every {interval:?}; {service}; {}",
        match kept {
            Kept::Nothing => "no capability is held any more",
            Kept::CapBpf =>
                "CAP_BPF is the only capability still held: this kernel is older than 5.19 and \
                 lets no one else read maps",
        }
    ));
    let collected = collect(feed.as_mut(), &latest, &service, &stop);
    if feed.has_ended() {
        remark(&format_args!("agent: {target} has ended"));
    }
    feed.stop();
    service.finish();
    if let Some(line) = feed.farewell() {
        remark(&line);
    }
    collected
}

/// What snapshots come from.
struct Source {
    feed: Box<dyn Feed>,
    /// As the user would write it.
    target: String,
    interval: Duration,
}

impl Source {
    fn of(settings: &Settings) -> Result<Self, Failure> {
        if let Some(target @ Target::File { path }) = &settings.target {
            let played = Played::open(path, settings.recordings_pace())?;
            return Ok(Self {
                interval: played.interval(),
                feed: Box::new(played),
                target: target.to_string(),
            });
        }
        let live = start(&settings.to_measure())?;
        Ok(Self {
            target: live.target().to_owned(),
            feed: Box::new(live),
            interval: settings.interval,
        })
    }
}

/// Takes snapshots until it is told to stop or the target ends.
///
/// # Errors
/// Where a recording has something wrong in it: nothing comes after that.
fn collect(
    feed: &mut dyn Feed,
    latest: &Latest,
    service: &Service,
    stop: &AtomicBool,
) -> Result<(), Failure> {
    let mut due = Instant::now() + latest.interval();
    let mut has_failed = false;
    loop {
        let at = feed.due().unwrap_or(due);
        wait(at.saturating_duration_since(Instant::now()), || {
            stop.load(Ordering::Relaxed) || feed.has_ended()
        });
        // Asked before the snapshot is taken: the last one holds everything until the signal.
        let stopping = stop.load(Ordering::Relaxed);
        if stopping && feed.is_file() {
            return Ok(());
        }
        match feed.next_snapshot() {
            Ok(Some(snapshot)) => {
                let snapshot = Arc::new(snapshot);
                // Before the metrics, which are never behind what a follower has seen.
                if let Some(followers) = &service.followers {
                    followers.publish(&snapshot);
                }
                latest.publish(snapshot);
                has_failed = false;
            }
            Ok(None) => return Ok(()),
            Err(error) if feed.is_file() => return Err(Failure::input(anyhow::anyhow!(error))),
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
            return Ok(());
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
    otlp: Option<Pushed>,
}

/// What is pushed where.
struct Pushed {
    pusher: OtlpPusher,
    to: String,
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

    fn serve(self, settings: &Settings, latest: &Arc<Latest>) -> io::Result<Service> {
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
    fn finish(self) {
        if let Some(Pushed { pusher, to }) = self.otlp
            && !pusher.finish()
        {
            remark(&format_args!(
                "OTLP to {to}: the last push was not taken in time"
            ));
        }
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
        }?;
        match &self.otlp {
            Some(pushed) => write!(f, "; OTLP to {}", pushed.to),
            None => Ok(()),
        }
    }
}
