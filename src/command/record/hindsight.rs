//! `hwptop record --hindsight`: the last minutes, kept when something happens.

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use anyhow::Context as _;
use hwptop_abi::Stage;
use hwptop_agent::{Hindsight, snapshot::Snapshot};
use signal_hook::{consts::SIGUSR1, flag};

use crate::{cli::HindsightArgs, output::remark};

/// A ring that is dumped on a trigger.
pub(in crate::command) struct Ring {
    hindsight: Hindsight,
    keep: Duration,
    /// The first dump is NAME-1.jsonl.
    name: PathBuf,
    latency: Option<Duration>,
    errors: Option<u64>,
    asked: Arc<AtomicBool>,
    most: u32,
    written: u32,
    /// Until then thresholds dump nothing more: it would be the same again.
    silent_until: Duration,
}

impl Ring {
    pub(super) fn new(keep: Duration, args: &HindsightArgs, name: PathBuf) -> anyhow::Result<Self> {
        let asked = Arc::new(AtomicBool::new(false));
        flag::register(SIGUSR1, Arc::clone(&asked)).context("SIGUSR1 cannot be handled")?;
        Ok(Self {
            hindsight: Hindsight::create(&name.with_extension("ring"), keep)?,
            keep,
            name,
            latency: args.dump_on_latency,
            errors: args.dump_on_errors,
            asked,
            most: args.dumps(),
            written: 0,
            silent_until: Duration::ZERO,
        })
    }

    pub(super) fn write(&mut self, snapshot: &Snapshot) -> anyhow::Result<()> {
        self.hindsight.write(snapshot)?;
        let asked = self.asked.swap(false, Ordering::Relaxed);
        let asked = asked.then(|| "SIGUSR1".to_owned());
        let crossed = || self.crossed(snapshot);
        if let Some(why) = asked.or_else(crossed) {
            self.silent_until = snapshot.since_start + self.keep;
            self.dump(&why);
        }
        Ok(())
    }

    /// Which threshold the interval is beyond.
    fn crossed(&self, snapshot: &Snapshot) -> Option<String> {
        if snapshot.since_start < self.silent_until {
            return None;
        }
        let instances = || snapshot.instances.iter();
        let slowest = instances().flat_map(|one| {
            Stage::ALL.into_iter().filter_map(|stage| {
                let longest = one.interval.stage(stage).latency_ns_max()?;
                Some((Duration::from_nanos(longest), stage, &one.name))
            })
        });
        if let (Some(limit), Some((longest, stage, name))) =
            (self.latency, slowest.max_by_key(|(longest, ..)| *longest))
            && longest >= limit
        {
            return Some(format!("a {} of {name} took {longest:?}", stage.name()));
        }
        let errors = instances().map(|one| one.interval.errors()).sum::<u64>();
        let burst = self.errors.is_some_and(|limit| errors >= limit);
        burst.then(|| format!("{errors} errors in an interval"))
    }

    /// A dump that fails is told, and the ring goes on: it may be looked at itself.
    fn dump(&mut self, why: &str) {
        if self.written == self.most {
            remark(&format!(
                "{why}: not kept, --dumps {} are written",
                self.written
            ));
            return;
        }
        let path = self.free_name();
        match self.hindsight.dump(&path) {
            Ok(dump) => {
                self.written += 1;
                remark(&format!(
                    "{why}: the {} intervals until then are in {}",
                    dump.intervals(),
                    path.display()
                ));
            }
            Err(error) => remark(&format!("{why}: {error}")),
        }
    }

    /// One that no earlier dump has.
    fn free_name(&self) -> PathBuf {
        let stem = self.name.file_stem().unwrap_or_default().to_string_lossy();
        let names = (1_u32..).map(|n| self.name.with_file_name(format!("{stem}-{n}.jsonl")));
        let mut free = names.filter(|path| !path.exists() && !path.with_extension("hlog").exists());
        free.next().unwrap_or_else(|| self.name.clone())
    }

    /// Dumps that were written.
    pub(super) const fn dumps(&self) -> u32 {
        self.written
    }

    pub(super) fn progress(&self, snapshot: &Snapshot) -> String {
        format!(
            "{:?} kept, {} dumped; kill -USR1 {} dumps it",
            self.keep.min(snapshot.since_start),
            self.written,
            std::process::id()
        )
    }

    /// Removes the ring; says what is left of it all.
    pub(super) fn finish(self) -> anyhow::Result<String> {
        let folder = self.name.with_extension("ring");
        self.hindsight
            .remove()
            .with_context(|| format!("{}: cannot be removed", folder.display()))?;
        Ok(match self.written {
            0 => "nothing was dumped, nothing is kept".to_owned(),
            1 => "1 dump is kept".to_owned(),
            dumps => format!("{dumps} dumps are kept"),
        })
    }
}
