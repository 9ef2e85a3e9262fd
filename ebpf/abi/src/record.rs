/// The most commands of one submission that a record holds: `CMDQ_BATCH_ENTRIES` of
/// SMMUv3 on a 64-bit kernel, and four times `QI_MAX_BATCHED_DESC_COUNT` of VT-d.
pub const SUBMISSION_COMMANDS: usize = 64;

/// Bytes of the widest command: a VT-d descriptor of scalable mode (`struct qi_desc`).
pub const COMMAND_BYTES: usize = 32;

/// The most units that commands are recorded of; submissions to others are lost.
pub const UNITS: u32 = 256;

/// Bytes that are kept of a unit's name, with the 0 behind it.
pub const UNIT_NAME_BYTES: usize = 32;

/// What comes before a submission's commands in the ring buffer.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SubmissionHeader {
    /// When the kernel function was entered: `CLOCK_MONOTONIC`, in nanoseconds.
    pub time_ns: u64,
    /// The kernel's address of the unit: its key, never shown.
    pub unit: u64,
    /// Commands behind the header.
    pub commands: u32,
    /// Bytes of each.
    pub command_bytes: u16,
    /// [`SYNCED`] and [`DRAINED`].
    pub flags: u16,
}

/// The kernel appends a sync of its own behind the commands.
pub const SYNCED: u16 = 1 << 0;
/// The appended sync drains page requests, too (VT-d, `QI_OPT_WAIT_DRAIN`).
pub const DRAINED: u16 = 1 << 1;

/// What a program builds before it goes to the ring buffer: header and commands
/// without a gap between them.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct SubmissionBuffer {
    /// The header.
    pub header: SubmissionHeader,
    /// The commands as they lie in memory.
    pub commands: [u8; SUBMISSION_COMMANDS * COMMAND_BYTES],
}

/// What the programs know of one unit.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnitCell {
    /// As `/sys/class/iommu` has it, with a 0 behind it; empty where the unit has none.
    pub name: [u8; UNIT_NAME_BYTES],
    /// Submissions, the lost ones included.
    pub submissions: u64,
    /// Commands given with them, without the syncs that the kernel appends.
    pub commands: u64,
    /// Submissions that are not in the ring buffer: it was full, or they were too large.
    pub lost_submissions: u64,
    /// Commands given with those.
    pub lost_commands: u64,
}

/// A submission out of the ring buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Submission<'a> {
    /// What came before the commands.
    pub header: SubmissionHeader,
    commands: &'a [u8],
}

impl<'a> Submission<'a> {
    /// Decodes what a program put into the ring buffer, in the machine's own byte
    /// order. `None` where the length is not that of the commands it speaks of, or where
    /// those have no width that commands can have.
    #[must_use]
    pub fn decode(bytes: &'a [u8]) -> Option<Self> {
        let (time_ns, rest) = bytes.split_first_chunk()?;
        let (unit, rest) = rest.split_first_chunk()?;
        let (count, rest) = rest.split_first_chunk()?;
        let (command_bytes, rest) = rest.split_first_chunk()?;
        let (flags, commands) = rest.split_first_chunk()?;
        let header = SubmissionHeader {
            time_ns: u64::from_ne_bytes(*time_ns),
            unit: u64::from_ne_bytes(*unit),
            commands: u32::from_ne_bytes(*count),
            command_bytes: u16::from_ne_bytes(*command_bytes),
            flags: u16::from_ne_bytes(*flags),
        };
        let width = usize::from(header.command_bytes);
        let has_width = width.is_multiple_of(16) && (16..=COMMAND_BYTES).contains(&width);
        let count = header.commands as usize;
        let fits = count <= SUBMISSION_COMMANDS && has_width && commands.len() == count * width;
        fits.then_some(Self { header, commands })
    }

    /// The commands, first to last, as 64-bit words, lowest first; those that a narrow
    /// command does not have are 0.
    pub fn commands(&self) -> impl Iterator<Item = [u64; 4]> + use<'a> {
        // Not 0: `decode` looked.
        let width = usize::from(self.header.command_bytes).max(1);
        self.commands.chunks_exact(width).map(|command| {
            let mut words = [0; 4];
            for (word, bytes) in words.iter_mut().zip(command.as_chunks().0) {
                *word = u64::from_ne_bytes(*bytes);
            }
            words
        })
    }

    /// Whether the kernel appends a sync of its own.
    #[must_use]
    pub const fn is_synced(&self) -> bool {
        self.header.flags & SYNCED != 0
    }

    /// Whether that sync drains page requests.
    #[must_use]
    pub const fn is_drained(&self) -> bool {
        self.header.flags & DRAINED != 0
    }
}

const _: () = {
    assert!(size_of::<SubmissionHeader>() == 24);
    assert!(size_of::<SubmissionBuffer>() == 24 + SUBMISSION_COMMANDS * COMMAND_BYTES);
    assert!(size_of::<UnitCell>() == UNIT_NAME_BYTES + 32);
};

#[cfg(test)]
mod tests {
    use super::*;

    /// A record in the ring, with room for one byte too much.
    fn record(count: u32, command_bytes: u16, flags: u16) -> [u8; 24 + 64 * 32 + 32] {
        let mut bytes = [0; 24 + 64 * 32 + 32];
        bytes[..8].copy_from_slice(&77_u64.to_ne_bytes());
        bytes[8..16].copy_from_slice(&0xffff_8880_1234_5678_u64.to_ne_bytes());
        bytes[16..20].copy_from_slice(&count.to_ne_bytes());
        bytes[20..22].copy_from_slice(&command_bytes.to_ne_bytes());
        bytes[22..24].copy_from_slice(&flags.to_ne_bytes());
        for (at, word) in (1_u64..).zip(bytes[24..].as_chunks_mut().0) {
            *word = at.to_ne_bytes();
        }
        bytes
    }

    #[test]
    fn a_submission_is_decoded_with_its_commands() {
        let bytes = record(2, 32, SYNCED);
        let submission = Submission::decode(&bytes[..24 + 64]).unwrap();
        assert_eq!(submission.header.time_ns, 77);
        assert_eq!(submission.header.unit, 0xffff_8880_1234_5678);
        assert!(submission.is_synced() && !submission.is_drained());
        let mut commands = submission.commands();
        assert_eq!(commands.next(), Some([1, 2, 3, 4]));
        assert_eq!(commands.next(), Some([5, 6, 7, 8]));
        assert_eq!(commands.next(), None);
    }

    #[test]
    fn a_narrow_command_has_two_words() {
        let bytes = record(2, 16, DRAINED);
        let submission = Submission::decode(&bytes[..24 + 32]).unwrap();
        assert!(submission.is_drained() && !submission.is_synced());
        let mut commands = submission.commands();
        assert_eq!(commands.next(), Some([1, 2, 0, 0]));
        assert_eq!(commands.next(), Some([3, 4, 0, 0]));
        assert_eq!(commands.next(), None);
    }

    #[test]
    fn a_submission_may_be_a_sync_alone() {
        let bytes = record(0, 16, SYNCED);
        let submission = Submission::decode(&bytes[..24]).unwrap();
        assert!(submission.is_synced());
        assert_eq!(submission.commands().count(), 0);
    }

    #[test]
    fn a_length_that_is_not_that_of_the_commands_is_refused() {
        let bytes = record(2, 32, 0);
        for len in (0..24 + 64).chain(24 + 65..24 + 80) {
            assert_eq!(Submission::decode(&bytes[..len]), None, "{len}");
        }
    }

    #[test]
    fn more_commands_than_a_record_holds_and_odd_widths_are_refused() {
        let most = record(64, 32, 0);
        assert!(Submission::decode(&most[..24 + 64 * 32]).is_some());
        for (count, width, len) in [
            (65, 32, 65 * 32),
            (u32::MAX, 32, 2048),
            (0x8000_0000, 32, 0),
            (2, 0, 0),
            (1, 8, 8),
            (1, 24, 24),
            (1, 48, 48),
            (0, 0, 0),
        ] {
            let bytes = record(count, width, 0);
            assert_eq!(
                Submission::decode(&bytes[..24 + len]),
                None,
                "{count} of {width}"
            );
        }
    }
}
