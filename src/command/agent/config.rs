//! The agent's options, from the command line, a file and defaults, in this order.

use std::{path::PathBuf, time::Duration};

use anyhow::anyhow;
use hwptop_agent::{export::OtlpHistograms, serve::OtlpOptions};

use crate::{
    cli::{
        AgentArgs, HindsightArgs, Histograms, KernelMethod, Listen, MeasureArgs, Otlp, ReplayArgs,
        SlowArgs, Socket, listen,
    },
    failure::Failure,
    target::Target,
};

mod file;

use file::ConfigFile;

/// A configuration file with every option.
pub(super) const TEMPLATE: &str = include_str!("agent.toml");

const INTERVAL: Duration = Duration::from_secs(1);
/// The shortest time between two pushes that is not asked for.
const OTLP_INTERVAL: Duration = Duration::from_secs(10);
const LISTEN: &str = "127.0.0.1:9469";

/// What the agent does.
#[derive(Debug)]
pub(super) struct Settings {
    pub(super) interval: Duration,
    pub(super) listen: Listen,
    pub(super) socket: Socket,
    pub(super) otlp: Option<OtlpOptions>,
    /// Where intervals are recorded, if they are.
    pub(super) record: Option<PathBuf>,
    pub(super) hindsight: HindsightArgs,
    pub(super) target: Option<Target>,
    slow: SlowArgs,
    perf: bool,
    pub(super) replay: ReplayArgs,
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
            settings.check_played(asked_for).map_err(Failure::Input)?;
        }
        if let Some(Target::Agent { .. }) = settings.target {
            return Err(Failure::input(anyhow!(
                "an agent measures; what another agent measured is shown by \
                 `hwptop top --target agent:PATH`"
            )));
        }
        settings.check_kept().map_err(Failure::Input)?;
        let nowhere = (Listen::Nowhere, &Socket::Nowhere, &None, &None);
        if (
            settings.listen,
            &settings.socket,
            &settings.otlp,
            &settings.record,
        ) == nowhere
        {
            return Err(Failure::input(anyhow!(
                "neither --listen nor --socket nor --otlp nor --record: nobody could hear anything"
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
            record: args.keep.record.or(file.record),
            hindsight: HindsightArgs {
                keep: args.keep.hindsight.or(file.hindsight),
                dump_on_latency: args.keep.dump_on_latency.or(file.dump_on_latency),
                dump_on_errors: args.keep.dump_on_errors.or(file.dump_on_errors),
                dumps: args.keep.dumps.or(file.dumps),
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
    fn check_played(&self, asked_for: Option<&str>) -> anyhow::Result<()> {
        if self.record.is_some() || self.hindsight.keep.is_some() {
            let option = self.record.as_ref().map_or("hindsight", |_| "record");
            return Err(anyhow!(
                "--{option} ({option}): what is played is a recording already; copy the file"
            ));
        }
        let driven = ReplayArgs {
            speed: None,
            ..self.replay.clone()
        };
        let perf = self.perf.then_some("--perf");
        match asked_for.or(perf).or(driven.first_given()) {
            Some(option) => Err(anyhow!(
                "{option}: a recording is played as it was made; --speed is its pace"
            )),
            None => Ok(()),
        }
    }

    /// Whether what is to be kept has a place, and each trigger something to dump.
    fn check_kept(&self) -> anyhow::Result<()> {
        let HindsightArgs {
            keep,
            dump_on_latency,
            dump_on_errors,
            dumps,
        } = &self.hindsight;
        if keep.is_some() && self.record.is_none() {
            return Err(anyhow!(
                "--hindsight (hindsight) needs --record (record): where to keep it"
            ));
        }
        for (option, is_given) in [
            ("dump-on-latency", dump_on_latency.is_some()),
            ("dump-on-errors", dump_on_errors.is_some()),
            ("dumps", dumps.is_some()),
        ] {
            if is_given && keep.is_none() {
                return Err(anyhow!(
                    "--{option} ({option}) needs --hindsight (hindsight): how much to dump"
                ));
            }
        }
        Ok(())
    }

    /// What is to be measured, and how.
    pub(super) fn to_measure(&self) -> MeasureArgs {
        MeasureArgs {
            target: self.target.clone(),
            interval: Some(self.interval),
            slow: self.slow,
            perf: self.perf,
            kernel_probes_at_best: KernelMethod::default(),
            forget_after: None,
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

#[cfg(test)]
mod tests;
