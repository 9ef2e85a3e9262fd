use std::{fs, ops::Range};

use aya::maps::Queue;
use hwptop_abi::{KERNEL_INSTANCES_MAX, KernelLayout, RequestCell, SLOTS_MAX, StageCell};

use super::{attach::KernelError, plain::Layout};
use crate::ebpf::{OBJECT, Purpose, loader};

/// The most kernel memory that the histograms may take, all CPUs together: 256 slots up to
/// 15 CPUs, 31 slots at 128 CPUs.
const CELLS_BYTES_MAX: usize = 128 << 20;

/// Loads the object with maps that fit the machine, and fills those that programs take from.
pub(super) fn object(layout: &KernelLayout, instances: u32) -> Result<aya::Ebpf, KernelError> {
    let global = Layout(*layout);
    let mut loaded = loader(Purpose::Kernel)
        .override_global("LAYOUT", &global, true)
        .map_max_entries("REQUESTS", layout.slots)
        .map_max_entries("SUBMISSIONS", layout.slots + instances)
        .map_max_entries("SLOT_OF", layout.slots)
        .map_max_entries("FREE_SLOTS", layout.slots)
        .map_max_entries("INSTANCE_OF", instances)
        .map_max_entries("FREE_INSTANCES", instances)
        .map_max_entries("KERNEL_INSTANCES", instances)
        .load(OBJECT)?;
    // The first slots are those of the instances, number 0 stands for no instance.
    fill(&mut loaded, "FREE_SLOTS", instances..layout.slots)?;
    fill(&mut loaded, "FREE_INSTANCES", 1..instances)?;
    Ok(loaded)
}

fn fill(loaded: &mut aya::Ebpf, map: &'static str, numbers: Range<u32>) -> Result<(), KernelError> {
    let failed = |source| KernelError::Map { map, source };
    let found = loaded.map_mut(map).ok_or(KernelError::Foreign(map))?;
    let mut queue: Queue<_, u32> = Queue::try_from(found).map_err(failed)?;
    for number in numbers {
        queue.push(number, 0).map_err(failed)?;
    }
    Ok(())
}

/// How many instances are told apart: none, those there are, the mock, and one that comes.
pub(super) fn instances_kept() -> u32 {
    let there = fs::read_dir("/sys/class/iommu").map_or(0, Iterator::count);
    u32::try_from(there.saturating_add(3))
        .map_or(KERNEL_INSTANCES_MAX, |n| n.min(KERNEL_INSTANCES_MAX))
}

/// For how many slots there is room within [`CELLS_BYTES_MAX`]: at least one more than
/// instances.
pub(super) fn slots_kept(cpus: usize, instances: u32) -> u32 {
    let per_slot = (size_of::<RequestCell>() + size_of::<StageCell>()) * cpus.max(1);
    let room = u32::try_from(CELLS_BYTES_MAX / per_slot).unwrap_or(u32::MAX);
    room.clamp(instances + 1, SLOTS_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slots_stay_within_their_memory_or_are_as_few_as_can_be() {
        assert_eq!(slots_kept(2, 3), SLOTS_MAX);
        for cpus in [0, 1, 16, 64, 128, 1024] {
            let slots = slots_kept(cpus, 10);
            let bytes = (size_of::<RequestCell>() + size_of::<StageCell>()) * cpus * slots as usize;
            assert!(bytes <= CELLS_BYTES_MAX || slots == 11, "{cpus} CPUs");
        }
    }
}
