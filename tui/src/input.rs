use std::{
    io,
    sync::{
        Arc, Weak,
        mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    },
    thread,
    time::Duration,
};

use ratatui::crossterm::event::{self, Event};

/// How often the reader looks whether it is still needed.
const LOOK: Duration = Duration::from_millis(200);

/// Where keys and changes of size come from.
pub(crate) trait Input {
    /// The next event, if one comes within `timeout`.
    fn next(&mut self, timeout: Duration) -> io::Result<Option<Event>>;
}

/// The terminal's events, read on a thread of their own: on a terminal that
/// has been hung up, crossterm 0.29 reads end-of-file in a loop that never
/// returns. The caller still sees its stop flag then.
pub(crate) struct TerminalInput {
    events: Receiver<io::Result<Event>>,
    /// The reader goes on while this exists.
    _wanted: Arc<()>,
}

impl TerminalInput {
    /// Starts to read. The reader ends soon after this value is dropped.
    pub(crate) fn start() -> io::Result<Self> {
        let (sender, events) = channel();
        let wanted = Arc::new(());
        let reader_wanted = Arc::downgrade(&wanted);
        thread::Builder::new()
            .name("hwptop-keys".to_owned())
            .spawn(move || read(&reader_wanted, &sender))?;
        Ok(Self {
            events,
            _wanted: wanted,
        })
    }
}

fn read(wanted: &Weak<()>, sender: &Sender<io::Result<Event>>) {
    while wanted.strong_count() > 0 {
        let event = match event::poll(LOOK) {
            Ok(false) => continue,
            Ok(true) => event::read(),
            Err(error) => Err(error),
        };
        let failed = event.is_err();
        if sender.send(event).is_err() || failed {
            return;
        }
    }
}

impl Input for TerminalInput {
    fn next(&mut self, timeout: Duration) -> io::Result<Option<Event>> {
        match self.events.recv_timeout(timeout) {
            Ok(event) => event.map(Some),
            Err(RecvTimeoutError::Timeout) => Ok(None),
            Err(RecvTimeoutError::Disconnected) => {
                Err(io::Error::other("no keys can be read any more"))
            }
        }
    }
}
