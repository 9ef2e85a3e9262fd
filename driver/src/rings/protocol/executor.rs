use super::{Protocol, Rejection, Ring};
use crate::Unit;

/// The hardware's side: executes the commands of a ring in order.
#[derive(Debug, Default)]
pub(crate) struct Executor {
    head: u64,
    /// Commands executed since the last sync, a rejected one included.
    commands: u64,
    /// Set from a rejected command on until the sync of its submission.
    rejection: Option<Rejection>,
}

impl Executor {
    /// Whether anything was published that is not executed yet.
    pub(crate) fn has_work<P: Protocol>(&self, ring: &Ring<P>) -> bool {
        ring.has_work(self.head)
    }

    /// Executes the next command, which must be there. At a sync, `pass` passes
    /// the modelled time of the submission: it gets the moment of publication and the
    /// number of commands.
    pub(crate) fn step<P: Protocol>(
        &mut self,
        ring: &Ring<P>,
        unit: &dyn Unit,
        pass: impl FnOnce(u64, u64),
    ) {
        let position = self.head;
        let command = ring.slots.fetch(position);
        self.head += 1;
        if !P::is_sync(command) {
            if self.rejection.is_none() {
                if let Err(error) = unit.execute(command) {
                    let index = usize::try_from(self.commands).unwrap_or(usize::MAX);
                    self.rejection = Some(Rejection { index, error });
                }
                self.commands += 1;
            }
            return;
        }
        let commands = std::mem::take(&mut self.commands);
        pass(ring.slots.published_ns(position), commands);
        if let Some(rejection) = self.rejection.take() {
            ring.verdicts.reject(position, rejection);
        }
        // Room first, completion second, so that a submitter that sees its sync done
        // finds the room.
        ring.slots.retire(self.head);
        ring.protocol.complete(command);
    }
}
