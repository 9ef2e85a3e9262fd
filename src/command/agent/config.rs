//! The agent's options, from the command line, a file and defaults, in this order.

use std::{
    fs::File,
    io::Read as _,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context as _, anyhow};
use hwptop_agent::{SlowThreshold, export::OtlpHistograms, serve::OtlpOptions};
use hwptop_bench::fleet::Pace;
use hwptop_driver::Policy;
use serde::{Deserialize, Deserializer, de::Error as _};

use crate::{
    cli::{
        AgentArgs, Histograms, KernelMethod, Listen, MeasureArgs, Otlp, ReplayArgs, SlowArgs,
        Socket, interval, listen, otlp, policy, socket, speed, threshold,
    },
    failure::Failure,
    target::Target,
};

/// A configuration file with every option.
pub(super) const TEMPLATE: &str = include_str!("agent.toml");

const INTERVAL: Duration = Duration::from_secs(1);
/// The shortest time between two pushes that is not asked for.
const OTLP_INTERVAL: Duration = Duration::from_secs(10);
const LISTEN: &str = "127.0.0.1:9469";
/// The longest file that is read.
const MOST_BYTES: u64 = 1 << 20;

/// What the agent does.
#[derive(Debug)]
pub(super) struct Settings {
    pub(super) interval: Duration,
    pub(super) listen: Listen,
    pub(super) socket: Socket,
    pub(super) otlp: Option<OtlpOptions>,
    pub(super) target: Option<Target>,
    slow: SlowArgs,
    perf: bool,
    replay: ReplayArgs,
}

impl Settings {
    /// All of them are known before anything is started.
    pub(super) fn of(args: AgentArgs) -> Result<Self, Failure> {
        let file = match &args.config {
            Some(path) => ConfigFile::read(path).map_err(Failure::Input)?,
            None => ConfigFile::default(),
        };
        let asked_for = args.interval.map(|_| "--interval");
        let asked_for = asked_for.or(args.slow.first_given());
        let settings = Self::resolve(args, file).map_err(Failure::Input)?;
        if let Some(Target::File { .. }) = settings.target {
            settings.check_recording(asked_for)?;
        }
        if let Some(Target::Agent { .. }) = settings.target {
            return Err(Failure::input(anyhow!(
                "an agent measures; what another agent measured is shown by \
                 `hwptop top --target agent:PATH`"
            )));
        }
        let nowhere = (Listen::Nowhere, &Socket::Nowhere, &None);
        if (settings.listen, &settings.socket, &settings.otlp) == nowhere {
            return Err(Failure::input(anyhow!(
                "neither --listen nor --socket nor --otlp: nobody could hear anything"
            )));
        }
        Ok(settings)
    }

    fn resolve(args: AgentArgs, file: ConfigFile) -> anyhow::Result<Self> {
        let default_listen = || listen(LISTEN).map_err(anyhow::Error::msg);
        let interval = args.interval.or(file.interval).unwrap_or(INTERVAL);
        let otlp_interval = args.otlp_interval.or(file.otlp_interval);
        Ok(Self {
            interval,
            listen: match args.listen.or(file.listen) {
                Some(listen) => listen,
                None => default_listen()?,
            },
            socket: args.socket.or(file.socket).unwrap_or_else(default_socket),
            otlp: match args.otlp.or(file.otlp) {
                Some(Otlp::To(endpoint)) => Some(OtlpOptions {
                    endpoint,
                    interval: otlp_interval.unwrap_or(OTLP_INTERVAL.max(interval)),
                    histograms: match args.otlp_histograms.or(file.otlp_histograms) {
                        Some(Histograms::Exponential) => OtlpHistograms::Exponential,
                        Some(Histograms::Explicit) | None => OtlpHistograms::Explicit,
                    },
                }),
                Some(Otlp::Nowhere) | None => None,
            },
            target: args.target.or(file.target),
            slow: SlowArgs {
                slow: args.slow.slow.or(file.slow),
                slow_rate: args.slow.slow_rate.or(file.slow_rate),
                slow_stacks: args.slow.slow_stacks || file.slow_stacks.unwrap_or_default(),
            },
            perf: args.perf || file.perf.unwrap_or(false),
            replay: ReplayArgs {
                capture: if args.replay.capture.is_empty() {
                    file.capture
                } else {
                    args.replay.capture
                },
                policy: args.replay.policy.or(file.policy),
                passes: args.replay.passes.or(file.passes),
                speed: args.replay.speed.or(file.speed),
            },
        })
    }

    /// Whether what else is said goes with a recording; `asked_for` is on the command line.
    fn check_recording(&self, asked_for: Option<&str>) -> Result<(), Failure> {
        let ReplayArgs {
            capture,
            policy,
            passes,
            speed: _,
        } = self.replay.clone();
        let driven = ReplayArgs {
            capture,
            policy,
            passes,
            speed: None,
        };
        match asked_for.or(driven.first_given()) {
            Some(option) => Err(Failure::input(anyhow!(
                "{option}: a recording is played as it was made; --speed is its pace"
            ))),
            None => Ok(()),
        }
    }

    /// How fast a recording is played.
    pub(super) fn recordings_pace(&self) -> Pace {
        self.replay.speed.unwrap_or(Pace::Captured(1.0))
    }

    /// What is to be measured, and how.
    pub(super) fn to_measure(&self) -> MeasureArgs {
        MeasureArgs {
            target: self.target.clone(),
            interval: self.interval,
            slow: self.slow,
            perf: self.perf,
            kernel_probes_at_best: KernelMethod::default(),
            drops_privileges: true,
            replay: self.replay.clone(),
        }
    }
}

/// Where the socket is if nobody says: a directory that is this user's own.
fn default_socket() -> Socket {
    let directory = if rustix::process::geteuid().is_root() {
        Some(PathBuf::from("/run"))
    } else {
        std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from)
    };
    directory.map_or(Socket::Nowhere, |directory| {
        Socket::At(directory.join("hwptop/agent.sock"))
    })
}

/// What a configuration file says, in the words of the command line.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct ConfigFile {
    #[serde(deserialize_with = "target_text")]
    target: Option<Target>,
    #[serde(deserialize_with = "interval_text")]
    interval: Option<Duration>,
    #[serde(deserialize_with = "listen_text")]
    listen: Option<Listen>,
    #[serde(deserialize_with = "socket_text")]
    socket: Option<Socket>,
    #[serde(deserialize_with = "otlp_text")]
    otlp: Option<Otlp>,
    #[serde(rename = "otlp-interval", deserialize_with = "interval_text")]
    otlp_interval: Option<Duration>,
    #[serde(rename = "otlp-histograms")]
    otlp_histograms: Option<Histograms>,
    #[serde(deserialize_with = "threshold_text")]
    slow: Option<SlowThreshold>,
    #[serde(rename = "slow-rate", deserialize_with = "slow_rate")]
    slow_rate: Option<u32>,
    #[serde(rename = "slow-stacks")]
    slow_stacks: Option<bool>,
    perf: Option<bool>,
    capture: Vec<PathBuf>,
    #[serde(deserialize_with = "policy_text")]
    policy: Option<Policy>,
    #[serde(deserialize_with = "passes")]
    passes: Option<u64>,
    #[serde(deserialize_with = "speed_text")]
    speed: Option<Pace>,
}

impl ConfigFile {
    fn read(path: &Path) -> anyhow::Result<Self> {
        let mut text = String::new();
        File::open(path)
            .and_then(|file| file.take(MOST_BYTES + 1).read_to_string(&mut text))
            .with_context(|| path.display().to_string())?;
        if text.len() as u64 > MOST_BYTES {
            return Err(anyhow!(
                "{}: larger than {MOST_BYTES} bytes",
                path.display()
            ));
        }
        Self::parse(&text).map_err(|(line, what)| anyhow!("{}:{line}: {what}", path.display()))
    }

    /// What `text` says, or the line where it goes wrong and how.
    fn parse(text: &str) -> Result<Self, (usize, String)> {
        toml::from_str(text).map_err(|error| {
            let at = error.span().map_or(0, |span| span.start.min(text.len()));
            let line = 1 + text.bytes().take(at).filter(|&byte| byte == b'\n').count();
            // The parser's words can have several lines.
            (line, error.message().replace('\n', ", "))
        })
    }
}

/// A value in the words of the command line.
fn words<'de, D: Deserializer<'de>, T>(
    deserializer: D,
    read: impl FnOnce(&str) -> Result<T, String>,
) -> Result<Option<T>, D::Error> {
    let text = String::deserialize(deserializer)?;
    read(&text).map(Some).map_err(D::Error::custom)
}

fn target_text<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Target>, D::Error> {
    words(from, str::parse)
}

fn interval_text<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Duration>, D::Error> {
    words(from, interval)
}

fn listen_text<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Listen>, D::Error> {
    words(from, listen)
}

fn socket_text<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Socket>, D::Error> {
    words(from, socket)
}

fn otlp_text<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Otlp>, D::Error> {
    words(from, otlp)
}

fn threshold_text<'de, D: Deserializer<'de>>(from: D) -> Result<Option<SlowThreshold>, D::Error> {
    words(from, threshold)
}

fn slow_rate<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u32>, D::Error> {
    match u32::deserialize(from)? {
        0 => Err(D::Error::custom("slow-rate = 0: at least one")),
        rate => Ok(Some(rate)),
    }
}

fn policy_text<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Policy>, D::Error> {
    words(from, policy)
}

fn speed_text<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Pace>, D::Error> {
    words(from, speed)
}

fn passes<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u64>, D::Error> {
    match u64::deserialize(from)? {
        0 => Err(D::Error::custom("passes = 0: at least one")),
        passes => Ok(Some(passes)),
    }
}

#[cfg(test)]
mod tests;
