//! A thread for each client, of a bounded number.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

/// Between two tries where no connection can be accepted: there are no descriptors left.
const RETRY: Duration = Duration::from_millis(100);

/// Who is served.
pub(super) struct Clients<'a> {
    /// What their threads are called.
    pub(super) name: &'a str,
    /// How many at a time; further ones are closed at once.
    pub(super) most: usize,
    /// Counts those who are not served.
    pub(super) refused: &'a AtomicU64,
}

impl Clients<'_> {
    /// Takes the streams of `accept` for ever, and serves those that are `allowed`.
    pub(super) fn serve<S: Send + 'static>(
        &self,
        accept: impl Fn() -> io::Result<S>,
        allowed: impl Fn(&S) -> bool,
        serve: impl Fn(S) + Clone + Send + 'static,
    ) -> ! {
        let taken = Arc::new(AtomicUsize::new(0));
        loop {
            let Ok(stream) = accept() else {
                thread::sleep(RETRY);
                continue;
            };
            let place = allowed(&stream)
                .then(|| Place::take(&taken, self.most))
                .flatten();
            let started = place.and_then(|place| {
                let serve = serve.clone();
                let thread = thread::Builder::new().name(self.name.to_owned());
                let served = thread.spawn(move || {
                    serve(stream);
                    drop(place);
                });
                served.ok()
            });
            if started.is_none() {
                self.refused.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}

/// One client's place; given back when dropped.
struct Place(Arc<AtomicUsize>);

impl Place {
    fn take(taken: &Arc<AtomicUsize>, most: usize) -> Option<Self> {
        let one_more = |taken| (taken < most).then_some(taken + 1);
        taken
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more)
            .ok()?;
        Some(Self(Arc::clone(taken)))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
