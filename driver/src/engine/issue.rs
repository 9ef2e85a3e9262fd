use super::Engine;
use super::failure::Failures;
use super::protocol::{Protocol, Recovery};
use crate::{Backend, EntryResult, InvalidateError, errno};

/// Devices' time-outs that are waited for in one batch.
const UNANSWERED_MAX: u32 = 16;

/// What becomes of the entries of a request that failed: the command's place in the
/// queue, and its result.
pub(crate) type EntryResults = Box<dyn FnMut(u32, EntryResult) + Send>;

impl<B: Backend, P: Protocol> Engine<B, P> {
    /// Issues a request for every target that was addressed, also after one failed:
    /// the others do not depend on it. Hardware that hangs is not asked again: then what
    /// was not sent is as refused as what failed.
    pub(super) fn issue(&mut self) -> Failures {
        let mut failures = Failures::default();
        let mut unanswered = 0;
        let mut hung = None;
        for group in self.batch.groups() {
            let last = group.entries.len() - 1;
            let mut rest = 0_usize;
            let mut result = match hung {
                Some(error) => Err(error),
                None => self.requester.send(group.target, &group.entries),
            };
            while let Err(error) = result {
                if hung.is_none()
                    && let Some(told) = &mut self.entry_results
                {
                    for (index, at) in group.indices[rest..].iter().zip(0..) {
                        told(self.protocol.ring().slot(*index), error.result_of(at));
                    }
                }
                let failed = (rest + error.handled as usize).min(last);
                let index = group.indices[failed];
                let back = self.protocol.ring().distance_back(index);
                let recovery = self.protocol.recovery(error, group.rank);
                if let Recovery::PassSync(code) = recovery {
                    self.protocol.report(code, index);
                }
                if error.is_hang() {
                    hung = Some(InvalidateError::new(error.errno, 0));
                }
                let again = failures.add((index, back), group.target, error, recovery);
                if again || failed == last {
                    break;
                }
                // The queue goes on up to a sync, and so do its invalidations; but each
                // device that does not answer takes its time.
                unanswered += 1;
                rest = failed + 1;
                result = if unanswered < UNANSWERED_MAX {
                    self.requester.request(group.target, &group.entries[rest..])
                } else {
                    Err(*hung.insert(InvalidateError::new(errno::ETIMEDOUT, 0)))
                };
            }
        }
        self.batch.clear();
        failures
    }
}
