use std::{net::SocketAddr, path::PathBuf, time::Duration};

use clap::{Args, ValueEnum};
use hwptop_agent::serve::{OtlpEndpoint, OtlpEndpointError};
use serde::Deserialize;

use super::{
    ReplayArgs, SlowArgs, interval,
    record::{length, window},
};
use crate::target::Target;

const AFTER_HELP: &str = concat!(
    "\
Metrics:
  /metrics has them for Prometheus, /healthz says whether snapshots are taken: 200,
  or 503 and why not. Latencies are hwptop_stage_latency_seconds, a histogram by
  IOMMU, kind and stage:
    histogram_quantile(0.99, rate(hwptop_stage_latency_seconds_bucket[1m]))

  The protobuf format, for a Prometheus that asks for it, has native histograms
  beside the classic ones:
    histogram_quantile(0.99, rate(hwptop_stage_latency_seconds[1m]))

OTLP:
  --otlp pushes the same metrics to an OpenTelemetry collector, by HTTP without TLS,
  as hwptop.stage.latency and so on, and once more at the end. A collector that is not
  there is told once, and tried again each time.

Followers:
  hwptop top --target agent:PATH shows the snapshots of a running agent, for several
  at once, and waits for an agent that is restarted. The socket is for the agent's
  own user and root, and top believes no other user's agent than root's: follow
  another's as that user.

Recording:
  --record keeps every interval as hwptop record does, for hwptop replay; it grows
  until the agent ends. --hindsight keeps the last minutes only, at most 256 MiB.
  When the disk is full the agent goes on and says so once, in /healthz and in
  hwptop_agent_recording_active: a recording has ended then, with its last whole
  interval; hindsight goes on as soon as there is room again. Files are made with the
  rights that are left once everything is attached.

Rights:
  Once everything is attached, every capability is dropped; map descriptors are all
  that is kept. As a service:
    hwptop agent --print-unit > /etc/systemd/system/hwptop-agent.service

A recording:
  --target file:NAME.jsonl plays what hwptop record kept, at the pace of then or with
  --speed, to whoever listens, and ends with it.

It ends with 0 at a signal, or with its target.

",
    exit_codes!(),
    "

Examples:
  hwptop agent                                   default target, port and socket
  hwptop agent --target kernel --interval 5s     as root: this machine's IOMMUs
  hwptop agent --listen 0.0.0.0:9469 --socket none
  hwptop agent --otlp http://127.0.0.1:4318 --listen none
  hwptop agent --record /var/lib/hwptop/agent.jsonl --hindsight 5m --dump-on-latency 10ms
  hwptop agent --print-config > agent.toml; hwptop agent --config agent.toml
  curl -s http://127.0.0.1:9469/metrics"
);

#[derive(Args, Debug)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct AgentArgs {
    /// What to observe, as with top, or file:NAME.jsonl for a recording [default: as with
    /// top]
    #[arg(long, value_name = "T")]
    pub(crate) target: Option<Target>,
    /// Time between two snapshots, e.g. 500ms, 1s; 10ms to 1h [default: 1s]
    #[arg(long, value_name = "TIME", value_parser = interval)]
    pub(crate) interval: Option<Duration>,
    /// Where to serve /metrics and /healthz over HTTP, or none [default: 127.0.0.1:9469]
    #[arg(long, value_name = "ADDR", value_parser = listen)]
    pub(crate) listen: Option<Listen>,
    /// Where to serve snapshots to followers, or none [default: /run/hwptop/agent.sock as
    /// root, else $XDG_RUNTIME_DIR/hwptop/agent.sock where that is set]
    #[arg(long, value_name = "PATH", value_parser = socket)]
    pub(crate) socket: Option<Socket>,
    /// Push metrics by OTLP to a collector at http://HOST[:PORT][/PATH], or none; without
    /// PATH to /v1/metrics [default: none]
    #[arg(long, value_name = "URL", value_parser = otlp)]
    pub(crate) otlp: Option<Otlp>,
    /// Time between two pushes; 10ms to 1h [default: 10s, or --interval where that is longer]
    #[arg(long, value_name = "TIME", value_parser = interval)]
    pub(crate) otlp_interval: Option<Duration>,
    /// The histograms that are pushed: with explicit bounds, or exponential, which tell more
    /// and not every backend takes [default: explicit]
    #[arg(long, value_enum, value_name = "KIND")]
    pub(crate) otlp_histograms: Option<Histograms>,
    #[command(flatten)]
    pub(crate) slow: SlowArgs,
    /// Count what the process does on its CPUs as well, as with top
    #[arg(long)]
    pub(crate) perf: bool,
    /// Read options from this TOML file; those on the command line come before it
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Print a configuration file with every option and its default, and end
    #[arg(long, conflicts_with = "print_unit")]
    pub(crate) print_config: bool,
    /// Print a systemd unit that runs this program as a service, and end
    #[arg(long)]
    pub(crate) print_unit: bool,
    #[command(flatten)]
    pub(crate) keep: KeepArgs,
    #[command(flatten)]
    pub(crate) replay: ReplayArgs,
}

/// What is kept on disk.
#[derive(Args, Debug)]
#[command(next_help_heading = "Recording")]
pub(crate) struct KeepArgs {
    /// Record every interval in FILE, which is NAME.jsonl, with NAME.hlog beside it, as hwptop
    /// record does; where that is there already, in NAME.2.jsonl, NAME.3.jsonl …
    #[arg(long, value_name = "FILE")]
    pub(crate) record: Option<PathBuf>,
    /// Keep the last TIME only, in NAME.ring, and write it to NAME-1.jsonl, NAME-2.jsonl …
    /// when SIGUSR1 comes or a threshold is crossed; 1s to 24h
    #[arg(long, value_name = "TIME", value_parser = window)]
    pub(crate) hindsight: Option<Duration>,
    /// Dump when anything takes at least this long, e.g. 10ms
    #[arg(long, value_name = "TIME", value_parser = length)]
    pub(crate) dump_on_latency: Option<Duration>,
    /// Dump when at least N things fail within an interval
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) dump_on_errors: Option<u64>,
    /// Dumps at most, 1 to 1000; after one, thresholds wait until TIME has passed [default: 8]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) dumps: Option<u32>,
}

/// Where HTTP is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Listen {
    Nowhere,
    At(SocketAddr),
}

/// Where followers are served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Socket {
    Nowhere,
    At(PathBuf),
}

/// Where metrics are pushed to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Otlp {
    Nowhere,
    To(OtlpEndpoint),
}

/// OTLP's kinds of histograms.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Histograms {
    #[default]
    Explicit,
    Exponential,
}

pub(crate) fn listen(text: &str) -> Result<Listen, String> {
    if text == "none" {
        return Ok(Listen::Nowhere);
    }
    text.parse().map(Listen::At).map_err(|_| {
        format!("{text:?} is no address: IP:PORT, e.g. 127.0.0.1:9469 or [::1]:9469, or none")
    })
}

pub(crate) fn socket(text: &str) -> Result<Socket, String> {
    match text {
        "" => Err("a path or none".to_owned()),
        "none" => Ok(Socket::Nowhere),
        path => Ok(Socket::At(path.into())),
    }
}

pub(crate) fn otlp(text: &str) -> Result<Otlp, String> {
    if text == "none" {
        return Ok(Otlp::Nowhere);
    }
    let endpoint = text.parse().map(Otlp::To);
    endpoint.map_err(|error: OtlpEndpointError| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_are_pushed_to_a_url_without_tls_or_nowhere() {
        assert_eq!(otlp("none"), Ok(Otlp::Nowhere));
        assert!(matches!(otlp("http://[::1]:4318"), Ok(Otlp::To(_))));
        let refused = otlp("https://otlp.example.org").expect_err("TLS");
        assert!(refused.contains("does not speak TLS"), "{refused}");
    }

    #[test]
    fn a_place_to_listen_is_an_address_with_port_or_none() {
        assert_eq!(listen("none"), Ok(Listen::Nowhere));
        assert!(matches!(listen("127.0.0.1:0"), Ok(Listen::At(_))));
        assert!(matches!(listen("[::1]:80"), Ok(Listen::At(_))));
        for wrong in ["", "127.0.0.1", "localhost:9469", ":9469", "1.2.3.4:99999"] {
            assert!(listen(wrong).is_err(), "{wrong}");
        }
        assert_eq!(socket("none"), Ok(Socket::Nowhere));
        assert_eq!(socket("/run/a"), Ok(Socket::At("/run/a".into())));
        assert!(socket("").is_err());
    }
}
