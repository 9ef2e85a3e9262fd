use std::sync::Arc;

use hwptop_abi::InstanceArg;

use super::coalesce::Coalescer;
use super::entry::Entry;
use crate::counts::add_alone;
use crate::{Backend, Counters, InvalidateError, ObjectId, Policy, probes};

/// Sends the entries of a target to the backend, as the policy says, and counts.
pub(super) struct Requester<B, E: Entry> {
    pub(super) instance: InstanceArg,
    pub(super) counters: Arc<Counters>,
    pub(super) policy: Policy,
    backend: B,
    rules: E::Rules,
    coalescer: Coalescer<E>,
    /// Of the last request; the first has 1.
    ticket: u64,
}

impl<B: Backend, E: Entry> Requester<B, E> {
    pub(super) fn new(
        instance: InstanceArg,
        backend: B,
        rules: E::Rules,
        counters: Arc<Counters>,
    ) -> Self {
        Self {
            instance,
            counters,
            policy: Policy::default(),
            backend,
            rules,
            coalescer: Coalescer::new(),
            ticket: 0,
        }
    }

    /// Sends `entries`, merged if the policy has it so. What was merged and failed is
    /// sent again as it is, unless the hardware hangs.
    pub(super) fn send(&mut self, target: ObjectId, entries: &[E]) -> Result<(), InvalidateError> {
        if entries.len() > 1
            && let Policy::Coalesce(costs) = self.policy
        {
            let mut coalescer = std::mem::replace(&mut self.coalescer, Coalescer::new());
            let merged = coalescer
                .coalesce(entries, self.rules, costs)
                .map(|merged| self.request(target, merged));
            self.coalescer = coalescer;
            match merged {
                Some(Ok(())) => return Ok(()),
                // Which of them are done is not known.
                Some(Err(error)) if error.is_hang() => {
                    return Err(InvalidateError {
                        handled: 0,
                        ..error
                    });
                }
                // A merged entry that failed does not say which command it was.
                Some(Err(_)) | None => {}
            }
        }
        self.request(target, entries)
    }

    /// Sends `entries` as they are.
    pub(super) fn request(
        &mut self,
        target: ObjectId,
        entries: &[E],
    ) -> Result<(), InvalidateError> {
        self.ticket += 1;
        // Entries of one queue: at most some 32,000.
        let count = u32::try_from(entries.len()).unwrap_or(u32::MAX);
        probes::invalidate_begin(self.ticket, self.instance, target, count);
        let result = self.backend.invalidate(target, E::entries(entries));
        // All of them handled, and failed: the count was not written.
        let result = result.map_err(|error| InvalidateError {
            handled: if error.handled < count {
                error.handled
            } else {
                0
            },
            ..error
        });
        let (handled, errno) = match result {
            Ok(()) => (count, 0),
            Err(error) => (error.handled, error.errno),
        };
        let counters = &self.counters;
        add_alone(&counters.requests, 1);
        add_alone(&counters.entries, u64::from(count));
        add_alone(&counters.handled, u64::from(handled));
        if result.is_err() {
            add_alone(&counters.request_errors, 1);
        }
        probes::invalidate_end(self.ticket, self.instance, target, handled, errno);
        result
    }
}
