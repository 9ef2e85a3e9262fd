use std::sync::Arc;
use std::sync::atomic::Ordering;

use vm_memory::{Bytes, GuestAddress, GuestMemoryMmap};

use super::registers::{Cerror, Registers};
use crate::rings::pace::Pace;
use crate::rings::protocol::Doze;
use crate::rings::thread::Machine;
use crate::rings::timing::TimingProfile;
use crate::smmuv3::command::is_sync;
use crate::spec::smmuv3::sync;
use crate::{Command, HardwareError, Nanos, Unit};

/// The hardware's side of an [`super::AssignedQueue`].
pub(super) struct Hardware {
    pub(super) registers: Arc<Registers>,
    pub(super) doze: Arc<Doze>,
    pub(super) unit: Arc<dyn Unit>,
    pub(super) profile: TimingProfile,
    pub(super) pace: Pace,
    pub(super) memory: GuestMemoryMmap,
    pub(super) base: GuestAddress,
    /// Index and wrap bit of the next command.
    pub(super) cons: u32,
    /// Whether the command before this one left the queue with more to do.
    pub(super) busy: bool,
    /// Whether an ATC did not answer since the last sync.
    pub(super) atc_timed_out: bool,
}

impl Machine for Hardware {
    fn has_work(&self) -> bool {
        !self.registers.is_stopped() && self.registers.prod() != self.cons
    }

    fn step(&mut self) {
        let executed = self.fetch().and_then(|command| {
            if is_sync(command) {
                self.sync(command)
            } else {
                self.execute(command)
            }
        });
        if let Err(error) = executed {
            self.registers.stop(self.cons, error);
        }
        self.busy = self.has_work();
    }
}

impl Hardware {
    fn fetch(&self) -> Result<Command, Cerror> {
        // The base is aligned to the size, so that the sum does not wrap.
        let addr = GuestAddress(self.base.0 + self.registers.offset(self.cons));
        let mut bytes = [0; 16];
        self.memory
            .read_slice(&mut bytes, addr)
            .map_err(|_| Cerror::Abt)?;
        let [lo, hi] = bytes.as_chunks().0 else {
            return Err(Cerror::Abt);
        };
        Ok(Command::from_words([
            u64::from_le_bytes(*lo),
            u64::from_le_bytes(*hi),
        ]))
    }

    fn execute(&mut self, command: Command) -> Result<(), Cerror> {
        match self.unit.execute(command) {
            Ok(()) => {}
            // Reported by the next sync (SMMUv3 7.1).
            Err(HardwareError::AtcTimeout(_)) => self.atc_timed_out = true,
            Err(HardwareError::Abort) => return Err(Cerror::Abt),
            // SMMUv3 knows no unexpected completion.
            Err(HardwareError::Illegal | HardwareError::UnexpectedCompletion(_)) => {
                return Err(Cerror::Ill);
            }
        }
        self.pass(self.profile.per_command);
        self.cons = self.registers.advance(self.cons, false);
        Ok(())
    }

    fn sync(&mut self, command: Command) -> Result<(), Cerror> {
        let [lo, hi] = command.words();
        let cs = (lo & sync::CS) >> sync::CS_SHIFT;
        if cs > sync::SIG_SEV {
            return Err(Cerror::Ill);
        }
        // Once: the sync that is executed again completes.
        if std::mem::take(&mut self.atc_timed_out) {
            return Err(Cerror::AtcInvSync);
        }
        self.pass(self.profile.per_wait);
        self.cons = self.registers.advance(self.cons, true);
        // Address 0 is a wired interrupt, which the model has not.
        let address = hi & sync::MSI_ADDRESS;
        if cs == sync::SIG_IRQ && address != 0 {
            let data = ((lo >> sync::MSI_DATA_SHIFT) as u32).to_le();
            // Release: who sees the MSI sees what was executed before.
            let written = self
                .memory
                .store(data, GuestAddress(address), Ordering::Release);
            if written.is_err() {
                self.registers.msi_aborted();
            }
        }
        Ok(())
    }

    /// Passes the time of one command. The first one after a pause begins with
    /// noticing PROD.
    fn pass(&mut self, time: Nanos) {
        let (since_ns, notice) = if self.busy {
            (0, Nanos(0))
        } else {
            (self.registers.prod_ns(), self.profile.per_submission)
        };
        let time = Nanos(notice.0.saturating_add(time.0));
        self.pace.pass(since_ns, time, &self.doze);
    }
}
