use crate::engine::GuestRing;
use crate::spec::smmuv3::{COMMAND_LOG2, cmdq_base, cmdq_index};

/// Bytes of a command.
const WIDTH: u32 = 1 << COMMAND_LOG2;

/// Where the guest's queue is and how far it was read: `SMMU_CMDQ_BASE`,
/// `SMMU_CMDQ_PROD` and `SMMU_CMDQ_CONS` (Arm IHI 0070, 6.3.26 to 6.3.28).
#[derive(Debug)]
pub(super) struct Queue {
    base: u64,
    prod: u32,
    pub(super) enabled: bool,
    log2size_max: u32,
    /// Its head is `SMMU_CMDQ_CONS.RD` with the wrap flag.
    pub(super) ring: GuestRing,
}

impl Queue {
    pub(super) const fn new(log2size_max: u32) -> Self {
        Self {
            base: 0,
            prod: 0,
            enabled: false,
            log2size_max,
            ring: GuestRing::mirrored(0, 1, WIDTH),
        }
    }

    pub(super) const fn base(&self) -> u64 {
        self.base
    }

    /// Ignored while the queue is enabled, as SMMUv3.2 has it (6.3.26). Says whether it
    /// was not.
    pub(super) fn set_base(&mut self, value: u64) -> bool {
        if self.enabled {
            return false;
        }
        self.base = value & (cmdq_base::ADDR | cmdq_base::RA | cmdq_base::LOG2SIZE);
        let log2size = u32::try_from(value & cmdq_base::LOG2SIZE)
            .map_or(self.log2size_max, |size| size.min(self.log2size_max));
        let entries = 1_u32 << log2size;
        let bytes = u64::from(entries * WIDTH).max(32);
        let cons = self.ring.head;
        let addr = self.base & cmdq_base::ADDR & !(bytes - 1);
        self.ring = GuestRing::mirrored(addr, entries, WIDTH);
        self.ring.head = cons & self.mask();
        true
    }

    pub(super) const fn prod(&self) -> u32 {
        self.prod
    }

    pub(super) const fn set_prod(&mut self, value: u32) {
        self.prod = value & cmdq_index::MASK;
    }

    /// Ignored while the queue is enabled (6.3.28). Says whether it was not.
    pub(super) const fn set_cons(&mut self, value: u32) -> bool {
        if !self.enabled {
            self.ring.head = value & self.mask();
        }
        !self.enabled
    }

    /// Begins a run up to `PROD`. Where `PROD` claims more than a full queue, nothing
    /// is consumed: one of the CONSTRAINED UNPREDICTABLE behaviours of inconsistent
    /// indexes (3.5.1). Says whether they are consistent.
    pub(super) const fn begin(&mut self) -> bool {
        let end = self.prod & self.mask();
        let used = end.wrapping_sub(self.ring.head) & self.mask();
        let consistent = used <= self.ring.entries();
        self.ring
            .begin(if consistent { end } else { self.ring.head });
        consistent
    }

    /// The bits of an index and of the wrap flag above it.
    const fn mask(&self) -> u32 {
        2 * self.ring.entries() - 1
    }
}
