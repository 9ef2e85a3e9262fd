//! Pushes what was measured to an OpenTelemetry collector, from a thread of its own.
//!
//! Only the newest snapshot is pushed: its counts are cumulative, so one that is missed is in
//! the next. A push that fails is therefore not kept, and nothing grows while there is nobody.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    },
    thread,
    time::{Duration, Instant},
};

use super::latest::{Latest, Pushes};
use crate::{
    export::{OtlpAnswer, OtlpHistograms, otlp_request},
    snapshot::Snapshot,
};
use post::{Failed, Poster};

pub use endpoint::{OtlpEndpoint, OtlpEndpointError};

mod endpoint;
mod post;

/// How long one push may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long the end is waited for: a push that is under way, and the last.
const END_PATIENCE: Duration = Duration::from_secs(8);
/// The longest time that a collector can ask to be left alone.
const LONGEST_PAUSE: Duration = Duration::from_mins(10);

/// What is pushed where, and how often.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OtlpOptions {
    /// The collector.
    pub endpoint: OtlpEndpoint,
    /// The time between two pushes.
    pub interval: Duration,
    /// The kind of histograms.
    pub histograms: OtlpHistograms,
}

/// Pushes [`Latest`] each interval, until [`OtlpPusher::finish`].
#[derive(Debug)]
pub struct OtlpPusher {
    end: Sender<()>,
    done: Receiver<()>,
}

impl OtlpPusher {
    /// Starts to push; what the user should know, once each, goes to `tell`.
    ///
    /// # Errors
    /// Where the system gives no thread.
    pub fn start(
        options: &OtlpOptions,
        latest: Arc<Latest>,
        tell: impl Fn(&str) + Send + 'static,
    ) -> io::Result<Self> {
        let (end, until) = channel();
        let (finished, done) = channel();
        latest.otlp.get_or_init(Pushes::default);
        let mut pusher = Pusher {
            poster: Poster::new(&options.endpoint, PATIENCE),
            host: host_name(),
            histograms: options.histograms,
            latest,
            pushed: None,
            state: State::Unknown,
            not_before: Instant::now(),
            is_last: false,
            tell: Box::new(tell),
        };
        let interval = options.interval;
        thread::Builder::new()
            .name("otlp".to_owned())
            .spawn(move || {
                pusher.run(interval, &until);
                // Nobody may be waiting any more.
                let _ = finished.send(());
            })?;
        Ok(Self { end, done })
    }

    /// Pushes the last snapshot and ends. Answers whether that was over in time: a collector
    /// that hangs is not waited for longer than some seconds.
    #[must_use]
    pub fn finish(self) -> bool {
        // A thread that is gone has nothing left to do.
        let _ = self.end.send(());
        !matches!(
            self.done.recv_timeout(END_PATIENCE),
            Err(RecvTimeoutError::Timeout)
        )
    }
}

fn host_name() -> String {
    rustix::system::uname()
        .nodename()
        .to_string_lossy()
        .into_owned()
}

/// What was told last, so that it is not told again.
#[derive(Debug, PartialEq, Eq)]
enum State {
    Unknown,
    Failing,
    Taken,
    /// Taken but for some points.
    InPart,
}

struct Pusher {
    poster: Poster,
    host: String,
    histograms: OtlpHistograms,
    latest: Arc<Latest>,
    /// The last one that was taken.
    pushed: Option<Arc<Snapshot>>,
    state: State,
    /// The collector asked for a pause until then.
    not_before: Instant,
    /// There is no push after this one.
    is_last: bool,
    tell: Box<dyn Fn(&str) + Send>,
}

impl Pusher {
    fn run(&mut self, interval: Duration, until: &Receiver<()>) {
        let mut due = Instant::now() + interval;
        loop {
            let wait = due.saturating_duration_since(Instant::now());
            if !matches!(until.recv_timeout(wait), Err(RecvTimeoutError::Timeout)) {
                // Tried even where a pause was asked for: there is no later.
                self.is_last = true;
                return self.push();
            }
            self.push();
            // What was missed while a collector was slow is not made up for.
            due = (due + interval).max(Instant::now()).max(self.not_before);
        }
    }

    /// Pushes the newest snapshot, unless it was taken already.
    fn push(&mut self) {
        let Some(snapshot) = self.latest.snapshot() else {
            return;
        };
        let is_old = |old| Arc::ptr_eq(old, &snapshot);
        if self.pushed.as_ref().is_some_and(is_old) {
            return;
        }
        let request = self
            .latest
            .scrape(|scrape| otlp_request(scrape, &self.host, self.histograms));
        match self.poster.post(&request) {
            Ok(answer) => {
                self.pushed = Some(snapshot);
                self.taken(&answer);
            }
            Err(failed) => self.failed(&failed),
        }
    }

    fn taken(&mut self, answer: &OtlpAnswer) {
        self.count(|pushes| &pushes.pushed, 1);
        self.count(|pushes| &pushes.rejected_points, answer.rejected);
        if answer.rejected > 0 {
            let OtlpAnswer { rejected, message } = answer;
            self.enter(
                State::InPart,
                &format!(
                    "takes metrics but for {rejected} data points: {}; \
                     hwptop_agent_otlp_rejected_points_total counts them",
                    post::readable(message)
                ),
            );
        } else if self.state == State::Unknown {
            self.state = State::Taken;
        } else {
            self.enter(State::Taken, "takes metrics again");
        }
    }

    fn failed(&mut self, failed: &Failed) {
        self.count(|pushes| &pushes.failed, 1);
        if let Some(pause) = failed.pause {
            self.not_before = Instant::now() + pause.min(LONGEST_PAUSE);
        }
        let why = &failed.why;
        if self.is_last {
            self.tell(&format!("the last push failed: {why}"));
        } else {
            let what =
                format!("{why}; it is tried again, and hwptop_agent_otlp_failed_total counts");
            self.enter(State::Failing, &what);
        }
    }

    /// Tells `what` where it is new.
    fn enter(&mut self, state: State, what: &str) {
        if self.state != state {
            self.state = state;
            self.tell(what);
        }
    }

    fn tell(&self, what: &str) {
        (self.tell)(&format!("OTLP: {}: {what}", self.poster.url()));
    }

    fn count(&self, counter: fn(&Pushes) -> &AtomicU64, more: u64) {
        if let Some(pushes) = self.latest.otlp.get() {
            counter(pushes).fetch_add(more, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests;
