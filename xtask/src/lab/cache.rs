//! What is kept between runs, for all checkouts of a user: kernels, sources, busybox, firmware tables.

use anyhow::{Context as _, Result};
use std::env;
use std::fmt::Write as _;
use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use super::voice::Voice;
use crate::ebpf;

/// The lab's folder in the user's cache directory.
pub(super) struct Cache {
    root: PathBuf,
}

/// Held while something is made; ends with the process, however that ends.
pub(super) struct Lock {
    _file: File,
}

impl Cache {
    /// Opens or makes the folder: below $XDG_CACHE_HOME, else ~/.cache.
    ///
    /// # Errors
    /// Where neither variable is set or the folder cannot be made.
    pub(super) fn open() -> Result<Self> {
        let set = |name| env::var_os(name).filter(|value| !value.is_empty());
        let base = set("XDG_CACHE_HOME")
            .map(PathBuf::from)
            .or_else(|| set("HOME").map(|home| PathBuf::from(home).join(".cache")))
            .context("neither XDG_CACHE_HOME nor HOME is set: the lab keeps kernels there")?;
        Self::at(base.join("hwptop/lab"))
    }

    fn at(root: PathBuf) -> Result<Self> {
        fs::create_dir_all(&root).with_context(|| format!("cannot create {}", root.display()))?;
        Ok(Self { root })
    }

    /// A path in the folder.
    pub(super) fn path(&self, relative: &str) -> PathBuf {
        self.root.join(relative)
    }

    /// Waits until no other run makes anything.
    pub(super) fn lock(&self, voice: Voice) -> Result<Lock> {
        let path = self.path("lock");
        let file =
            File::create(&path).with_context(|| format!("cannot create {}", path.display()))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                voice.say("waiting for another run that builds or fetches");
                file.lock().context("cannot lock the cache")?;
            }
            Err(TryLockError::Error(error)) => return Err(error).context("cannot lock the cache"),
        }
        Ok(Lock { _file: file })
    }

    /// The folder `kind/key`, which `make` fills when it is not there: aside, and moved when it is whole.
    ///
    /// # Errors
    /// Those of `make`; then nothing is kept.
    pub(super) fn folder(
        &self,
        _lock: &Lock,
        kind: &str,
        key: &str,
        make: impl FnOnce(&Path) -> Result<()>,
    ) -> Result<PathBuf> {
        let kept = self.root.join(kind).join(key);
        if kept.is_dir() {
            return Ok(kept);
        }
        let aside = self.root.join("half-made");
        crate::apt::remove(&aside)?;
        fs::create_dir_all(&aside).with_context(|| format!("cannot create {}", aside.display()))?;
        make(&aside)?;
        fs::create_dir_all(self.root.join(kind)).context("cannot create a folder in the cache")?;
        fs::rename(&aside, &kept).with_context(|| format!("cannot create {}", kept.display()))?;
        Ok(kept)
    }
}

/// A name for what is made from `parts`: it differs when one of them does.
pub(super) fn key(parts: &[&str]) -> String {
    let mut text = String::new();
    for part in parts {
        // With its length, so that no two lists of parts make one text.
        let _ = write!(text, "{}:{part}", part.len());
    }
    ebpf::digest(text.as_bytes())[..16].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::bail;

    #[test]
    fn a_key_differs_when_any_part_does() {
        let all = [
            key(&["7.3.4", "CONFIG_A=y", "x86_64", "gcc 12"]),
            key(&["7.3.5", "CONFIG_A=y", "x86_64", "gcc 12"]),
            key(&["7.3.4", "CONFIG_A=n", "x86_64", "gcc 12"]),
            key(&["7.3.4", "CONFIG_A=y", "aarch64", "gcc 12"]),
            key(&["7.3.4", "CONFIG_A=y", "x86_64", "gcc 13"]),
            key(&["7.3.4CONFIG_A=y", "", "x86_64", "gcc 12"]),
        ];
        for (index, one) in all.iter().enumerate() {
            assert_eq!(one.len(), 16);
            assert!(!all[..index].contains(one), "key {index}");
        }
        assert_eq!(key(&["a", "b"]), key(&["a", "b"]));
    }

    #[test]
    fn what_is_half_made_is_never_used_and_made_again() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::at(folder.path().join("lab")).unwrap();
        let lock = cache.lock(Voice::Quiet).unwrap();
        let failed = cache.folder(&lock, "kernel", "k", |aside| {
            fs::write(aside.join("image"), "half")?;
            bail!("interrupted")
        });
        assert!(failed.is_err());
        assert!(!cache.path("kernel/k").exists());

        let made = cache.folder(&lock, "kernel", "k", |aside| {
            assert!(!aside.join("image").exists());
            Ok(fs::write(aside.join("image"), "whole")?)
        });
        assert_eq!(
            fs::read_to_string(made.unwrap().join("image")).unwrap(),
            "whole"
        );

        let again = cache.folder(&lock, "kernel", "k", |_| bail!("it is there"));
        assert_eq!(again.unwrap(), cache.path("kernel/k"));
    }

    #[test]
    fn two_runs_do_not_build_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::at(folder.path().join("lab")).unwrap();
        let held = cache.lock(Voice::Quiet).unwrap();
        let other = File::create(cache.path("lock")).unwrap();
        assert!(matches!(other.try_lock(), Err(TryLockError::WouldBlock)));
        drop(held);
        assert!(other.try_lock().is_ok());
    }
}
