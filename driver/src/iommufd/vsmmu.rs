//! What the kernel's count means for a vSMMU.
//!
//! `arm_vsmmu_cache_invalidate` (Linux 7.3) converts the commands of a request one by one
//! and hands them to the hardware's queue in blocks of `CMDQ_BATCH_ENTRIES` - 1. A command
//! that it cannot convert ends the request at once: those of the same block in front of it
//! are dropped, yet counted as handled. Where the queue itself fails, the count is one less
//! than the end of the block that failed, although nothing of that block is known to be
//! executed.
//!
//! To believe that count would let a guest's sync complete with translations cached that it
//! invalidated. To report less would put the blame on a command that has no fault, which a
//! guest skips. So what is in front of the command that failed is sent again: invalidations
//! can be repeated. Then the count is true, whatever a kernel's blocks are.

use crate::InvalidateError;

/// Sends `entries` through `send`, which is told what part of them, and makes true what an
/// error says of the entries in front of it.
pub(super) fn invalidate<E>(
    entries: &[E],
    mut send: impl FnMut(&[E]) -> Result<(), InvalidateError>,
) -> Result<(), InvalidateError> {
    let mut failed = None;
    let mut rest = entries;
    loop {
        let error = match send(rest) {
            Ok(()) => return failed.map_or(Ok(()), Err),
            Err(error) => error,
        };
        // Hardware that hangs is not asked again; and nothing of it is known.
        if error.is_hang() {
            return Err(InvalidateError {
                handled: 0,
                ..error
            });
        }
        // Shorter each time: `handled` is clamped below the length.
        rest = &rest[..(error.handled as usize).min(rest.len().saturating_sub(1))];
        if rest.is_empty() {
            return Err(InvalidateError {
                handled: 0,
                ..error
            });
        }
        failed = Some(error);
    }
}

#[cfg(test)]
mod tests;
