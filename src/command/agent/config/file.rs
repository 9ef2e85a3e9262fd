//! The configuration file.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use hwptop_agent::SlowThreshold;
use hwptop_bench::fleet::Pace;
use hwptop_driver::Policy;
use serde::{Deserialize, Deserializer, de::Error as _};

use crate::{
    cli::{
        Histograms, Listen, Otlp, Socket, interval, length, listen, otlp, policy, socket, speed,
        threshold, window,
    },
    target::Target,
    toml_file,
};

/// What a configuration file says, in the words of the command line.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct ConfigFile {
    #[serde(deserialize_with = "target_text")]
    pub(super) target: Option<Target>,
    #[serde(deserialize_with = "interval_text")]
    pub(super) interval: Option<Duration>,
    #[serde(deserialize_with = "listen_text")]
    pub(super) listen: Option<Listen>,
    #[serde(deserialize_with = "socket_text")]
    pub(super) socket: Option<Socket>,
    #[serde(deserialize_with = "otlp_text")]
    pub(super) otlp: Option<Otlp>,
    #[serde(deserialize_with = "interval_text")]
    pub(super) otlp_interval: Option<Duration>,
    pub(super) otlp_histograms: Option<Histograms>,
    #[serde(deserialize_with = "threshold_text")]
    pub(super) slow: Option<SlowThreshold>,
    #[serde(deserialize_with = "from_one")]
    pub(super) slow_rate: Option<u32>,
    pub(super) slow_stacks: Option<bool>,
    pub(super) perf: Option<bool>,
    pub(super) record: Option<PathBuf>,
    #[serde(deserialize_with = "window_text")]
    pub(super) hindsight: Option<Duration>,
    #[serde(deserialize_with = "length_text")]
    pub(super) dump_on_latency: Option<Duration>,
    #[serde(deserialize_with = "from_one")]
    pub(super) dump_on_errors: Option<u64>,
    #[serde(deserialize_with = "dumps")]
    pub(super) dumps: Option<u32>,
    pub(super) capture: Vec<PathBuf>,
    #[serde(deserialize_with = "policy_text")]
    pub(super) policy: Option<Policy>,
    #[serde(deserialize_with = "from_one")]
    pub(super) passes: Option<u64>,
    #[serde(deserialize_with = "speed_text")]
    pub(super) speed: Option<Pace>,
}

impl ConfigFile {
    pub(super) fn read(path: &Path) -> anyhow::Result<Self> {
        toml_file::read(path)
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

fn policy_text<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Policy>, D::Error> {
    words(from, policy)
}

fn speed_text<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Pace>, D::Error> {
    words(from, speed)
}

fn window_text<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Duration>, D::Error> {
    words(from, window)
}

fn length_text<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Duration>, D::Error> {
    words(from, length)
}

fn from_one<'de, D: Deserializer<'de>, N>(from: D) -> Result<Option<N>, D::Error>
where
    N: Deserialize<'de> + Default + PartialEq,
{
    let number = N::deserialize(from)?;
    if number == N::default() {
        return Err(D::Error::custom("0: at least one is expected"));
    }
    Ok(Some(number))
}

fn dumps<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u32>, D::Error> {
    match u32::deserialize(from)? {
        number @ 1..=1000 => Ok(Some(number)),
        number => Err(D::Error::custom(format!("{number}: 1 to 1000 is expected"))),
    }
}
