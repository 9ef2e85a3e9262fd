use hwptop_abi::{Submission, Vendor};

use super::instances::CommandCounts;

/// `QI_IWD_TYPE`, `QI_IWD_STATUS_WRITE` and `QI_IWD_STATUS_DATA(QI_DONE)` of VT-d's wait
/// descriptor (6.5.2.8), as `qi_submit_sync` builds it.
const WAIT: u64 = 0x5 | 1 << 5 | 2 << 32;
/// `QI_IWD_PRQ_DRAIN`: page requests are drained, too.
const WAIT_DRAIN: u64 = 1 << 7;

/// Where the status words of added waits are, and how many: the kernel has them at an
/// address that it does not tell, one after the other.
const STATUS_AT: u64 = 0x1000;
const STATUS_WORDS: u64 = 1024;

/// CMD_SYNC (SMMUv3 4.7.3) without a signal.
const CMD_SYNC: u64 = 0x46;

/// How a submission becomes commands of a capture.
#[derive(Debug)]
pub(super) struct Form {
    vendor: Vendor,
    /// By instance: how many places of its queue were used.
    places: Vec<u64>,
}

impl Form {
    pub(super) const fn new(vendor: Vendor) -> Self {
        Self {
            vendor,
            places: Vec::new(),
        }
    }

    /// The commands, and behind them the sync that the driver appends by itself. Counts
    /// them.
    pub(super) fn words(
        &mut self,
        instance: usize,
        submission: &Submission<'_>,
        counts: &mut CommandCounts,
    ) -> Vec<[u64; 2]> {
        let mut words = Vec::with_capacity(submission.header.commands as usize + 1);
        for [low, high, rest @ ..] in submission.commands() {
            words.push([low, high]);
            counts.wide += u64::from(rest != [0, 0]);
        }
        counts.recorded_submissions += 1;
        counts.recorded_commands += words.len() as u64;
        if submission.is_synced() {
            counts.syncs += 1;
            words.push(self.sync(instance, submission));
        }
        words
    }

    fn sync(&mut self, instance: usize, submission: &Submission<'_>) -> [u64; 2] {
        if self.vendor != Vendor::Vtd {
            return [CMD_SYNC, 0];
        }
        if self.places.len() <= instance {
            self.places.resize(instance + 1, 0);
        }
        // A word per place of the queue, as `desc_status` has: the wait is behind the
        // commands.
        let place = &mut self.places[instance];
        *place += u64::from(submission.header.commands) + 1;
        let drain = if submission.is_drained() {
            WAIT_DRAIN
        } else {
            0
        };
        [WAIT | drain, STATUS_AT + 4 * (*place % STATUS_WORDS)]
    }
}

#[cfg(test)]
mod tests {
    use hwptop_abi::{DRAINED, SYNCED};

    use super::*;

    fn record(commands: &[[u64; 4]], width: u16, flags: u16) -> Vec<u8> {
        let count = u32::try_from(commands.len()).unwrap();
        let mut bytes = vec![0; 16];
        bytes.extend(count.to_ne_bytes());
        bytes.extend(width.to_ne_bytes());
        bytes.extend(flags.to_ne_bytes());
        for words in commands {
            let command: Vec<u8> = words.iter().flat_map(|word| word.to_ne_bytes()).collect();
            bytes.extend(&command[..usize::from(width)]);
        }
        bytes
    }

    fn words(form: &mut Form, bytes: &[u8]) -> (Vec<[u64; 2]>, CommandCounts) {
        let mut counts = CommandCounts::default();
        let submission = Submission::decode(bytes).unwrap();
        (form.words(0, &submission, &mut counts), counts)
    }

    #[test]
    fn every_vtd_submission_ends_with_the_wait_that_the_kernel_appends() {
        let mut form = Form::new(Vendor::Vtd);
        let bytes = record(&[[0x11, 1, 0, 0], [0x22, 2, 0, 0]], 32, SYNCED);
        let (first, counts) = words(&mut form, &bytes);
        assert_eq!(first, [[0x11, 1], [0x22, 2], [0x2_0000_0025, 0x100c]]);
        assert_eq!((counts.recorded_commands, counts.syncs), (2, 1));
        let drained = record(&[[0x11, 1, 0, 0]], 32, SYNCED | DRAINED);
        assert_eq!(
            words(&mut form, &drained).0,
            [[0x11, 1], [0x2_0000_00a5, 0x1014]]
        );
    }

    #[test]
    fn status_words_stay_in_their_page() {
        let mut form = Form::new(Vendor::Vtd);
        let bytes = record(&[[0x11, 0, 0, 0]; 64], 32, SYNCED);
        for _ in 0..100 {
            let status = words(&mut form, &bytes).0.last().unwrap()[1];
            assert!((0x1000..0x2000).contains(&status) && status.is_multiple_of(4));
        }
    }

    #[test]
    fn the_high_half_of_a_wide_command_is_dropped_and_counted() {
        let mut form = Form::new(Vendor::Vtd);
        let bytes = record(&[[1, 2, 0, 3], [1, 2, 3, 0], [1, 2, 0, 0]], 32, SYNCED);
        let (words, counts) = words(&mut form, &bytes);
        assert_eq!((words.len(), counts.wide), (4, 2));
    }

    #[test]
    fn an_smmuv3_submission_ends_with_a_sync_where_it_asked_for_one() {
        let mut form = Form::new(Vendor::SmmuV3);
        let (synced, counts) = words(&mut form, &record(&[[0x12, 7, 0, 0]], 16, SYNCED));
        assert_eq!(synced, [[0x12, 7], [0x46, 0]]);
        assert_eq!(counts.syncs, 1);
        let (bare, counts) = words(&mut form, &record(&[[0x12, 7, 0, 0]], 16, 0));
        assert_eq!((bare.as_slice(), counts.syncs), ([[0x12, 7]].as_slice(), 0));
        assert_eq!(
            words(&mut form, &record(&[], 16, SYNCED)).0,
            [[0x46, 0]],
            "a sync alone"
        );
    }

    #[test]
    fn an_amdvi_command_stays_alone() {
        let mut form = Form::new(Vendor::AmdVi);
        let (words, counts) = words(&mut form, &record(&[[3 << 60, 7, 0, 0]], 16, 0));
        assert_eq!(words, [[3 << 60, 7]]);
        assert_eq!((counts.recorded_submissions, counts.syncs), (1, 0));
    }
}
