use super::primitives::{AtomicBool, Ordering, fence};

/// How the hardware thread sleeps while there is nothing to do, and is woken and
/// stopped.
#[derive(Debug)]
pub(crate) struct Doze {
    sleeping: AtomicBool,
    stop: AtomicBool,
}

impl Doze {
    pub(crate) fn new() -> Self {
        Self {
            sleeping: AtomicBool::new(false),
            stop: AtomicBool::new(false),
        }
    }

    /// Parks until something is published, unless something already is. May return
    /// early, as `park` does.
    pub(crate) fn sleep(&self, has_work: impl FnOnce() -> bool, park: impl FnOnce()) {
        self.sleeping.store(true, Ordering::Relaxed);
        // Store before load, on both sides: either this thread sees the new tail
        // (or the stop), or the submitter sees that it must wake this thread.
        fence(Ordering::SeqCst);
        if !has_work() && !self.stopped() {
            park();
        }
        self.sleeping.store(false, Ordering::Relaxed);
    }

    /// Whether the hardware thread must be woken to see what was stored before.
    pub(crate) fn must_wake(&self) -> bool {
        fence(Ordering::SeqCst);
        self.sleeping.load(Ordering::Relaxed)
    }

    /// Asks the hardware thread to end. It must be woken to notice.
    pub(crate) fn stop(&self) {
        self.stop.store(true, Ordering::Release);
    }

    pub(crate) fn stopped(&self) -> bool {
        self.stop.load(Ordering::Acquire)
    }
}
