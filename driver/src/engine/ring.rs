use vm_memory::{Bytes, GuestAddress};

/// The largest command: a 256-bit VT-d descriptor.
const COMMAND_MAX: usize = 32;

/// Commands that are read from guest memory at a time.
const WINDOW: u32 = 64;

/// A queue in guest memory that the guest writes and the front end reads: where it
/// is and how far it was read. Positions count commands.
#[derive(Clone, Debug)]
pub(crate) struct GuestRing {
    base: u64,
    /// Commands in it.
    entries: u32,
    /// Positions count up to here and wrap: `entries`, or twice as many where a wrap
    /// flag tells a full queue from an empty one.
    positions: u32,
    /// Bytes of a command, at most [`COMMAND_MAX`].
    width: u32,
    pub(crate) head: u32,
    /// Behind the last command to be read in this run.
    end: u32,
    window: Window,
}

/// A copy of commands that were read ahead, so that guest memory is looked up once
/// for many of them.
#[derive(Clone, Debug)]
struct Window {
    bytes: [u8; WINDOW as usize * COMMAND_MAX],
    /// Position of the first.
    first: u32,
    count: u32,
}

/// A command does not lie in guest memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NotInMemory;

impl GuestRing {
    /// A queue of `entries` commands of `width` bytes (16 or 32) from `base`, read
    /// from its beginning.
    pub(crate) const fn new(base: u64, entries: u32, width: u32) -> Self {
        Self {
            base,
            entries,
            positions: entries,
            width,
            head: 0,
            end: 0,
            window: Window {
                bytes: [0; WINDOW as usize * COMMAND_MAX],
                first: 0,
                count: 0,
            },
        }
    }

    /// A queue as [`Self::new`] makes it, whose positions have a wrap flag above the
    /// index. `entries` is a power of two.
    pub(crate) const fn mirrored(base: u64, entries: u32, width: u32) -> Self {
        let mut ring = Self::new(base, entries, width);
        ring.positions = 2 * entries;
        ring
    }

    /// Where in the queue the command at `position` is.
    pub(crate) const fn slot(&self, position: u32) -> u32 {
        if position < self.entries {
            position
        } else {
            position - self.entries
        }
    }

    pub(crate) const fn slot_of_head(&self) -> u32 {
        self.slot(self.head)
    }

    pub(crate) const fn entries(&self) -> u32 {
        self.entries
    }

    pub(crate) const fn width(&self) -> u32 {
        self.width
    }

    /// Begins a run up to `end`. What was read ahead before is forgotten: the guest
    /// may have written there since.
    pub(crate) const fn begin(&mut self, end: u32) {
        self.end = end;
        self.window.count = 0;
    }

    pub(crate) const fn is_at_end(&self) -> bool {
        self.head == self.end
    }

    pub(crate) const fn advance(&mut self) {
        self.head = self.next(self.head);
    }

    const fn next(&self, position: u32) -> u32 {
        if position + 1 == self.positions {
            0
        } else {
            position + 1
        }
    }

    /// How many commands before the head the one at `index` is.
    pub(crate) const fn distance_back(&self, index: u32) -> u32 {
        if index <= self.head {
            self.head - index
        } else {
            self.head + self.positions - index
        }
    }

    /// The command at the head, the words that it does not have 0.
    #[inline]
    pub(crate) fn fetch<M: Bytes<GuestAddress>>(
        &mut self,
        memory: &M,
    ) -> Result<[u64; 4], NotInMemory> {
        let mut ahead = self.head.wrapping_sub(self.window.first);
        if ahead >= self.window.count {
            self.read_ahead(memory)?;
            ahead = 0;
        }
        let words = self.window.bytes.as_chunks().0;
        let word = |at: usize| u64::from_le_bytes(words[at]);
        let ahead = ahead as usize;
        Ok(if self.width == 32 {
            let at = ahead * 4;
            [word(at), word(at + 1), word(at + 2), word(at + 3)]
        } else {
            [word(ahead * 2), word(ahead * 2 + 1), 0, 0]
        })
    }

    /// Reads from the head up to the end of the run, of the queue or of the window,
    /// or one command only where not all of that lies in guest memory.
    fn read_ahead<M: Bytes<GuestAddress>>(&mut self, memory: &M) -> Result<(), NotInMemory> {
        self.window.count = 0;
        let slot = self.slot_of_head();
        let to_wrap = self.entries - slot;
        let to_end = if self.end > self.head {
            self.end - self.head
        } else {
            to_wrap
        };
        let wanted = to_end.min(to_wrap).min(WINDOW);
        for count in [wanted, 1] {
            let len = (count * self.width) as usize;
            let addr = self
                .base
                .checked_add(u64::from(slot) * u64::from(self.width));
            let addr = addr.ok_or(NotInMemory)?;
            let into = &mut self.window.bytes[..len];
            if memory.read_slice(into, GuestAddress(addr)).is_ok() {
                self.window.first = self.head;
                self.window.count = count;
                return Ok(());
            }
        }
        Err(NotInMemory)
    }
}
