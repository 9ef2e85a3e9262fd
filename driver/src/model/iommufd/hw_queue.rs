use std::sync::{Arc, PoisonError, RwLock};

use super::super::config::{Gpa, Pa};
use super::Iommufd;
use super::error::{Call, UapiError};
use super::invalidate::smmuv3::assigned;
use super::object::Object;
use super::types::{HwQueueType, ViommuType};
use super::viommu::Viommu;
use crate::spec::smmuv3::COMMAND_LOG2;
use crate::spec::smmuv3::cmdq_index::LOG2SIZE_MAX;
use crate::{Command, HardwareError, HardwareQueue, ObjectId, Unit, errno};

/// Queues of a vIOMMU: `num_lvcmdqs_per_vintf` of Tegra241.
const QUEUES_MAX: u32 = 2;

/// Bytes of the largest queue (`SMMU_IDR1.CMDQS`).
const LENGTH_MAX: u64 = 1 << (LOG2SIZE_MAX + COMMAND_LOG2);

/// `IOMMUFD_OBJ_HW_QUEUE`: a queue of the hardware's that the guest fills itself.
pub(super) struct HwQueue<Q> {
    viommu: Arc<Viommu<Q>>,
    index: u32,
    from: u64,
    last: u64,
    /// Where the guest has it.
    base: Gpa,
    /// Where that is in the host.
    host: Pa,
    /// False from the object's destruction on. Held for reading while a command is
    /// executed.
    is_alive: RwLock<bool>,
}

/// The hardware's side of a HW_QUEUE: where its commands are, and as a [`Unit`] what
/// becomes of them. The guest's StreamIDs become the host's (the SID match registers that
/// `tegra241_vintf_init_vsid` fills) and the VMID that of the vIOMMU
/// (`tegra241_vintf_hw_init`).
///
/// What a guest must not send there is [`HardwareError::Illegal`]: everything but
/// TLBI_NH_* and ATC_INV of its own devices. From the object's destruction on every
/// command is [`HardwareError::Abort`], so that a queue that is still run stops: its VMID
/// may be somebody else's by then.
pub struct HwQueueHandle<Q>(Arc<HwQueue<Q>>);

impl<Q> HwQueueHandle<Q> {
    /// Guest-physical address of the first command (`nesting_parent_iova`), aligned as in
    /// the host's memory.
    #[must_use]
    pub fn base(&self) -> Gpa {
        self.0.base
    }

    /// How many commands it holds, as a power of two: 1 to 19.
    #[must_use]
    pub fn log2size(&self) -> u32 {
        let bytes = self.0.last - self.0.base.0 + 1;
        bytes.trailing_zeros() - COMMAND_LOG2
    }
}

impl<Q: Send + Sync> Unit for HwQueueHandle<Q> {
    fn execute(&self, command: Command) -> Result<(), HardwareError> {
        let queue = &self.0;
        let is_alive = queue
            .is_alive
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        if !*is_alive {
            return Err(HardwareError::Abort);
        }
        let command = assigned(&queue.viommu, command.words()).ok_or(HardwareError::Illegal)?;
        queue.viommu.instance.unit.execute(command)
    }
}

impl<Q: HardwareQueue> Iommufd<Q> {
    /// `IOMMU_HW_QUEUE_ALLOC`: `length` bytes of the guest's memory at `base`. As in the
    /// kernel only vIOMMUs of [`ViommuType::TEGRA241_CMDQV`] have such queues, one for
    /// each index. While it lives its memory stays mapped.
    ///
    /// # Errors
    /// - `EOPNOTSUPP`: a type that the vIOMMU does not have.
    /// - `EINVAL`: empty; not a power of two of 32 bytes to 8 MiB; not aligned to its
    ///   length; no such index.
    /// - `EOVERFLOW`: it wraps. `ENOENT`: no such vIOMMU, or memory that is not mapped.
    ///   `EFAULT`: memory that is not contiguous in the host.
    /// - `EEXIST`: the index is taken. `EIO`: the index before it is not.
    pub fn hw_queue_alloc(
        &self,
        viommu_id: ObjectId,
        kind: HwQueueType,
        index: u32,
        base: Gpa,
        length: u64,
    ) -> Result<ObjectId, UapiError> {
        let call = Call::HW_QUEUE_ALLOC;
        let unsupported = call.error(errno::EOPNOTSUPP, "the vIOMMU has no such queue");
        if kind == HwQueueType::DEFAULT {
            return Err(unsupported);
        }
        let empty = call.error(errno::EINVAL, "the length is 0");
        let last = length.checked_sub(1).ok_or(empty)?;
        let wraps = call.error(errno::EOVERFLOW, "the memory wraps");
        let last = base.0.checked_add(last).ok_or(wraps)?;
        let viommu = self.objects.viommu(call, viommu_id)?;
        if viommu.kind != ViommuType::TEGRA241_CMDQV || kind != HwQueueType::TEGRA241_CMDQV {
            return Err(unsupported);
        }
        let first_page = base.0 & !0xfff;
        let host = viommu.ioas.lock_range(call, first_page, last)?;
        let queue = HwQueue {
            viommu: Arc::clone(&viommu),
            index,
            from: first_page,
            last,
            base,
            host: Pa(host.0 + (base.0 & 0xfff)),
            is_alive: RwLock::new(true),
        };
        let inserted = self.insert_hw_queue(viommu_id, queue, length);
        if inserted.is_err() {
            viommu.ioas.unlock_range(first_page, last);
        }
        inserted
    }

    /// What the hardware runs a HW_QUEUE with. It outlives the object, but executes
    /// nothing more then.
    ///
    /// # Errors
    /// `ENOENT`: no such HW_QUEUE.
    pub fn hw_queue(&self, id: ObjectId) -> Result<HwQueueHandle<Q>, UapiError> {
        let queue = self.objects.hw_queue(Call::HW_QUEUE, id)?;
        Ok(HwQueueHandle(queue))
    }

    /// `tegra241_vintf_alloc_lvcmdq_user`. Each queue needs the one before it, because
    /// they are taken away in the opposite order.
    fn insert_hw_queue(
        &self,
        viommu_id: ObjectId,
        queue: HwQueue<Q>,
        length: u64,
    ) -> Result<ObjectId, UapiError> {
        let call = Call::HW_QUEUE_ALLOC;
        let (viommu, index) = (Arc::clone(&queue.viommu), queue.index);
        if index >= QUEUES_MAX {
            return Err(call.error(errno::EINVAL, "there is no such index"));
        }
        let mut queues = viommu
            .hw_queues
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if queues.contains_key(&index) {
            return Err(call.error(errno::EEXIST, "the index is taken"));
        }
        let mut parents = vec![viommu_id];
        if let Some(before) = index.checked_sub(1) {
            let missing = call.error(errno::EIO, "the queue before it is not allocated");
            parents.push(*queues.get(&before).ok_or(missing)?);
        }
        if !length.is_power_of_two() || !(32..=LENGTH_MAX).contains(&length) {
            return Err(call.error(errno::EINVAL, "the length is not a power of two in range"));
        }
        if queue.host.0 & (length - 1) != 0 {
            return Err(call.error(errno::EINVAL, "the base is not aligned to the length"));
        }
        let id = self.objects.reserve(call)?;
        let object = Object::HwQueue(Arc::new(queue));
        self.objects.insert(call, id, &parents, object)?;
        queues.insert(index, id);
        Ok(id)
    }
}

impl<Q> HwQueue<Q> {
    /// A command in execution is waited for (`tegra241_vcmdq_hw_deinit`).
    pub(super) fn release(&self) {
        let is_alive = self.is_alive.write();
        *is_alive.unwrap_or_else(PoisonError::into_inner) = false;
        let queues = self.viommu.hw_queues.lock();
        queues
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&self.index);
        self.viommu.ioas.unlock_range(self.from, self.last);
    }
}
