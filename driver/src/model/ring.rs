use std::array;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering, fence};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use hwptop_abi::InstanceArg;

use super::hardware;
use super::patience::Patience;
use super::timing::TimingProfile;
use crate::counts::add;
use crate::{Command, Counters, HardwareQueue, HwptId, SubmitError, probes};

/// Descriptors in the ring: one page of 128-bit descriptors, as Linux allocates
/// it (`QI_LENGTH`).
const RING_ENTRIES: usize = 256;

/// One entry stays free, so that a full ring and an empty one differ in head and
/// tail, and each submission needs one for its sync.
const COMMANDS_MAX: usize = RING_ENTRIES - 2;

/// How long a submitter looks at silent hardware.
const TIMEOUT: Duration = Duration::from_secs(1);

/// A modelled hardware invalidation queue: a ring of 256 descriptors that any
/// thread submits to and one hardware thread executes in order.
///
/// Submission follows the kernel's `qi_submit_sync`: take the lock, write the
/// commands and a wait descriptor, publish the tail, release the lock, poll the
/// wait's status. While nothing is submitted the hardware thread sleeps. Dropping
/// the queue ends the thread.
#[derive(Debug)]
pub struct InvalidationRing {
    instance: InstanceArg,
    counters: Arc<Counters>,
    shared: Arc<Ring>,
    /// Serialises submitters; the position behind the last descriptor written.
    producer: Mutex<u64>,
    tickets: AtomicU64,
    timeout: Duration,
    hardware: Option<JoinHandle<()>>,
}

/// What submitters and hardware share.
///
/// Positions count descriptors since the beginning and never wrap (64 bits); a
/// position's slot is its remainder by the ring's size.
#[derive(Debug)]
pub(super) struct Ring {
    slots: [[AtomicU64; 2]; RING_ENTRIES],
    /// The status word of a wait descriptor in the same slot. The data written is
    /// the low half of the wait's position + 1: a submitter that looks late, when
    /// the slot already serves a later wait, sees a larger number and knows that
    /// its own is done.
    status: [AtomicU32; RING_ENTRIES],
    /// When the tail was published, for a wait in the same slot; nanoseconds
    /// since `epoch`.
    published_ns: [AtomicU64; RING_ENTRIES],
    /// Behind the last descriptor that hardware may fetch (`IQT_REG`).
    tail: AtomicU64,
    /// Behind the last descriptor that hardware executed (`IQH_REG`): what is
    /// before may be overwritten.
    head: AtomicU64,
    sleeping: AtomicBool,
    stop: AtomicBool,
    epoch: Instant,
}

impl Ring {
    fn new() -> Self {
        Self {
            slots: array::from_fn(|_| [const { AtomicU64::new(0) }; 2]),
            status: array::from_fn(|_| AtomicU32::new(0)),
            published_ns: array::from_fn(|_| AtomicU64::new(0)),
            tail: AtomicU64::new(0),
            head: AtomicU64::new(0),
            sleeping: AtomicBool::new(false),
            stop: AtomicBool::new(false),
            epoch: Instant::now(),
        }
    }

    /// Nanoseconds since the ring was made.
    pub(super) fn now_ns(&self) -> u64 {
        u64::try_from(self.epoch.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    pub(super) fn stopped(&self) -> bool {
        self.stop.load(Ordering::Acquire)
    }

    /// The position behind the last descriptor that may be fetched. Pairs with
    /// the release in [`Self::publish`].
    pub(super) fn tail(&self) -> u64 {
        self.tail.load(Ordering::Acquire)
    }

    pub(super) fn fetch(&self, position: u64) -> Command {
        let slot = &self.slots[slot(position)];
        Command::from_ring([
            slot[0].load(Ordering::Relaxed),
            slot[1].load(Ordering::Relaxed),
        ])
    }

    pub(super) fn published_ns(&self, position: u64) -> u64 {
        self.published_ns[slot(position)].load(Ordering::Relaxed)
    }

    /// Gives everything before `position` back to the submitters. Pairs with the
    /// acquire in [`InvalidationRing::reserve`].
    pub(super) fn retire(&self, position: u64) {
        self.head.store(position, Ordering::Release);
    }

    /// Executes the wait descriptor `wait`: the status write.
    pub(super) fn complete(&self, wait: Command) {
        let [lo, addr] = wait.words();
        let slot = usize::try_from(addr >> 2).unwrap_or(usize::MAX);
        if let Some(status) = self.status.get(slot) {
            status.store((lo >> 32) as u32, Ordering::Release);
        }
    }

    /// Sleeps until something is published, unless something already is.
    pub(super) fn sleep(&self, head: u64) {
        self.sleeping.store(true, Ordering::Relaxed);
        // Store before load, on both sides: either this thread sees the new tail
        // (or the stop), or the submitter sees that it must wake this thread.
        fence(Ordering::SeqCst);
        if self.tail() == head && !self.stopped() {
            thread::park();
        }
        self.sleeping.store(false, Ordering::Relaxed);
    }

    fn write(&self, position: u64, command: Command) {
        let [lo, hi] = command.words();
        let slot = &self.slots[slot(position)];
        slot[0].store(lo, Ordering::Relaxed);
        slot[1].store(hi, Ordering::Relaxed);
    }

    /// Writes the sync at `position` and returns the status that it will write.
    fn write_wait(&self, position: u64) -> u32 {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "compared as a serial number"
        )]
        let done = (position as u32).wrapping_add(1);
        let slot = slot(position);
        // Older than `done`, but not older than any wait that this slot served.
        self.status[slot].store(done.wrapping_sub(1), Ordering::Relaxed);
        self.published_ns[slot].store(self.now_ns(), Ordering::Relaxed);
        self.write(position, Command::wait((slot as u64) << 2, done));
        done
    }

    fn is_done(&self, position: u64, done: u32) -> bool {
        let status = self.status[slot(position)].load(Ordering::Acquire);
        // Serial number arithmetic: the distance is below 2^31, since a slot's
        // status is renewed by each wait that is put into it.
        status.wrapping_sub(done) < 1 << 31
    }

    fn publish(&self, tail: u64) {
        self.tail.store(tail, Ordering::Release);
    }

    /// Whether the hardware must be woken to see what was stored before.
    fn must_wake(&self) -> bool {
        fence(Ordering::SeqCst);
        self.sleeping.load(Ordering::Relaxed)
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "the remainder is below 256"
)]
const fn slot(position: u64) -> usize {
    (position % RING_ENTRIES as u64) as usize
}

impl InvalidationRing {
    /// Starts the hardware thread of `instance`. Submissions and commands are
    /// counted in `counters`.
    ///
    /// # Errors
    /// Where the system has no thread left.
    pub fn spawn(
        instance: InstanceArg,
        profile: TimingProfile,
        counters: Arc<Counters>,
    ) -> std::io::Result<Self> {
        let mut ring = Self::without_hardware(instance, counters, TIMEOUT);
        let shared = Arc::clone(&ring.shared);
        let name = format!("hwptop-dmar{}", instance.number());
        let hardware = thread::Builder::new()
            .name(name)
            .spawn(move || hardware::run(&shared, &profile))?;
        ring.hardware = Some(hardware);
        Ok(ring)
    }

    /// A ring that nobody executes.
    fn without_hardware(instance: InstanceArg, counters: Arc<Counters>, timeout: Duration) -> Self {
        Self {
            instance,
            counters,
            shared: Arc::new(Ring::new()),
            producer: Mutex::new(0),
            tickets: AtomicU64::new(0),
            timeout,
            hardware: None,
        }
    }

    fn lock(&self) -> MutexGuard<'_, u64> {
        // The position is written last, so that it is valid after a panic.
        self.producer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the lock with room for `needed` descriptors behind the tail.
    fn reserve(&self, needed: usize) -> Result<MutexGuard<'_, u64>, SubmitError> {
        let mut patience = Patience::new(self.timeout);
        loop {
            let tail = self.lock();
            let used = *tail - self.shared.head.load(Ordering::Acquire);
            if used + (needed as u64) < RING_ENTRIES as u64 {
                return Ok(tail);
            }
            drop(tail);
            patience.pause()?;
        }
    }

    fn submit(&self, commands: &[Command]) -> Result<(), SubmitError> {
        let mut tail = self.reserve(commands.len() + 1)?;
        let mut position = *tail;
        for &command in commands {
            self.shared.write(position, command);
            position += 1;
        }
        let done = self.shared.write_wait(position);
        *tail = position + 1;
        self.shared.publish(*tail);
        drop(tail);
        let mut patience = if self.wake() {
            // Its thread may have been put on this CPU.
            Patience::yielding(self.timeout)
        } else {
            Patience::new(self.timeout)
        };
        while !self.shared.is_done(position, done) {
            patience.pause()?;
        }
        Ok(())
    }

    /// Wakes the hardware thread if it sleeps, and says whether it did.
    fn wake(&self) -> bool {
        match &self.hardware {
            Some(hardware) if self.shared.must_wake() => {
                hardware.thread().unpark();
                true
            }
            _ => false,
        }
    }
}

impl HardwareQueue for InvalidationRing {
    /// # Errors
    /// [`SubmitError::TimedOut`] when the hardware is silent for a second, in which
    /// pauses of the submitter itself do not count. The commands stay in the ring
    /// and may still be executed.
    fn submit_sync(&self, hwpt: HwptId, commands: &[Command]) -> Result<(), SubmitError> {
        if commands.len() > COMMANDS_MAX {
            return Err(SubmitError::TooManyCommands {
                commands: commands.len(),
                max: COMMANDS_MAX,
            });
        }
        if let Some(index) = commands.iter().position(|command| command.is_sync()) {
            return Err(SubmitError::ForeignSync { index });
        }
        #[expect(clippy::cast_possible_truncation, reason = "at most COMMANDS_MAX")]
        let count = commands.len() as u32;
        let ticket = self.tickets.fetch_add(1, Ordering::Relaxed) + 1;
        probes::queue_submit(ticket, self.instance, hwpt, count);
        let result = self.submit(commands);
        let errno = result.err().map_or(0, |error| error.errno());
        add(&self.counters.submissions, 1);
        add(&self.counters.commands, commands.len() as u64);
        if result.is_err() {
            add(&self.counters.submission_errors, 1);
        }
        probes::queue_complete(ticket, self.instance, hwpt, count, errno);
        result
    }
}

impl Drop for InvalidationRing {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Release);
        self.wake();
        if let Some(hardware) = self.hardware.take() {
            // The thread has nothing to report, and a destructor must not panic.
            let _ = hardware.join();
        }
    }
}

#[cfg(test)]
mod tests;
