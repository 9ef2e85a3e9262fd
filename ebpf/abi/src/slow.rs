/// What user space tells the programs while they run.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Config {
    /// Events at least this long go to the ring buffer, in nanoseconds.
    pub slow_ns: u64,
}

/// The length of a ring buffer of [`SlowRecord`]s, in bytes.
pub const SLOW_RING_BYTES: u32 = 64 * 1024;

/// The most records that it holds at a time: the kernel puts 8 bytes before each.
pub const SLOW_RECORDS_MAX: usize = SLOW_RING_BYTES as usize / (8 + size_of::<SlowRecord>());

/// Stands in [`SlowRecord::asked`] where nobody read it.
pub const NOT_KNOWN: u32 = u32::MAX;

/// One event that was at least as long as [`Config::slow_ns`].
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SlowRecord {
    /// How long it took, in nanoseconds.
    pub latency_ns: u64,
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
    /// Entries that a request asked for, of which `items` were handled, or [`NOT_KNOWN`];
    /// else as `items`.
    pub asked: u32,
}

impl SlowRecord {
    /// Decodes what a program put into the ring buffer, in the machine's own
    /// byte order. `None` where it is not as long as a record.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; size_of::<Self>()] = bytes.try_into().ok()?;
        let (latency, words) = bytes.split_first_chunk::<8>()?;
        let word = |at: usize| {
            let mut word = [0; 4];
            word.copy_from_slice(&words[4 * at..4 * at + 4]);
            u32::from_ne_bytes(word)
        };
        Some(Self {
            latency_ns: u64::from_ne_bytes(*latency),
            instance: word(0),
            stage: word(1),
            hwpt: word(2),
            items: word(3),
            tid: word(4),
            errno: word(5),
            tgid: word(6),
            asked: word(7),
        })
    }
}

const _: () = {
    assert!(size_of::<Config>() == 8);
    assert!(size_of::<SlowRecord>() == 40);
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_decoded_field_by_field() {
        let mut bytes = [0; 40];
        bytes[..8].copy_from_slice(&22u64.to_ne_bytes());
        for (at, value) in [0x8000_0001u32, 1, 4, 5, 6, 7, 8, 9]
            .into_iter()
            .enumerate()
        {
            bytes[8 + 4 * at..12 + 4 * at].copy_from_slice(&value.to_ne_bytes());
        }
        let expected = SlowRecord {
            latency_ns: 22,
            instance: 0x8000_0001,
            stage: 1,
            hwpt: 4,
            items: 5,
            tid: 6,
            errno: 7,
            tgid: 8,
            asked: 9,
        };
        assert_eq!(SlowRecord::decode(&bytes), Some(expected));
    }

    #[test]
    fn a_record_of_another_length_is_refused() {
        assert_eq!(SlowRecord::decode(&[0; 39]), None);
        assert_eq!(SlowRecord::decode(&[0; 41]), None);
    }
}
