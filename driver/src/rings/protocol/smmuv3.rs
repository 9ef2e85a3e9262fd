use super::primitives::{AtomicU64, Ordering};
use super::slots::index;
use super::{Issued, Protocol, Slots, Waiter};
use crate::smmuv3::command;
use crate::{Command, SubmitError};

/// In the shadow of PROD: somebody will publish what is reserved
/// (`CMDQ_PROD_OWNED_FLAG`).
const OWNED: u64 = 1 << 63;

/// The kernel's `arm_smmu_cmdq_issue_cmdlist`: no lock. Submitters reserve room, the
/// first of a group (its owner) publishes for everybody who reserved meanwhile, and
/// each polls CONS for its own `CMD_SYNC`.
///
/// Mainline's shadow holds CONS too, and its valid bitmap changes polarity with each
/// wrap; positions that never wrap need neither: a CONS that is read too early is only
/// smaller, and a slot's mark is the position that it is valid for.
#[derive(Debug)]
pub(crate) struct SmmuV3 {
    /// Behind the last slot reserved, and [`OWNED`].
    shadow: AtomicU64,
    /// Behind the position that was written to the slot last.
    valid: Box<[AtomicU64]>,
    /// Behind the last slot that an owner published (`owner_prod`).
    owner_prod: AtomicU64,
}

impl SmmuV3 {
    /// For a ring of 2^`log2size` slots. All may be full: PROD and CONS have a wrap
    /// bit (SMMUv3 3.5.1).
    pub(crate) fn new(log2size: u32) -> Self {
        Self {
            shadow: AtomicU64::new(0),
            valid: (0..1_usize << log2size)
                .map(|_| AtomicU64::new(0))
                .collect(),
            owner_prod: AtomicU64::new(0),
        }
    }

    /// Returns the shadow as it was before.
    fn reserve(
        &self,
        slots: &Slots,
        needed: u64,
        waiter: &mut dyn Waiter,
    ) -> Result<u64, SubmitError> {
        let mut shadow = self.shadow.load(Ordering::Relaxed);
        loop {
            let end = (shadow & !OWNED) + needed;
            // A shadow read too early may lie before CONS; the exchange fails then.
            if end.saturating_sub(slots.head()) > slots.len() {
                waiter.for_hardware()?;
                shadow = self.shadow.load(Ordering::Relaxed);
                continue;
            }
            // Relaxed: what is written into the slots is ordered by `valid`.
            let exchange = self.shadow.compare_exchange(
                shadow,
                end | OWNED,
                Ordering::Relaxed,
                Ordering::Relaxed,
            );
            match exchange {
                Ok(_) => return Ok(shadow),
                Err(now) => shadow = now,
            }
        }
    }

    /// Publishes the group that begins at `begin`.
    fn publish(&self, slots: &Slots, begin: u64, waiter: &mut dyn Waiter) {
        // Acquire: PROD must not be moved back by the owner before.
        while self.owner_prod.load(Ordering::Acquire) != begin {
            waiter.for_submitter();
        }
        let end = self.shadow.fetch_and(!OWNED, Ordering::Relaxed) & !OWNED;
        for position in begin..end {
            while self.valid(position).load(Ordering::Acquire) != position + 1 {
                waiter.for_submitter();
            }
        }
        let now_ns = waiter.now_ns();
        for position in begin..end {
            slots.stamp(position, now_ns);
        }
        slots.publish(end);
        self.owner_prod.store(end, Ordering::Release);
    }

    fn valid(&self, position: u64) -> &AtomicU64 {
        &self.valid[index(position, self.valid.len())]
    }
}

impl Protocol for SmmuV3 {
    fn issue(
        &self,
        slots: &Slots,
        commands: &[Command],
        waiter: &mut dyn Waiter,
    ) -> Result<Issued, SubmitError> {
        let shadow = self.reserve(slots, commands.len() as u64 + 1, waiter)?;
        let begin = shadow & !OWNED;
        let sync = command::sync_none();
        let mut end = begin;
        for &command in commands.iter().chain([&sync]) {
            slots.write(end, command);
            end += 1;
        }
        for position in begin..end {
            self.valid(position).store(position + 1, Ordering::Release);
        }
        if shadow & OWNED == 0 {
            self.publish(slots, begin, waiter);
        }
        Ok(Issued {
            position: end - 1,
            data: end,
        })
    }

    fn is_sync(command: Command) -> bool {
        command::is_sync(command)
    }

    /// CS is 0: that CONS passed the sync is its completion.
    fn complete(&self, _: Command) {}

    fn is_done(&self, slots: &Slots, issued: Issued) -> bool {
        slots.head() >= issued.data
    }
}
