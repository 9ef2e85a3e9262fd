use crate::STAGES;

/// What user space tells the programs, also while they run.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// Events at least this long are kept one by one, in nanoseconds, by [`crate::Stage`].
    pub slow_ns: [u64; STAGES as usize],
    /// How many of them go to the ring buffer in a window of [`SLOW_WINDOW_NS`] on one CPU.
    pub slow_rate: u64,
}

impl Config {
    /// Nothing is kept.
    pub const NOTHING: Self = Self {
        slow_ns: [u64::MAX; STAGES as usize],
        slow_rate: 0,
    };
}

/// The window of [`Config::slow_rate`]; it begins with the first event after the last one.
pub const SLOW_WINDOW_NS: u64 = 1_000_000_000;

/// What one CPU knows of the events beyond the threshold: those in the ring buffer are
/// `seen` − `dropped`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SlowCell {
    /// Events beyond the threshold.
    pub seen: u64,
    /// Those that were more than [`Config::slow_rate`], or found the ring buffer full.
    pub dropped: u64,
    /// When the window began, as [`SlowRecord::end_ns`].
    pub window_ns: u64,
    /// Events that were let through in it.
    pub let_through: u64,
}

/// The length of a ring buffer of [`SlowRecord`]s, in bytes.
pub const SLOW_RING_BYTES: u32 = 256 * 1024;

/// The most records that it holds at a time: the kernel puts 8 bytes before each.
pub const SLOW_RECORDS_MAX: usize = SLOW_RING_BYTES as usize / (8 + size_of::<SlowRecord>());

/// Stands where nobody read a number.
pub const NOT_KNOWN: u32 = u32::MAX;

/// Stands where nothing took the time.
pub const NOT_TIMED: u64 = u64::MAX;

/// Return addresses of a kernel stack that are kept, innermost first; the rest is cut.
pub const STACK_FRAMES: usize = 32;

/// One event that was at least as long as its stage's [`Config::slow_ns`], or a request that
/// failed.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SlowRecord {
    /// When it ended: `CLOCK_MONOTONIC`, in nanoseconds; 0 where it is not known.
    pub end_ns: u64,
    /// How long it took, in nanoseconds.
    pub latency_ns: u64,
    /// How long the driver op of a request took, in nanoseconds, or [`NOT_TIMED`].
    pub op_ns: u64,
    /// How long the `submissions` took together, in nanoseconds.
    pub submissions_ns: u64,
    /// [`crate::InstanceArg`], raw.
    pub instance: u32,
    /// [`crate::Stage`] as a number.
    pub stage: u32,
    /// HWPT id; 0 where a submission is for no HWPT.
    pub hwpt: u32,
    /// Entries or commands.
    pub items: u32,
    /// Thread id, as the kernel's initial pid namespace numbers it; 0 where it is not
    /// known.
    pub tid: u32,
    /// 0, or the errno that ended it.
    pub errno: u32,
    /// Process id, as `tid`; 0 where it is not known.
    pub tgid: u32,
    /// Entries that a request asked for, of which `items` were handled, or [`NOT_KNOWN`].
    pub asked: u32,
    /// Submissions made within a request, or [`NOT_KNOWN`].
    pub submissions: u32,
    /// Commands in those.
    pub commands: u32,
    /// The CPU that it ended on, or [`NOT_KNOWN`].
    pub cpu: u32,
    /// Bytes of the kernel stack behind the record; 0 where there is none.
    pub stack_bytes: u32,
}

/// What goes to the ring buffer where stacks are asked for. What is behind
/// [`SlowRecord::stack_bytes`] has no meaning.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct SlowWithStack {
    /// The event.
    pub record: SlowRecord,
    /// Return addresses, innermost first.
    pub frames: [u64; STACK_FRAMES],
}

impl SlowRecord {
    /// An event of which nothing is known.
    pub const UNKNOWN: Self = Self {
        end_ns: 0,
        latency_ns: 0,
        op_ns: NOT_TIMED,
        submissions_ns: 0,
        instance: 0,
        stage: 0,
        hwpt: 0,
        items: 0,
        tid: 0,
        errno: 0,
        tgid: 0,
        asked: NOT_KNOWN,
        submissions: NOT_KNOWN,
        commands: 0,
        cpu: NOT_KNOWN,
        stack_bytes: 0,
    };

    /// Decodes what a program put into the ring buffer, in the machine's own byte order, and
    /// the return addresses behind it, innermost first. `None` where it is neither a record
    /// nor a [`SlowWithStack`].
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<(Self, impl Iterator<Item = u64> + use<'_>)> {
        let has_stack = bytes.len() == size_of::<SlowWithStack>();
        if !has_stack && bytes.len() != size_of::<Self>() {
            return None;
        }
        let (record, frames) = bytes.split_at(size_of::<Self>());
        let (longs, words) = record.split_at(4 * 8);
        let (longs, words) = (longs.as_chunks::<8>().0, words.as_chunks::<4>().0);
        let long = |at: usize| u64::from_ne_bytes(longs[at]);
        let word = |at: usize| u32::from_ne_bytes(words[at]);
        let record = Self {
            end_ns: long(0),
            latency_ns: long(1),
            op_ns: long(2),
            submissions_ns: long(3),
            instance: word(0),
            stage: word(1),
            hwpt: word(2),
            items: word(3),
            tid: word(4),
            errno: word(5),
            tgid: word(6),
            asked: word(7),
            submissions: word(8),
            commands: word(9),
            cpu: word(10),
            stack_bytes: word(11),
        };
        let known = record.stack_bytes as usize / 8;
        let frames = frames.as_chunks::<8>().0.iter().take(known);
        Some((record, frames.map(|frame| u64::from_ne_bytes(*frame))))
    }
}

const _: () = {
    assert!(size_of::<Config>() == 8 * (STAGES as usize + 1));
    assert!(size_of::<SlowCell>() == 32);
    assert!(size_of::<SlowRecord>() == 80);
    assert!(size_of::<SlowWithStack>() == 80 + 8 * STACK_FRAMES);
};

#[cfg(test)]
mod tests {
    use super::*;

    /// A record in the ring, with room for one byte too much.
    fn bytes(stack_bytes: u32) -> [u8; 80 + 256 + 1] {
        let mut bytes = [0; 80 + 256 + 1];
        for (at, long) in (0..4).zip(21_u64..) {
            bytes[8 * at..8 * at + 8].copy_from_slice(&long.to_ne_bytes());
        }
        for (at, word) in (0..12).zip([
            0x8000_0001_u32,
            1,
            4,
            5,
            6,
            7,
            8,
            9,
            10,
            11,
            12,
            stack_bytes,
        ]) {
            bytes[32 + 4 * at..36 + 4 * at].copy_from_slice(&word.to_ne_bytes());
        }
        for (at, frame) in (0..STACK_FRAMES).zip(100_u64..) {
            bytes[80 + 8 * at..88 + 8 * at].copy_from_slice(&frame.to_ne_bytes());
        }
        bytes
    }

    fn expected(stack_bytes: u32) -> SlowRecord {
        SlowRecord {
            end_ns: 21,
            latency_ns: 22,
            op_ns: 23,
            submissions_ns: 24,
            instance: 0x8000_0001,
            stage: 1,
            hwpt: 4,
            items: 5,
            tid: 6,
            errno: 7,
            tgid: 8,
            asked: 9,
            submissions: 10,
            commands: 11,
            cpu: 12,
            stack_bytes,
        }
    }

    #[test]
    fn a_record_is_decoded_field_by_field() {
        let bytes = bytes(0);
        let (record, mut frames) = SlowRecord::decode(&bytes[..80]).unwrap();
        assert_eq!(record, expected(0));
        assert_eq!(frames.next(), None);
    }

    #[test]
    fn a_stack_is_as_long_as_the_record_says_and_no_longer_than_there_is_room() {
        for (said, frames) in [(0, 0), (24, 3), (256, 32), (u32::MAX, 32)] {
            let bytes = bytes(said);
            let (record, stack) = SlowRecord::decode(&bytes[..336]).unwrap();
            assert_eq!(record, expected(said));
            assert!(stack.eq((0..frames).map(|n| 100 + n)), "{said}");
        }
        let bytes = bytes(24);
        let (_, mut stack) = SlowRecord::decode(&bytes[..80]).unwrap();
        assert_eq!(stack.next(), None);
    }

    #[test]
    fn a_record_of_another_length_is_refused() {
        for len in [0, 8, 79, 81, 88, 335, 337] {
            assert!(SlowRecord::decode(&bytes(0)[..len]).is_none(), "{len}");
        }
    }
}
