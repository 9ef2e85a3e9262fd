//! What the agent keeps on disk, by a thread of its own: the collector waits for no disk.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread,
    time::Duration,
};

use anyhow::anyhow;
use hwptop_agent::{full_message, serve::Latest, snapshot::Snapshot};

use crate::{command::record::Kept, failure::Failure, output::remark};

use super::config::Settings;

/// Snapshots that wait for a slow disk; what comes while they do is missed, and counted.
const QUEUE: usize = 16;
/// How long the disk may take for what is left at the end.
const PATIENCE: Duration = Duration::from_secs(10);
/// Recordings of one name, from earlier runs.
const RUNS_MOST: u32 = 1000;

/// A thread that keeps snapshots.
pub(super) struct Keeping {
    queue: SyncSender<Arc<Snapshot>>,
    done: Receiver<()>,
    latest: Arc<Latest>,
    name: PathBuf,
    is_late: bool,
}

impl Keeping {
    /// Begins what `settings` asks for, if they do.
    pub(super) fn start(
        settings: &Settings,
        latest: &Arc<Latest>,
    ) -> Result<Option<Self>, Failure> {
        let Some(name) = &settings.record else {
            return Ok(None);
        };
        let name = free_name(name);
        let kept = Kept::new(&settings.hindsight, name.clone()).map_err(Failure::input)?;
        let (queue, snapshots) = sync_channel(QUEUE);
        let (finished, done) = sync_channel(1);
        let keeper = Keeper {
            kept,
            latest: Arc::clone(latest),
            has_ended: false,
        };
        latest.kept_on_disk(|kept| kept.path = name.display().to_string());
        thread::Builder::new()
            .name("recording".to_owned())
            .spawn(move || {
                keeper.run(&snapshots);
                // Nobody may wait any more.
                let _ = finished.send(());
            })?;
        Ok(Some(Self {
            queue,
            done,
            latest: Arc::clone(latest),
            name,
            is_late: false,
        }))
    }

    /// Where it is kept.
    pub(super) fn name(&self) -> &Path {
        &self.name
    }

    /// Hands a snapshot over, without waiting.
    pub(super) fn keep(&mut self, snapshot: &Arc<Snapshot>) {
        let was_late = self.is_late;
        self.is_late = self.queue.try_send(Arc::clone(snapshot)).is_err();
        if self.is_late {
            self.latest.kept_on_disk(|kept| kept.missed += 1);
            if !was_late {
                remark(&format_args!(
                    "{}: the disk is too slow, intervals are left out",
                    self.name.display()
                ));
            }
        }
    }

    /// Waits until everything is on disk, for a bounded time.
    pub(super) fn finish(self) {
        let Self {
            queue, done, name, ..
        } = self;
        drop(queue);
        if done.recv_timeout(PATIENCE).is_err() {
            remark(&format_args!(
                "{}: not everything is written: the disk took more than {PATIENCE:?}",
                name.display()
            ));
        }
    }
}

/// What the thread has.
struct Keeper {
    kept: Kept,
    latest: Arc<Latest>,
    /// A recording takes nothing behind what could not be written.
    has_ended: bool,
}

impl Keeper {
    fn run(mut self, snapshots: &Receiver<Arc<Snapshot>>) {
        let mut last = None;
        let mut failing = false;
        while let Ok(snapshot) = snapshots.recv() {
            let written = self.write(&snapshot);
            let goes_on = written.is_ok();
            match written {
                Ok(()) => {
                    if failing {
                        remark(&"the recording goes on");
                    }
                    last = Some(snapshot);
                }
                // Said once; /healthz and the counter have the rest.
                Err(error) if !failing => remark(&error),
                Err(_) => {}
            }
            failing = !goes_on;
        }
        match self.kept.finish(last.as_deref()) {
            Ok(said) => remark(&said),
            Err(error) => remark(&full_message(error.as_ref())),
        }
    }

    fn write(&mut self, snapshot: &Snapshot) -> Result<(), String> {
        let written = if self.has_ended {
            Err(anyhow!("it has ended"))
        } else {
            self.kept.write(snapshot)
        };
        let goes_on = self.kept.goes_on();
        let (has_ended, dumps) = (self.has_ended, self.kept.dumps());
        let what = if goes_on {
            "it is tried again with each interval"
        } else {
            "the recording has ended, the agent goes on"
        };
        let written = written.map_err(|error| format!("{}; {what}", full_message(error.as_ref())));
        self.has_ended = written.is_err() && !goes_on;
        self.latest.kept_on_disk(|kept| {
            kept.dumps = u64::from(dumps);
            match &written {
                Ok(()) => {
                    kept.intervals += 1;
                    kept.failure = None;
                }
                Err(why) => {
                    kept.missed += 1;
                    if !has_ended {
                        kept.failure = Some(why.clone());
                    }
                }
            }
        });
        written
    }
}

/// `NAME.jsonl`, or what an earlier run has not taken of `NAME.2.jsonl`, `NAME.3.jsonl` …: an
/// agent that was killed and is started again must not fail for what it left.
fn free_name(name: &Path) -> PathBuf {
    let is_free = |name: &PathBuf| {
        let others = ["hlog", "ring"].map(|extension| name.with_extension(extension));
        !name.exists() && !others.iter().any(|other| other.exists())
    };
    let stem = name.file_stem().unwrap_or_default().to_string_lossy();
    let numbered = |n: u32| name.with_file_name(format!("{stem}.{n}.jsonl"));
    let later = (2..=RUNS_MOST).map(numbered);
    let mut names = [name.to_owned()].into_iter().chain(later);
    // Where none is, creating it says so.
    names.find(is_free).unwrap_or_else(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn what_an_earlier_run_left_is_not_in_the_way() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        assert_eq!(free_name(&at("a.jsonl")), at("a.jsonl"));
        fs::write(at("a.hlog"), "").expect("it is written");
        assert_eq!(free_name(&at("a.jsonl")), at("a.2.jsonl"));
        fs::create_dir(at("a.2.ring")).expect("it is made");
        assert_eq!(free_name(&at("a.jsonl")), at("a.3.jsonl"));
    }
}
