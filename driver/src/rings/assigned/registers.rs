use std::sync::atomic::{
    AtomicU32, AtomicU64,
    Ordering::{Acquire, Relaxed, Release},
};

use super::AssignedCounts;
use crate::counts::add;
use crate::spec::smmuv3::gerror::{CMDQ_ERR, MSI_CMDQ_ABT_ERR};
use crate::spec::smmuv3::{COMMAND_LOG2, cmdq_index};

/// Why the queue stopped (SMMUv3 7.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cerror {
    Ill = 1,
    Abt = 2,
    AtcInvSync = 3,
}

/// The page of registers that guest and hardware share.
#[derive(Debug)]
pub(super) struct Registers {
    log2size: u32,
    prod: AtomicU32,
    /// When PROD was written.
    prod_ns: AtomicU64,
    cons: AtomicU32,
    /// Toggled by hardware only.
    gerror: AtomicU32,
    /// Written by the guest only.
    gerrorn: AtomicU32,
    commands: AtomicU64,
    syncs: AtomicU64,
    errors: AtomicU64,
}

impl Registers {
    pub(super) fn new(log2size: u32) -> Self {
        Self {
            log2size,
            prod: AtomicU32::new(0),
            prod_ns: AtomicU64::new(0),
            cons: AtomicU32::new(0),
            gerror: AtomicU32::new(0),
            gerrorn: AtomicU32::new(0),
            commands: AtomicU64::new(0),
            syncs: AtomicU64::new(0),
            errors: AtomicU64::new(0),
        }
    }

    /// Index and wrap bit.
    const fn mask(&self) -> u32 {
        (2 << self.log2size) - 1
    }

    pub(super) fn write_prod(&self, value: u32, now_ns: u64) {
        self.prod_ns.store(now_ns, Relaxed);
        // The commands are in guest memory before PROD says so.
        self.prod.store(value & self.mask(), Release);
    }

    pub(super) fn prod(&self) -> u32 {
        self.prod.load(Acquire)
    }

    pub(super) fn prod_ns(&self) -> u64 {
        self.prod_ns.load(Relaxed)
    }

    pub(super) fn cons(&self) -> u32 {
        self.cons.load(Acquire)
    }

    pub(super) fn gerror(&self) -> u32 {
        self.gerror.load(Acquire)
    }

    pub(super) fn write_gerrorn(&self, value: u32) {
        // A command that the guest replaced is in memory before.
        self.gerrorn.store(value, Release);
    }

    pub(super) fn counts(&self) -> AssignedCounts {
        AssignedCounts {
            commands: self.commands.load(Relaxed),
            syncs: self.syncs.load(Relaxed),
            errors: self.errors.load(Relaxed),
        }
    }

    /// Whether the queue stands until the guest acknowledges its error.
    pub(super) fn is_stopped(&self) -> bool {
        self.is_active(CMDQ_ERR)
    }

    /// Where the command at `cons` begins, in bytes from the queue's base.
    pub(super) fn offset(&self, cons: u32) -> u64 {
        u64::from(cons & (self.mask() >> 1)) << COMMAND_LOG2
    }

    /// The command at `cons` is done. Returns the new CONS.
    pub(super) fn advance(&self, cons: u32, is_sync: bool) -> u32 {
        let next = (cons + 1) & self.mask();
        add(if is_sync { &self.syncs } else { &self.commands }, 1);
        self.cons.store(next, Release);
        next
    }

    /// Stops at the command at `cons`.
    pub(super) fn stop(&self, cons: u32, error: Cerror) {
        add(&self.errors, 1);
        self.cons
            .store(cons | (error as u32) << cmdq_index::ERR_SHIFT, Release);
        self.raise(CMDQ_ERR);
    }

    /// An MSI could not be written.
    pub(super) fn msi_aborted(&self) {
        self.raise(MSI_CMDQ_ABT_ERR);
    }

    fn is_active(&self, bit: u32) -> bool {
        (self.gerror.load(Relaxed) ^ self.gerrorn.load(Acquire)) & bit != 0
    }

    /// An error that is active already is not raised again (SMMUv3 7.5).
    fn raise(&self, bit: u32) {
        if !self.is_active(bit) {
            self.gerror.fetch_xor(bit, Release);
        }
    }
}
