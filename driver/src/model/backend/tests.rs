use super::*;
use crate::double::RecordingQueue;

const WHOLE: VtdS1Invalidate = VtdS1Invalidate::WHOLE;

fn model() -> (ModelBackend<RecordingQueue>, HwptId) {
    let model = ModelBackend::new(RecordingQueue::new());
    let hwpt = model.alloc(Pasid(9)).unwrap();
    (model, hwpt)
}

const fn pages(addr: u64, npages: u64) -> VtdS1Invalidate {
    VtdS1Invalidate {
        addr,
        npages,
        flags: 0,
    }
}

/// The words that reach the hardware for one entry.
fn words(entry: VtdS1Invalidate) -> [u64; 2] {
    let (model, hwpt) = model();
    model.invalidate(hwpt, &[entry]).unwrap();
    let submissions = model.queue().take();
    assert_eq!(submissions.len(), 1);
    assert_eq!(submissions[0].0, hwpt);
    assert_eq!(submissions[0].1.len(), 1);
    submissions[0].1[0].words()
}

#[test]
fn commands_carry_the_hosts_domain_and_pasid() {
    // Golden words: type 6, G = 3, DID = 1, PASID = 9.
    assert_eq!(words(pages(0x5000, 1)), [0x0000_0009_0001_0036, 0x5000]);
    assert_eq!(words(WHOLE), [0x0000_0009_0001_0026, 0]);
}

#[test]
fn the_leaf_flag_becomes_the_invalidation_hint() {
    let entry = VtdS1Invalidate {
        addr: 0x5000,
        npages: 1,
        flags: VtdS1Invalidate::LEAF,
    };
    assert_eq!(words(entry)[1], 0x5040);
}

#[test]
fn a_range_is_covered_by_the_smallest_aligned_power_of_two() {
    for (addr, npages, hi) in [
        (0x0, 2, 0x1),
        (0x4000, 4, 0x4002),
        // Three pages need four.
        (0x4000, 3, 0x4002),
        // Two pages across a boundary of 2^n need 2^(n+1).
        (0x1000, 2, 0x2),
        (0x7000, 2, 0x4),
        (0x3000, 0, 0x3000),
        (1 << 63, 1 << 50, 0x8000_0000_0000_0032),
    ] {
        assert_eq!(words(pages(addr, npages))[1], hi, "{addr:#x} {npages}");
    }
}

#[test]
fn a_range_that_no_command_covers_invalidates_everything() {
    let everything = words(WHOLE);
    assert_eq!(words(pages(0x7fff_ffff_ffff_f000, 2)), everything);
    assert_eq!(words(pages(0, 1 << 52)), everything);
    assert_eq!(words(pages(0, u64::MAX - 1)), everything);
    // What ends behind the end of the space is cut there.
    assert_eq!(
        words(pages(0xffff_ffff_ffff_f000, u64::MAX - 1))[1],
        0xffff_ffff_ffff_f000
    );
}

#[test]
fn sixteen_commands_go_in_one_submission() {
    let (model, hwpt) = model();
    model.invalidate(hwpt, &[WHOLE; 40]).unwrap();
    let lengths: Vec<_> = model
        .queue()
        .take()
        .iter()
        .map(|(_, commands)| commands.len())
        .collect();
    assert_eq!(lengths, [16, 16, 8]);
    model.invalidate(hwpt, &[WHOLE; 16]).unwrap();
    assert_eq!(model.queue().take().len(), 1);
    model.invalidate(hwpt, &[]).unwrap();
    assert!(model.queue().take().is_empty());
}

#[test]
fn an_unknown_hwpt_is_enoent() {
    let (model, hwpt) = model();
    for unknown in [0, hwpt.0 + 1, u32::MAX] {
        let error = model.invalidate(HwptId(unknown), &[WHOLE]).unwrap_err();
        assert_eq!(
            error,
            InvalidateError {
                errno: errno::ENOENT,
                handled: 0
            }
        );
    }
    assert!(model.queue().take().is_empty());
}

#[test]
fn a_wrong_entry_is_told_with_its_index_after_those_before_it() {
    for (wrong, errno) in [
        (pages(0x1001, 1), errno::EINVAL),
        (pages(0x1000, VtdS1Invalidate::ALL_PAGES), errno::EINVAL),
        (
            VtdS1Invalidate {
                addr: 0,
                npages: 1,
                flags: 2,
            },
            errno::EOPNOTSUPP,
        ),
    ] {
        let (model, hwpt) = model();
        let mut entries = [WHOLE; 20];
        entries[18] = wrong;
        let error = model.invalidate(hwpt, &entries).unwrap_err();
        assert_eq!(error, InvalidateError { errno, handled: 18 });
        let lengths: Vec<_> = model
            .queue()
            .take()
            .iter()
            .map(|(_, commands)| commands.len())
            .collect();
        assert_eq!(lengths, [16, 2]);
    }
}

#[test]
fn a_failed_submission_counts_only_what_was_finished_before() {
    let (model, hwpt) = model();
    model
        .queue()
        .fail_after(1, SubmitError::TimedOut { waited_ms: 1000 });
    let error = model.invalidate(hwpt, &[WHOLE; 40]).unwrap_err();
    assert_eq!(
        error,
        InvalidateError {
            errno: errno::ETIMEDOUT,
            handled: 16
        }
    );
    assert_eq!(
        model.queue().take().len(),
        2,
        "nothing is sent behind a failure"
    );
}

#[test]
fn domain_ids_end_at_16_bits() {
    let model = ModelBackend::new(RecordingQueue::new());
    let last = (0..u16::MAX)
        .map(|_| model.alloc(Pasid::RID))
        .last()
        .unwrap();
    assert_eq!(last, Some(HwptId(u32::from(u16::MAX))));
    assert_eq!(model.alloc(Pasid::RID), None);
}
