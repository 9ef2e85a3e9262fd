use std::{fs, ops::Range};

use aya::maps::Queue;
use hwptop_abi::{Config, KERNEL_INSTANCES_MAX, KernelLayout, RequestCell, SLOTS_MAX, StageCell};

use super::{attach::KernelError, plain::Layout};
use crate::ebpf::{OBJECT, Purpose, Settings, loader};

/// The kernel memory that the histograms may take, all CPUs together, as far as it is enough for
/// [`KEYS_MIN`]: 256 slots up to 13 CPUs.
const CELLS_BYTES_MAX: usize = 128 << 20;

/// The keys that are kept apart at least, beside the instances' own slots. A key takes 39.3 KiB a
/// CPU, so that these take 1.2 MiB a CPU where that is more than [`CELLS_BYTES_MAX`] leaves.
const KEYS_MIN: u32 = 31;

/// Loads the object with maps that fit the machine, and fills those that programs take from.
pub(super) fn object(
    layout: &KernelLayout,
    instances: u32,
    config: Config,
) -> Result<aya::Ebpf, KernelError> {
    let (global, config) = (Layout(*layout), Settings(config));
    let mut loaded = loader(Purpose::Kernel)
        .override_global("LAYOUT", &global, true)
        .override_global("CONFIG", &config, true)
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

/// For how many slots there is room within [`CELLS_BYTES_MAX`], but at least for [`KEYS_MIN`]
/// more than instances.
pub(super) fn slots_kept(cpus: usize, instances: u32) -> u32 {
    let per_slot = (size_of::<RequestCell>() + size_of::<StageCell>()) * cpus.max(1);
    let of_host = size_of::<StageCell>() * cpus * instances as usize;
    let room = CELLS_BYTES_MAX.saturating_sub(of_host) / per_slot;
    let room = u32::try_from(room).unwrap_or(u32::MAX);
    room.clamp(instances + KEYS_MIN, SLOTS_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slots_stay_within_their_memory_or_are_as_few_as_is_useful() {
        assert_eq!(slots_kept(2, 3), SLOTS_MAX);
        let per_slot = size_of::<RequestCell>() + size_of::<StageCell>();
        assert!(KEYS_MIN as usize * per_slot <= 5 << 18);
        for cpus in [0, 1, 16, 64, 128, 512, 8192] {
            for instances in [3, 11, KERNEL_INSTANCES_MAX] {
                let slots = slots_kept(cpus, instances);
                assert!(slots >= instances + 31, "{cpus} CPUs: {slots}");
                let of_host = size_of::<StageCell>() * cpus * instances as usize;
                let bytes = per_slot * cpus * slots as usize + of_host;
                let least = slots == instances + 31;
                assert!(bytes <= CELLS_BYTES_MAX || least, "{cpus} CPUs: {slots}");
            }
        }
    }
}
