use super::invalidate;
use crate::InvalidateError;

/// `CMDQ_BATCH_ENTRIES` - 1.
const BLOCK: usize = 63;

/// A kernel that does what `arm_vsmmu_cache_invalidate` does.
#[derive(Default)]
struct Kernel {
    /// Entries that it cannot convert.
    illegal: Vec<u32>,
    /// The block at which the queue hangs, counted over all requests.
    hangs_at: Option<usize>,
    executed: Vec<u32>,
    blocks: usize,
    requests: usize,
}

impl Kernel {
    fn request(&mut self, entries: &[u32]) -> Result<(), InvalidateError> {
        self.requests += 1;
        let (mut last, mut cur) = (0, 0);
        while cur != entries.len() {
            if self.illegal.contains(&entries[cur]) {
                return Err(InvalidateError::new(5, u32::try_from(cur).unwrap()));
            }
            cur += 1;
            if cur != entries.len() && cur - last != BLOCK {
                continue;
            }
            if self.hangs_at == Some(self.blocks) {
                return Err(InvalidateError::new(110, u32::try_from(cur - 1).unwrap()));
            }
            self.blocks += 1;
            self.executed.extend(&entries[last..cur]);
            last = cur;
        }
        Ok(())
    }
}

fn run(kernel: &mut Kernel, count: u32) -> Result<(), InvalidateError> {
    let entries: Vec<u32> = (0..count).collect();
    invalidate(&entries, |part| kernel.request(part))
}

#[test]
fn what_is_handled_was_executed_wherever_the_illegal_command_is() {
    for illegal in [0, 1, 3, 62, 63, 64, 100, 125, 126, 127, 199] {
        let mut kernel = Kernel {
            illegal: vec![illegal],
            ..Kernel::default()
        };
        let error = run(&mut kernel, 200).unwrap_err();
        assert_eq!((error.errno, error.handled), (5, illegal));
        for entry in 0..illegal {
            assert!(kernel.executed.contains(&entry), "{entry} of {illegal}");
        }
        assert!(kernel.executed.iter().all(|&entry| entry < illegal));
        assert_eq!(kernel.requests, if illegal == 0 { 1 } else { 2 });
    }
}

#[test]
fn without_an_error_there_is_one_request() {
    let mut kernel = Kernel::default();
    assert_eq!(run(&mut kernel, 200), Ok(()));
    assert_eq!(kernel.requests, 1);
    assert_eq!(kernel.executed.len(), 200);
}

#[test]
fn a_queue_that_hangs_is_not_asked_again_and_nothing_counts_as_handled() {
    let mut kernel = Kernel {
        hangs_at: Some(1),
        ..Kernel::default()
    };
    let error = run(&mut kernel, 200).unwrap_err();
    assert_eq!((error.errno, error.handled), (110, 0));
    assert_eq!(kernel.requests, 1);
}

#[test]
fn a_queue_that_hangs_when_entries_are_sent_again_is_what_is_reported() {
    let mut kernel = Kernel {
        illegal: vec![70],
        hangs_at: Some(1),
        ..Kernel::default()
    };
    let error = run(&mut kernel, 200).unwrap_err();
    assert_eq!((error.errno, error.handled), (110, 0));
    assert_eq!(kernel.requests, 2);
}

#[test]
fn a_command_that_becomes_illegal_meanwhile_is_the_one_that_failed() {
    let entries: Vec<u32> = (0..20).collect();
    let mut kernel = Kernel {
        illegal: vec![12],
        ..Kernel::default()
    };
    let result = invalidate(&entries, |part| {
        let result = kernel.request(part);
        kernel.illegal.push(4);
        result
    });
    assert_eq!(result, Err(InvalidateError::new(5, 4)));
    assert_eq!(kernel.executed, [0, 1, 2, 3]);
}
