//! The host's own unmaps, where an IOMMU offers a guest no tables of its own: each goes
//! through the hardware queue.

use std::{
    io,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Instant,
};

use hwptop_agent::full_message;
use hwptop_driver::iommufd::{Attachment, Context, Error, Ioas, VfioDevice};
use vm_memory::MmapRegion;

/// Bytes of a page.
const PAGE: usize = 4096;
/// The most pages that are mapped at a time.
pub const PAGES_MAX: usize = 1024;
/// Where they are mapped.
const IOVA: u64 = 1 << 30;
/// Pages that [`UnmapLoad`] maps and unmaps one by one.
const LOAD_PAGES: usize = 16;

/// Why memory cannot be mapped for a device.
#[derive(Debug, thiserror::Error)]
pub enum UnmapsError {
    /// The kernel refused.
    #[error(transparent)]
    Iommufd(#[from] Error),
    /// No memory, or no thread.
    #[error("{what}: {source}")]
    System {
        /// What was asked for.
        what: &'static str,
        /// The reason.
        source: io::Error,
    },
}

/// Memory that is mapped into an IOAS and unmapped again; a device is attached to it.
#[derive(Debug)]
pub struct Unmaps {
    ioas: Ioas,
    memory: MmapRegion,
    _attachment: Attachment,
    _device: VfioDevice,
}

impl Unmaps {
    /// Attaches the device to an IOAS of its own.
    ///
    /// # Errors
    /// [`UnmapsError`].
    pub fn new(context: &Context, device: VfioDevice) -> Result<Self, UnmapsError> {
        let memory = MmapRegion::new(PAGES_MAX * PAGE).map_err(|error| UnmapsError::System {
            what: "mapping memory",
            source: io::Error::other(error),
        })?;
        let ioas = context.ioas()?;
        let attachment = device.attach(ioas.object())?;
        Ok(Self {
            ioas,
            memory,
            _attachment: attachment,
            _device: device,
        })
    }

    /// The IOAS.
    #[must_use]
    pub const fn ioas(&self) -> &Ioas {
        &self.ioas
    }

    /// Maps the first `pages` pages, at most [`PAGES_MAX`].
    ///
    /// # Errors
    /// As the kernel answers.
    pub fn map(&self, pages: usize) -> Result<(), Error> {
        self.ioas.map(IOVA, &self.memory, 0, pages * PAGE)
    }

    /// Unmaps `pages` pages from number `first` on in one call. Of pages that were mapped
    /// together all must be unmapped together.
    ///
    /// # Errors
    /// As the kernel answers.
    pub fn unmap(&self, first: usize, pages: usize) -> Result<u64, Error> {
        let iova = IOVA + (first * PAGE) as u64;
        self.ioas.unmap(iova, (pages * PAGE) as u64)
    }

    /// Maps `page` alone.
    fn map_one(&self, page: usize) -> Result<(), Error> {
        let offset = page * PAGE;
        self.ioas
            .map(IOVA + offset as u64, &self.memory, offset, PAGE)
    }
}

/// A thread that maps 16 pages and unmaps them one by one, again and again. Dropping it
/// stops it.
#[derive(Debug)]
pub struct UnmapLoad {
    stop: Arc<AtomicBool>,
    ending: Arc<OnceLock<(Instant, Option<Error>)>>,
    thread: Option<JoinHandle<()>>,
}

impl UnmapLoad {
    /// Starts it: `passes` times, or until it is stopped.
    ///
    /// # Errors
    /// [`UnmapsError::System`] where there is no thread to be had.
    pub fn start(unmaps: Unmaps, passes: Option<u64>) -> Result<Self, UnmapsError> {
        let stop = Arc::new(AtomicBool::new(false));
        let ending = Arc::new(OnceLock::new());
        let (stopped, ended) = (Arc::clone(&stop), Arc::clone(&ending));
        let thread = thread::Builder::new()
            .name("unmaps".to_owned())
            .spawn(move || {
                let failure = run(&unmaps, passes, &stopped).err();
                // It is set here only, and once.
                let _ = ended.set((Instant::now(), failure));
            })
            .map_err(|source| UnmapsError::System {
                what: "starting a thread; raise the limit of threads",
                source,
            })?;
        Ok(Self {
            stop,
            ending,
            thread: Some(thread),
        })
    }

    /// When it came to its end; `None` while it runs.
    #[must_use]
    pub fn ended_at(&self) -> Option<Instant> {
        self.ending.get().map(|(at, _)| *at)
    }

    /// Why it could not go on, if so.
    #[must_use]
    pub fn failure(&self) -> Option<String> {
        let (_, failure) = self.ending.get()?;
        failure.as_ref().map(|error| full_message(error))
    }

    /// Stops it at the next page and waits for that.
    pub fn stop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // What it could not do is in `failure`; a panic has printed itself.
            let _ = thread.join();
        }
    }
}

impl Drop for UnmapLoad {
    fn drop(&mut self) {
        self.stop();
    }
}

fn run(unmaps: &Unmaps, passes: Option<u64>, stop: &AtomicBool) -> Result<(), Error> {
    let mut pass = 0;
    while passes.is_none_or(|passes| pass < passes) {
        for page in 0..LOAD_PAGES {
            unmaps.map_one(page)?;
        }
        for page in 0..LOAD_PAGES {
            unmaps.unmap(page, 1)?;
        }
        if stop.load(Ordering::Relaxed) {
            return Ok(());
        }
        // The host's other users of the IOMMU get their turn where there is one CPU.
        thread::yield_now();
        pass += 1;
    }
    Ok(())
}
